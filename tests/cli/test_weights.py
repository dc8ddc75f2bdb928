"""`sit-engine weights`: the list, and fetching from a small hub on the loopback address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm

from sit_engine.cli.main import main
from sit_engine.records.public_weights import GATED, PUBLIC
from tests.cli.test_bad_input import tell
from tests.hub import NAME, PIECE, Hub, serving


@pytest.fixture
def hub() -> Iterator[Hub]:
    """With a tiny ViT."""
    with serving() as held:
        yield held


def begin(address: str, tmp_path: Path) -> subprocess.Popen[str]:
    """The command in a process of its own, whose hub is at that address."""
    own = {
        "HF_ENDPOINT": address, "SIT_CACHE_DIR": str(tmp_path / "cache"), "HF_TOKEN": "a-secret",
        "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    words = ("weights", "get", NAME, "--out", str(tmp_path / "out"))
    return subprocess.Popen(
        [sys.executable, "-m", "sit_engine", *words],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def get(address: str, tmp_path: Path) -> tuple[int, str, str]:
    """Exit code and what was said, to both."""
    process = begin(address, tmp_path)
    said, told = process.communicate(timeout=240)
    return process.returncode, said, told


def test_what_is_fetched_is_a_folder_to_start_from_and_goes_on_after_a_kill(
    hub: Hub, tmp_path: Path
) -> None:
    hub.stalls_after = PIECE + 1000
    assert len(hub.files["model.safetensors"]) > hub.stalls_after
    process = begin(hub.address, tmp_path)
    assert hub.has_stalled.wait(120)
    kept = tmp_path / "cache"
    until = time.monotonic() + 60
    while sum(path.stat().st_size for path in kept.rglob("*.partial")) < PIECE:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert not (tmp_path / "out").exists()

    hub.stalls_after = None
    hub.asked.clear()
    code, said, told = get(hub.address, tmp_path)
    assert code == 0, told
    ranges = [part for method, file, part in hub.asked
              if method == "GET" and file == "model.safetensors"]  # fmt: skip
    assert len(ranges) == 1
    assert int(ranges[0].removeprefix("bytes=").split("-")[0]) >= PIECE
    made = json.loads((tmp_path / "out" / "import.json").read_text("utf-8"))
    assert made
    assert f"--weights {tmp_path / 'out'}" in said
    assert hub.sent_tokens == []
    assert not (tmp_path / "home").exists()


def test_what_is_not_what_the_hub_told_of_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.lies = True
    code, _, told = get(hub.address, tmp_path)
    assert code == 5
    assert "its sha256 differs" in told
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_offline_is_a_sentence(tmp_path: Path) -> None:
    code, _, told = get("http://127.0.0.1:9", tmp_path)
    assert code == 5
    assert f"{NAME} could not be fetched" in told
    assert "Check the connection and ask again: what has come is kept" in told
    assert "with a browser" in told
    assert "Traceback" not in told


def test_the_list_says_what_they_saw_and_what_may_be_done_with_them(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["weights", "list"]) == 0
    said = capfd.readouterr().out
    for weights in PUBLIC.values():
        assert weights.name in said
        assert weights.saw in said
        assert weights.link in said
        assert weights.terms
    assert all(name in said for name in GATED)
    assert "What you train from them is yours" in said
    assert main(["weights", "list", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["name"] for one in found["weights"]] == list(PUBLIC)


def test_gated_and_unknown_names_are_sentences(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, said = tell(capfd, "weights", "get", next(iter(GATED)), "--out", tmp_path / "out")
    assert code == 2
    assert "Accept it at huggingface.co/" in said
    code, said = tell(capfd, "weights", "get", "dinov9", "--out", tmp_path / "out")
    assert code == 2
    assert "no public weights called dinov9" in said
    code, said = tell(capfd, "weights", "get")
    assert code == 2
    assert "Name one" in said


@pytest.mark.parametrize("weights", PUBLIC.values(), ids=PUBLIC)
def test_sizes_and_licences_are_those_of_timm(weights: object) -> None:
    from sit_engine.records.public_weights import PublicWeights

    assert isinstance(weights, PublicWeights)
    name = weights.repository.removeprefix("timm/")
    told = timm.models.get_pretrained_cfg(name)
    assert told is not None
    assert (told.license, told.hf_hub_id) == (weights.licence, weights.repository)
    assert told.input_size[-1] == weights.side
