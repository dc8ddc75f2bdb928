"""The command line `sit-engine`: parse, call one verb, turn errors into sentences and codes."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from sit_engine.cli.faults import check_room, fault, record_of
from sit_engine.errors import STOPPED_EXIT_CODE, SitError

EXIT_CODES = (
    "exit codes: 0 done, 1 our own fault, 2 usage, 3 stopped by you, 4 config, 5 data, "
    "6 not finite, 7 out of memory, 8 disk, 9 device, 10 a process lost, "
    "11 not reproduced, 143 terminated"
)


class Verb(NamedTuple):
    """A command: the module under `sit_engine.cli` that adds its flags and runs it."""

    module: str
    help: str


VERBS = {
    "demo": Verb("demo", "do the whole job on the built-in sample of photographs, in minutes"),
    "scan": Verb("scan", "list and check a folder: what is usable, what is not and why"),
    "pretrain": Verb(
        "training.pretrain", "train a vision transformer on folders of images, without labels"
    ),
    "finetune": Verb(
        "training.finetune", "teach a network your labels, from a run, weights or nothing"
    ),
    "resume": Verb("training.resume", "continue a run from its newest good checkpoint"),
    "pause": Verb("training.control", "checkpoint a running run and end it for now"),
    "stop": Verb("training.control", "checkpoint a running run and stop it"),
    "finish": Verb("training.control", "end a running run early and keep it as complete"),
    "checkpoint": Verb("training.control", "write a checkpoint of a running run now"),
    "preview": Verb("training.control", "write reconstructions and attention of a running run now"),
    "extend": Verb("training.control", "make a running run longer"),
    "compare": Verb(
        "studies.compare", "train several settings on one folder alike, and say which is better"
    ),
    "worth": Verb(
        "studies.worth", "find out whether pretraining or public weights pay on a folder"
    ),
    "tune": Verb(
        "studies.tune", "find settings for a folder in short runs, and say what they gain"
    ),
    "search": Verb(
        "studies.search", "find the network for a folder under a budget, and say if it pays"
    ),
    "evaluate": Verb("evaluate", "measure a run on labelled folders beside honest baselines"),
    "predict": Verb("predict", "answer a folder of images with a finetuned run or a model, as CSV"),
    "embed": Verb("embed", "write the features of images, a map of them and near-duplicates"),
    "neighbours": Verb("neighbours", "find the embedded images most like one image"),
    "index": Verb("index", "make or update an index of videos, to find near-duplicates in"),
    "find": Verb("find", "find videos that show what a video, a cut or an image shows, and where"),
    "inspect": Verb("inspect", "write reconstructions and attention maps as pictures and arrays"),
    "export": Verb("export", "write a file that runs without this program"),
    "import": Verb("import_", "turn weights that others trained into a folder to start from"),
    "weights": Verb("weights", "list public weights to start from, and fetch one"),
    "runs": Verb("runs", "list the runs in a folder"),
    "serve": Verb("serve", "answer questions of the window, one JSON line each"),
    "config": Verb("config", "print a config file with every setting"),
    "doctor": Verb("doctor", "check this machine, or one run"),
    "replay": Verb("replay", "work the step again that ended a run since it was not finite"),
    "repair": Verb(
        "repair", "mend a run folder: free its lock, bring files back, put damage aside"
    ),
}


def parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The command line; only the flags of `verb` are worked out, so that help comes at once."""
    top = argparse.ArgumentParser(
        prog="sit-engine",
        description="Pretrain a vision transformer on your own images without labels, see whether "
        "it learns, and take the model home.",
        epilog=f"Start with `sit-engine demo`. Every command has --help and --json.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(dest="verb", metavar="COMMAND", title="commands")
    for name, found in VERBS.items():
        about = found.help[0].upper() + found.help[1:] + "."
        sub = commands.add_parser(name, help=found.help, description=about, epilog=EXIT_CODES)
        if name == verb:
            importlib.import_module(f"sit_engine.cli.verbs.{found.module}").add_flags(sub, name)
        sub.add_argument("--json", action="store_true", help="print JSON for programs")
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    words = sys.argv[1:] if words is None else list(words)
    verb = next((word for word in words if not word.startswith("-")), None)
    as_json = "--json" in words
    try:
        check_room(verb)
        return _main(verb, words)
    except SitError as error:
        _tell(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED_EXIT_CODE
    except BrokenPipeError:
        # The reader went away (`| head`): nothing to tell anyone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the one boundary of this process
        found = fault(error)
        _tell(found, as_json=as_json)
        return found.exit_code


def _main(verb: str | None, words: list[str]) -> int:
    top = parser(verb)
    chosen = top.parse_args(words)
    chosen.words = words
    if chosen.version:
        from importlib.metadata import version

        print(f"sit-engine {version('sit-studio')}")
        return 0
    if chosen.verb is None:
        top.print_help()
        return 2
    module = importlib.import_module(f"sit_engine.cli.verbs.{VERBS[chosen.verb].module}")
    return int(module.run(chosen))


def _tell(error: SitError, *, as_json: bool) -> None:
    text = json.dumps({"error": record_of(error)})
    stream = sys.stdout if as_json else sys.stderr
    try:
        print(
            text if as_json else f"{error.message}\n{error.hint}".strip(), file=stream, flush=True
        )
    except OSError:
        # A full disk: the exit code alone has to tell, and must not be lost in a last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def entry() -> None:
    """What the installed `sit-engine` calls."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name that the terminal cannot show must not end the program.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
