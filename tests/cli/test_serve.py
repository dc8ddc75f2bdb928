"""Questions of the window, asked of a real child process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sit_engine import api
from sit_engine.cli.answers import ask
from sit_engine.cli.question import QuestionContext
from sit_engine.cli.verbs.serve import Serving
from sit_engine.config.tree import ComputeOptions
from sit_engine.data.folder.saved_index import SavedIndex
from sit_engine.data.sample import write_sample
from sit_engine.machine import spinning
from sit_engine.records.imported import Imported
from tests.models.imports import foreign_files
from tests.tiny import TINY, tiny_config

Json = dict[str, Any]
COMMAND = [sys.executable, "-m", "sit_engine", "serve"]


class Child:
    """A serving process and one question at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.ready = self.hear()
        self.said: list[Json] = []

    def hear(self) -> Json:
        assert self.process.stdout is not None
        found: Json = json.loads(self.process.stdout.readline())
        return found

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def ask(self, name: str, **params: object) -> Json:
        """The answer or the error; what was said before it stands in `said`."""
        self.write(json.dumps({"id": name, "ask": name, **params}).encode("ascii"))
        self.said = []
        while not {"answer", "error"} & set(found := self.hear()):
            self.said.append(found)
        assert found["id"] == name
        assert all(record["id"] == name for record in self.said)
        return found

    def answer(self, name: str, **params: object) -> Json:
        """The answer, which there must be."""
        found = self.ask(name, **params)
        assert "answer" in found, found
        answer: Json = found["answer"]
        return answer


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """One for all questions, as the window keeps it."""
    opened = Child()
    yield opened
    _, printed = opened.process.communicate(timeout=30)
    assert opened.process.returncode == 0
    assert printed == b""


def test_it_says_that_it_is_ready_and_loads_torch_only_when_needed(child: Child) -> None:
    assert child.ready["ready"] is True
    assert child.ready["version"].startswith("0.")
    maps = Path(f"/proc/{child.process.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not JSON", "ask.not_json"),
        (b"\xff\xfe", "ask.not_json"),
        (b"[]", "ask.not_json"),
        (b'{"id": 3}', "ask.unknown"),
        (b'{"id": 3, "ask": "dance"}', "ask.unknown"),
        (b'{"id": 3, "ask": "scan"}', "ask.parameters"),
        (b'{"id": 3, "ask": "cache", "clear": false, "more": 1}', "ask.parameters"),
    ],
)
def test_a_line_that_is_no_question_is_an_error_and_not_the_end(
    child: Child, line: bytes, code: str
) -> None:
    child.write(line)
    found = child.hear()
    assert found["error"]["code"] == code
    assert set(found["error"]) == {"code", "message", "hint", "values", "templates"}
    assert child.answer("cache")["free_bytes"] > 0


@pytest.mark.parametrize(
    ("name", "params", "why"),
    [
        ("cache", {"clear": "false"}, "clear: input should be a valid boolean"),
        ("cache", {"clear": 1}, "clear: "),
        ("resolve", {"config": 7, "facts": {}}, "config: input should be a valid dictionary"),
        ("resolve", {"config": {}, "facts": {}}, "facts.images: "),
        ("resolve", {"config": {}, "facts": {"images": "x"}}, "facts.images: "),
        ("scan", {"folders": "/tmp", "out": "/tmp/x"}, "folders: input should be a valid list"),
        ("scan", {"folders": [3], "out": "/tmp/x"}, "folders.0: "),
        ("scan", {"folders": ["a\0b"], "out": "/tmp/x"}, "zero byte"),
        ("scan", {"folders": ["a\ud800"], "out": "/tmp/x"}, ""),
        ("scan", {"folders": [], "out": "x", "labels": "all"}, "labels: "),
        ("inspect", {"run": "x", "images": [], "out": "x", "step": -1}, "step: "),
        ("inspect", {"run": "x", "images": [], "out": "x", "step": True}, "step: "),
        ("inspect", {"run": "x", "images": [], "out": "x", "step": 10**20}, "too large"),
        ("embed", {"run": "x", "folders": [], "out": "x", "duplicates_above": 1e400}, "too large"),
        ("embed", {"run": "x", "folders": [], "out": "x", "duplicates_above": "1"}, ""),
        ("neighbours", {"embedded": "x", "image": "y", "count": 0}, "count: "),
    ],
)
def test_a_parameter_of_another_type_is_a_sentence(
    child: Child, name: str, params: Json, why: str
) -> None:
    error = child.ask(name, **params)["error"]
    assert error["code"] == "ask.parameters"
    assert why in error["message"]


