"""What the window asks of embed, predict, map and neighbours: answered, and broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sit_engine.cli.answers import ask
from sit_engine.cli.question import QuestionContext
from sit_engine.errors import CancelledError, SitError


def test_the_questions_of_the_window_are_answered(
    run: Path, finetuned: Path, odd: Path, tmp_path: Path
) -> None:
    said: list[dict[str, Any]] = []
    asked = QuestionContext(said.append, lambda: False)
    folders, place = [str(odd)], str(tmp_path / "e")
    made = ask(asked, "embed", {"run": str(run), "folders": folders, "out": place})
    assert made["folder"] == place
    assert made["about"]["points"] == 5
    drawn = ask(asked, "map", {"embedded": place, "kind": "tsne"})
    assert Path(drawn["file"]) == Path(place) / "map-tsne.npy"
    image = str(odd / "root.png")
    near = ask(asked, "neighbours", {"embedded": place, "image": image, "count": 2})["neighbours"]
    assert [set(found) for found in near] == [{"row", "path", "cosine"}] * 2
    assert image not in [found["path"] for found in near]
    given = {"folders": folders, "out": str(tmp_path / "out.csv")}
    done = ask(asked, "predict", {"run": str(finetuned), **given})
    assert (done["images"], done["problems"]) == (5, 3)
    assert "Answered 5 images" in done["text"]
    assert {"reading features", "near-duplicates", "map", "predicting"} <= {
        record["phase"] for record in said
    }
    with pytest.raises(SitError, match="run or a model"):
        ask(asked, "predict", given)


def test_how_long_a_network_takes_here_is_measured() -> None:
    asked = QuestionContext(lambda _: None, lambda: False)
    model = {"family": "searched", "image_size": 16, "patch_size": 8, "width": 16, "heads": "2,1"}
    facts = {"images": 20, "classes": 2, "median_side_px": 16}
    given = {"model": model, "facts": facts, "device": "cpu"}
    assert 0 < ask(asked, "network_time", given)["milliseconds"] < 1000
    with pytest.raises(SitError, match="attention heads"):
        ask(asked, "network_time", given | {"model": model | {"heads": "3"}})
    with pytest.raises(SitError, match="known of vision transformers"):
        ask(asked, "network_time", given | {"model": {"family": "cswin", "image_size": 32}})


@pytest.mark.parametrize("question", ["embed", "predict", "evaluate"])
def test_a_question_that_is_over_breaks_off_and_leaves_nothing(
    question: str, finetuned: Path, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    phases: list[str] = []
    wanted = {"embed": "near-duplicates", "predict": "predicting", "evaluate": "reading images"}
    asked = QuestionContext(
        lambda record: phases.append(record["phase"]), lambda: wanted[question] in phases
    )
    folders = [str(sample[1])]
    given: dict[str, dict[str, Any]] = {
        "embed": {"folders": folders, "out": str(tmp_path / "e")},
        "predict": {"folders": folders, "out": str(tmp_path / "out.csv")},
        "evaluate": {"test": folders},
    }
    before = sorted(path.name for path in (finetuned / "evaluations").glob("*"))
    with pytest.raises(CancelledError):
        ask(asked, question, {"run": str(finetuned), **given[question]})
    assert list(tmp_path.iterdir()) == []
    assert sorted(path.name for path in (finetuned / "evaluations").glob("*")) == before
