"""Help comes at once, without torch and without a window; JSON is JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sit_engine.cli.main import VERBS
from tests.tiny import engine

HEAVY = ("torch", "timm", "PySide6", "sklearn", "matplotlib", "scipy")
ASK = """
import contextlib, io, json, sys
from sit_engine.cli.main import VERBS, main
codes = {}
for words in [["--help"]] + [[verb, "--help"] for verb in VERBS]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code
    loaded = sorted(name for name in sys.argv[1:] if name in sys.modules)
    codes[words[0]] = [code, text.getvalue(), loaded]
print(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def helps() -> dict[str, tuple[int, str, list[str]]]:
    """Exit code, text and heavy packages loaded so far, after the help of each verb in turn."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASK, *HEAVY],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    found: dict[str, tuple[int, str, list[str]]] = json.loads(done.stdout)
    return found


def test_help_of_everything_loads_nothing_heavy(
    helps: dict[str, tuple[int, str, list[str]]],
) -> None:
    assert [(words, loaded) for words, (_, _, loaded) in helps.items() if loaded] == []


@pytest.mark.parametrize("verb", list(VERBS))
def test_the_help_of_a_verb_says_what_it_does_and_its_exit_codes(
    helps: dict[str, tuple[int, str, list[str]]], verb: str
) -> None:
    code, text, _ = helps[verb]
    assert code == 0
    assert " ".join(VERBS[verb].help.split()[1:4]) in " ".join(text.split())
    assert "--json" in text
    assert "5 data" in " ".join(text.split())


def test_the_first_help_names_every_verb(helps: dict[str, tuple[int, str, list[str]]]) -> None:
    code, text, _ = helps["--help"]
    assert code == 0
    # A long name stands on a line of its own.
    assert all(re.search(rf"^    {verb}( |$)", text, re.MULTILINE) for verb in VERBS)
    assert "sit-engine demo" in text


def test_a_fresh_process_prints_help_and_ends_with_0() -> None:
    for words in (["--help"], ["pretrain", "--help"]):
        done = engine(*words, cold=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: sit-engine")


def test_no_verb_and_unknown_words_are_usage_errors() -> None:
    assert engine().returncode == 2
    unknown = engine("dance")
    assert unknown.returncode == 2
    assert "dance" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_the_version_is_that_of_the_package() -> None:
    done = engine("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("sit-engine 0.")


def test_the_printed_config_is_read_back_by_config(tmp_path: Path) -> None:
    flags = ("--preset", "quick", "--optim.batch-size", "24", "--method.views.flip", "0.25")
    first = engine("config", *flags, check=True)
    (tmp_path / "mine.toml").write_text(first.stdout)
    second = engine("config", "--config", tmp_path / "mine.toml", check=True)
    assert second.stdout == first.stdout
    assert "batch_size = 24" in first.stdout
    as_json = json.loads(engine("config", *flags, "--json", check=True).stdout)
    assert as_json["optim"]["batch_size"] == 24
    assert as_json["method"]["name"] == "sit"


def test_doctor_tells_about_the_machine() -> None:
    done = engine("doctor", "--json", check=True)
    found = json.loads(done.stdout)
    assert {"Python", "torch", "timm", "Device", "CPU threads", "Cache", "TorchScript"} <= set(
        found
    )
    assert done.stderr == ""
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert ("no GPU: " in found["Device"]) == (not has_gpu)


def test_scan_as_json_has_the_promised_keys(sample: tuple[Path, Path]) -> None:
    done = engine("scan", sample[0], "--json", check=True)
    found = json.loads(done.stdout)
    assert {"images", "usable", "problems", "duplicates", "classes", "sizes"} <= set(found)
    assert found["usable"] == found["images"] == 12 * len(found["classes"])
    assert done.stderr == ""
    assert "usable" in engine("scan", sample[0], check=True).stdout