def test_a_very_long_line_is_refused_in_a_moment_and_the_next_is_answered(child: Child) -> None:
    for _ in range(3):
        child.write(b'{"id": 1, "ask": "' + b"x" * (40 << 20) + b'"}')
        assert child.hear()["error"]["code"] == "ask.too_long"
    assert child.answer("cache")["free_bytes"] > 0
    assert psutil.Process(child.process.pid).memory_info().rss < 1 << 30


def test_a_scan_replaces_no_folder_of_the_users(
    child: Child, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "listed").mkdir()
    (tmp_path / "listed" / "letter.txt").write_text("mine")
    error = child.ask("scan", folders=[str(sample[0])], out=str(tmp_path))["error"]
    assert error["code"] == "index.taken"
    assert (tmp_path / "listed" / "letter.txt").read_text() == "mine"


def test_a_scan_is_saved_twice(child: Child, sample: tuple[Path, Path], tmp_path: Path) -> None:
    found = child.answer(
        "scan", folders=[str(sample[0])], test=[str(sample[0] / "cat")], out=str(tmp_path)
    )
    parts = [record["part"] for record in child.said if "part" in record]
    phases = {record["phase"] for record in child.said if "phase" in record}
    assert [part["listed"]["stage"] for part in parts] == ["listed"]
    assert {"listing", "headers"} <= phases  # Decoded by another test, perhaps.
    saved = SavedIndex.open(Path(found["folder"]))
    assert saved.summary == found["summary"]
    assert (len(saved), len(saved.leaks), found["summary"]["stage"]) == (192, 12, "decoded")
    assert len(SavedIndex.open(tmp_path / "listed")) == 192
    error = child.ask("scan", folders=[str(tmp_path / "no")], out=str(tmp_path))["error"]
    assert (error["code"], error["values"]) == (
        "data.folder_missing",
        {"folder": str(tmp_path / "no")},
    )


def test_settings_are_resolved_and_views_are_shown(
    child: Child, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    facts = {"images": 192, "classes": 16, "median_side_px": 32}
    compute = {"precision": "fp32", "matmul": "highest"}
    found = child.answer("resolve", config={"preset": "quick", "compute": compute}, facts=facts)
    assert found["settings"]["model"]["image_size"] == 32
    assert "model.image_size" in found["reasons"]
    assert "px" in found["templates"]["model.image_size"]["template"]
    images = [str(path) for path in sorted(sample[0].rglob("000.png"))[:4]]
    shown = child.answer(
        "views", images=images, config=found["settings"], seed=1, out=str(tmp_path)
    )
    assert shown["image_size"] == 32
    arrays = {name: np.load(path) for name, path in shown["files"].items()}
    assert {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == {
        "original": ((4, 32, 32, 3), "uint8"),
    } | {
        f"{view['name']} {part}": shape
        for view in shown["views"]
        for part, shape in {
            "clean": ((4, 32, 32, 3), "uint8"),
            "rotated": ((4, 32, 32, 3), "uint8"),
            "rotations": ((4,), "int64"),
            "corrupted": ((4, 32, 32, 3), "uint8"),
            "mask": ((4, 32, 32), "bool"),
        }.items()
    }
    assert shown["views"] == [
        {"name": name, "size": 32, "for_student": True, "for_teacher": False}
        for name in ("view 0", "view 1")
    ]
    assert arrays["view 0 mask"].mean() == pytest.approx(shown["mask_share"])


def test_the_device_is_described(child: Child) -> None:
    found = child.answer("device", device="cpu")
    assert found["facts"]["kind"] == "cpu"
    assert {"torch", "why_no_gpu", "torchscript"} < set(found)
    assert child.ask("device", device="gpu")["error"]["code"] == "config.value"


def test_a_run_is_measured_before_and_after(
    child: Child, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    config = TINY | {"data": {"folders": [str(sample[0])]}}
    dry = child.answer("dry_run", config=config)
    assert (dry["total_steps"], dry["batch_size"]) == (20, 32)
    run = tmp_path / "run"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 1}), run, emit=lambda _: None)
    found = child.answer(
        "evaluate",
        run=str(run),
        train=[str(sample[0])],
        test=[str(sample[1])],
        knn_only=True,
    )
    assert found["report"]["test_images"] == 64
    assert "Accuracy" in found["text"]
    assert json.loads(Path(found["file"]).read_text())["test_images"] == 64
    done = child.answer(
        "export", run=str(run), format="safetensors", out=str(tmp_path / "exported")
    )
    assert Path(done["path"], "model.safetensors").exists()
    assert "timm" in done["snippet"]
    files = child.answer("inspect", run=str(run), images=[], out=str(tmp_path / "looked"))["files"]
    assert files
    assert all(Path(file).exists() for file in files)
    assert child.answer("cache", clear=True)["bytes"] == 0


