"""Bad input: a sentence and an exit code, never a trace, and nothing written before is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.files import file_hash
from sit_engine.records.locking.run_lock import RunLock
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.training import checkpoint
from tests.preloaded import Forked, Telling
from tests.tiny import engine, start_engine, tiny_config, tiny_flags

Result = tuple[int, str]


def tell(capfd: pytest.CaptureFixture[str], *words: str | Path) -> Result:
    """Exit code and standard error of a command in this process; the descriptors are captured."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    capfd.readouterr()
    try:
        code = main([str(word) for word in words])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code, capfd.readouterr().err


def assert_sentence(told: str, *parts: str) -> None:
    """Plain words, with a hint on a line of its own."""
    assert "Traceback" not in told
    last = told.strip().splitlines()[-2:]
    assert len(last) == 2, told
    assert all(line.endswith((".", "`")) for line in last), told
    for part in parts:
        assert part in told, told


@pytest.fixture(scope="module")
def finished(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete tiny run; tests that damage it take a copy."""
    out = tmp_path_factory.mktemp("finished") / "run"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 2}), out, emit=lambda _: None)
    return out


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    shutil.copytree(finished, tmp_path / "done")
    return tmp_path / "done"


def few(sample: Path, folder: Path, count: int) -> Path:
    """A folder of `count` images in two classes."""
    files = sorted(sample.glob("*/*.png"))[:count]
    for number, file in enumerate(files):
        target = folder / ("a" if number % 2 else "b") / file.name.replace(".", f"-{number}.")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return folder


@pytest.mark.parametrize(
    "which", ["missing", "a file", "empty", "no usable image", "fewer than 16", "none given"]
)
def test_folders_that_cannot_be_trained_on_are_data_errors(
    which: str, sample: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "given"
    if which == "a file":
        folder.write_text("text")
    elif which == "fewer than 16":
        few(sample[0], folder, 15)
    elif which != "missing":
        folder.mkdir()
    if which == "no usable image":
        (folder / "broken.png").write_bytes(b"\x89PNG nothing follows")
    out = tmp_path / "run"
    folders = [] if which == "none given" else [folder]
    code, told = tell(capfd, "pretrain", *folders, "--out", out, *tiny_flags())
    assert code == 5
    assert_sentence(told, *map(str, folders))
    assert not out.exists()
    if which == "fewer than 16":
        assert "15" in told


def test_what_permissions_forbid_is_a_data_or_a_disk_error(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """Root may read everything, so it gives up that right first; the kernel then refuses."""
    if sys.platform != "linux" and os.geteuid() == 0:
        pytest.skip("root may read everything here: nothing can be proved")
    secret, fixed = tmp_path / "secret", tmp_path / "fixed"
    secret.mkdir(mode=0o000)
    fixed.mkdir(mode=0o555)
    for folder, out, code, part in (
        (secret, tmp_path / "run", 5, str(secret)),
        (sample[0], fixed / "run", 8, "permission denied"),
    ):
        words = ["pretrain", str(folder), "--out", str(out), *tiny_flags()]
        is_linux = sys.platform == "linux"
        process = Telling(words, module="tests.unprivileged") if is_linux else start_engine(*words)
        told = process.communicate(timeout=120)[1]
        assert process.returncode == code, told
        assert_sentence(told, part)
        assert not out.exists()
    secret.chmod(0o700)


def test_a_class_of_one_image_trains(
    sample: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = few(sample[0], tmp_path / "given", 40)
    (folder / "single").mkdir()
    min((folder / "a").iterdir()).rename(folder / "single" / "x.png")
    code, told = tell(
        capfd, "pretrain", folder, "--out", tmp_path / "run", *tiny_flags(),
        "--optim.batch-size", "16", "--optim.epochs", "1",
    )  # fmt: skip
    assert code == 0, told
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    assert "0:single/x.png" in split["train"]


def test_a_batch_larger_than_the_set_is_a_config_error(
    sample: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    code, told = tell(
        capfd, "pretrain", sample[0], "--out", out, *tiny_flags(), "--optim.batch-size", "4096"
    )
    assert code == 4
    assert_sentence(told, "4096", "optim.batch_size")
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[optim]\nbatchsize = 3\n", ["optim.batchsize", "Did you mean optim.batch_size"]),
        ("[optim]\nepochs = -1\n", ["optim.epochs", "-1"]),
        ("[optim\n", ["mine.toml", "TOML"]),
    ],
)
def test_a_wrong_config_file_names_the_setting(
    text: str, parts: list[str], sample: tuple[Path, Path], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "mine.toml").write_text(text)
    out = tmp_path / "run"
    code, told = tell(
        capfd, "pretrain", sample[0], "--out", out, "--config", tmp_path / "mine.toml"
    )
    assert code == 4
    assert "Traceback" not in told
    assert all(part in told for part in parts), told
    assert not out.exists()


def test_an_error_as_json_is_json_with_a_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", str(tmp_path / "missing"), "--json"]) == 5
    captured = capfd.readouterr()
    error = json.loads(captured.out)["error"]
    assert set(error) == {"code", "message", "hint", "values", "templates"}
    assert error["values"] == {"folder": str(tmp_path / "missing")}
    assert str(tmp_path / "missing") in error["message"]


def test_an_output_below_a_file_is_a_disk_error(
    sample: tuple[Path, Path], done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No user, not even root, can make a folder below a file."""
    (tmp_path / "file").write_text("kept")
    below = tmp_path / "file" / "below"
    for words in (
        ["pretrain", str(sample[0]), "--out", str(below), *tiny_flags()],
        ["inspect", str(done), "--out", str(below)],
        ["export", str(done), "--out", str(below / "model.pt")],
        ["export", str(done), "--format", "safetensors", "--out", str(below)],
        ["demo", "--out", str(below)],
    ):
        code, told = tell(capfd, *words)
        assert code == 8, (words, told)
        assert_sentence(told)
    assert (tmp_path / "file").read_text() == "kept"


def test_a_run_folder_that_exists_is_left_alone(
    sample: tuple[Path, Path], done: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*")}
    code, told = tell(capfd, "pretrain", sample[0], "--out", done, *tiny_flags())
    assert code == 2
    assert_sentence(told, str(done), "resume")
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*")} == before


def test_a_complete_run_is_not_resumed(done: Path, capfd: pytest.CaptureFixture[str]) -> None:
    events = (done / "events.jsonl").read_text()
    code, told = tell(capfd, "resume", done)
    assert code == 2
    assert_sentence(told, "complete", "--epochs")
    assert (done / "events.jsonl").read_text() == events
    assert not (done / "lock").exists()


def test_a_second_trainer_on_a_locked_run_is_refused(
    done: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with RunLock(Run(done)):
        code, told = tell(capfd, "resume", done, "--epochs", "9")
        assert (done / "lock").exists()
    assert code == 2
    assert_sentence(told, f"process {os.getpid()}")


@pytest.mark.parametrize("verb", ["stop", "pause", "finish", "checkpoint", "preview"])
def test_a_command_to_a_run_that_does_not_train_is_refused(
    verb: str, done: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, told = tell(capfd, verb, done)
    assert code == 2
    assert_sentence(told, "completed")
    assert list((done / "control").iterdir()) == []


@pytest.mark.parametrize(
    ("which", "verb"),
    [
        (which, verb)
        for which in ("another format", "no run")
        for verb in ("resume", "stop", "doctor", "inspect", "export", "evaluate")
        # It names what is wrong with a run whose settings are gone.
        if (which, verb) != ("no run", "doctor")
    ],
)
def test_a_folder_that_is_no_run_of_this_format_is_refused(
    verb: str, which: str, done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if which == "another format":
        (done / "format").write_text("99\n")
    else:
        for left in (*done.glob("*.toml"), *done.glob("checkpoints/*/config.toml")):
            left.unlink()
    more = {
        "inspect": ["--out", str(tmp_path / "out")],
        "export": ["--out", str(tmp_path / "out.pt")],
        "evaluate": ["--train", str(tmp_path), "--test", str(tmp_path)],
    }
    code, told = tell(capfd, verb, done, *more.get(verb, []))
    assert code == 2
    assert_sentence(told, str(done), *(["99"] if which == "another format" else []))


class Trap:
    """A pickle that writes a file when it is opened unsafely."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("which", ["corrupt", "foreign"])
def test_a_checkpoint_that_cannot_be_trusted_is_a_data_error(
    which: str, done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The foreign one has a manifest that agrees with it, so only the safe loader stops it."""
    import torch

    opened = tmp_path / "opened"
    for step in checkpoint.all_steps(Run(done)):
        folder = checkpoint.folder(Run(done), step)
        if which == "corrupt":
            (folder / "model.safetensors").write_bytes(b"\0" * 100)
            continue
        torch.save({"progress": Trap(opened)}, folder / "state.pt")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["state.pt"] = {
            "bytes": (folder / "state.pt").stat().st_size,
            "sha256": file_hash(folder / "state.pt"),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
    code, told = tell(capfd, "resume", done, "--epochs", "9")
    assert code == 5, told
    assert_sentence(told)
    assert not opened.exists()
    assert not (done / "lock").exists()
    if which == "corrupt":
        assert tell(capfd, "doctor", done)[0] == 5


def test_doctor_finds_the_damaged_checkpoint_among_good_ones(
    done: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(done), "--json"]) == 0
    sound = json.loads(capfd.readouterr().out)
    steps = [name for name in sound if name.startswith("step ")]
    assert len(steps) > 1
    assert {sound[step] for step in steps} == {"good"}
    newest = checkpoint.newest_verified(Run(done))[0]
    (newest / "state.pt").write_bytes(b"half")
    assert main(["doctor", str(done), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [step for step in steps if found[step] != "good"] == [steps[-1]]
    assert "damaged" in found[steps[-1]]


def test_runs_lists_what_stands_in_a_folder(
    done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert (row["path"], row["status"], row["step"]) == (str(done), "completed", row["total_steps"])
    assert main(["runs", str(tmp_path)]) == 0
    assert "completed" in capfd.readouterr().out
    assert main(["runs", str(tmp_path / "missing")]) == 2


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_while_training_keeps_what_was_written(
    sample: tuple[Path, Path], small_disk: Path, tmp_path: Path
) -> None:
    out = small_disk / "run"
    done = engine("pretrain", sample[0], "--out", out, *tiny_flags(), "--watch.keep", "9")
    assert done.returncode == 8, done.stderr
    assert_sentence(done.stderr, str(out), "no space left")
    kept, _, rejected = checkpoint.newest_verified(open_run(out))
    assert rejected == []
    assert list((out / "checkpoints").glob(".*")) == []
    # With room again, the run goes on from there.
    shutil.copytree(out, tmp_path / "moved")
    again = engine("resume", tmp_path / "moved")
    assert again.returncode == 0, again.stderr
    assert f"from {kept.name}" in again.stderr


def test_a_disk_that_is_full_from_the_start_leaves_no_half_made_run(
    sample: tuple[Path, Path], small_disk: Path
) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(b"\0" * 2**20)
    done = engine("pretrain", sample[0], "--out", small_disk / "run", *tiny_flags())
    assert done.returncode == 8, done.stderr
    assert_sentence(done.stderr, str(small_disk / "run"))
    assert not (small_disk / "run").exists()


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="a limit on file sizes is set in a fork, which only Linux does safely here",
)
@pytest.mark.parametrize("most_bytes", [0, 1000, 40_000])
def test_a_limit_of_the_kernel_on_file_sizes_is_a_disk_error(
    most_bytes: int, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """At the run folder's first file, in its split or events, and inside the first checkpoint."""
    out = tmp_path / "run"
    words = ["pretrain", str(sample[0]), "--out", str(out), *tiny_flags()]
    hear, say = os.pipe()  # A file of what it says would have that limit too.
    process = Forked(words, say, say, file_bytes=most_bytes)
    os.close(say)
    with os.fdopen(hear, encoding="utf-8") as heard:
        told = heard.read()
    assert process.wait(timeout=120) == 8, told
    assert_sentence(told)
    assert most_bytes == 40_000 or not out.exists()