def test_weights_of_others_are_imported_or_refused(child: Child, tmp_path: Path) -> None:
    file = foreign_files.saved(foreign_files.sit2021(), tmp_path / "checkpoint.pth")
    params = {"file": str(file), "out": str(tmp_path / "theirs")}
    assert child.ask("import", **params)["error"]["code"] == "import.heads_unknown"
    found = child.answer("import", **params, heads=4, network="model_ema")
    assert Imported.from_json(found).facts.tokens == 2
    assert json.loads((tmp_path / "theirs" / "import.json").read_text())["network"] == "model_ema"


def test_the_sample_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = partial(write_sample, train_per_class=2, test_per_class=1, side=16)
    monkeypatch.setattr("sit_engine.data.sample.write_sample", few)

    def answer() -> Json:
        return ask(QuestionContext(lambda _: None, lambda: False), "sample", {"out": str(tmp_path)})

    found = answer()
    train, test = Path(found["train"]), Path(found["test"])
    assert len(list(train.iterdir())) == len(list(test.iterdir())) == 16
    first = min(train.rglob("*.png"))
    first.unlink()
    assert answer() == found
    assert not first.exists()
    # Broken off before its end, it is written again.
    (tmp_path / ".complete").unlink()
    assert answer() == found
    assert first.exists()


def test_questions_before_the_end_of_the_input_are_answered() -> None:
    asked = b'{"id": 1, "ask": "cache"}\n\n{"id": 2, "ask": "cache"}'
    done = subprocess.run(COMMAND, input=asked, capture_output=True, timeout=60, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("id") for line in lines] == [None, 1, 2]


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_it_outlives_ctrl_c_and_ends_with_sigterm() -> None:
    child = Child()
    child.process.send_signal(signal.SIGINT)
    assert child.answer("cache")
    child.process.terminate()
    _, printed = child.process.communicate(timeout=10)
    assert (child.process.returncode, printed) == (143, b"")


def test_a_signal_that_a_library_wraps_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    serving = Serving(out)

    def wrapping(*_: object) -> None:
        try:
            serving.end(signal.SIGTERM, None)
        except SystemExit as ended:
            raise ValueError("building a model: SystemExit: 143") from ended

    monkeypatch.setattr("sit_engine.cli.verbs.serve.ask", wrapping)
    with pytest.raises(SystemExit, match="143"):
        serving.answer(b'{"id": 1, "ask": "device"}')
    assert out.getvalue() == b""


ORPHAN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "sit_engine", "serve"], stdin=0, stdout=1)
print(child.pid, file=sys.stderr, flush=True)
sys.stdin.close()
child.wait()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a parent")
def test_it_ends_when_its_parent_dies_though_its_input_stays_open() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert parent.stderr is not None
    assert parent.stdout is not None
    served = psutil.Process(int(parent.stderr.readline()))
    assert json.loads(parent.stdout.readline())["ready"]
    parent.kill()
    until_s = time.monotonic() + 10
    while served.is_running() and served.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until_s
        time.sleep(0.1)
    parent.communicate(timeout=10)


@pytest.mark.parametrize(("name", "is_long"), [("evaluate", True), ("cache", False)])
def test_a_long_question_leaves_the_cores_to_others(
    monkeypatch: pytest.MonkeyPatch, name: str, is_long: bool
) -> None:
    inside: list[str] = []

    @contextmanager
    def courteous(compute: ComputeOptions) -> Iterator[None]:
        assert compute.device == "cpu"
        inside.append("in")
        yield
        inside.append("out")

    monkeypatch.setattr(spinning, "courteous", courteous)
    out = io.BytesIO()
    Serving(out).answer(json.dumps({"id": 1, "ask": name, "run": "nowhere"}).encode())
    assert b'"id": 1' in out.getvalue()
    assert inside == (["in"] if is_long else [])
