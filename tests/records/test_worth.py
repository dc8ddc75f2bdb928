"""What a study of worth advises, from figures written by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sit_engine.records.report import Score
from sit_engine.records.studies.worth import ALL, Column, Kind, Lead, Worth, advice, labels_needed

SHOTS = (1, 2, 5, 10, 20, ALL)


def column(name: str, kind: Kind, *percents: float, noise: float = 1.0) -> Column:
    """Those accuracies with few labels and with all."""
    scores = zip(SHOTS, percents, strict=True)
    return Column(name, kind, {n: Score(p / 100, noise / 100) for n, p in scores})


PIXELS = column("raw pixels", "raw pixels", 10, 12, 15, 18, 20, 30)
SCRATCH = column("from scratch", "scratch", 10, 15, 20, 30, 45, 60)
OWN = column("own pretraining", "own", 20, 25, 32, 40, 48, 58)


def found(*columns: Column) -> Worth:
    return Worth("/x", (), 30, 9, 600, 100, 4, columns, (), True)


def test_the_best_is_advised_with_how_many_labels_it_saves() -> None:
    said = advice(found(PIXELS, SCRATCH, OWN, column("w", "frozen", 25, 30, 37.5, 50, 55, 65)))
    # Between 10 labels (30 %) and 20 (45 %): half of the way, by the logarithm.
    assert said == (
        "Use w. With 5 labels a class it answers as well (37.5 %) as training from scratch does with "
        "about 14."
    )
    assert labels_needed(SCRATCH, 0.375) == pytest.approx(10 * 2**0.5)
    assert labels_needed(SCRATCH, 0.45) == pytest.approx(20)
    assert labels_needed(SCRATCH, 0.05) == 1
    assert labels_needed(SCRATCH, 0.5) is None


def test_what_scratch_never_reaches_is_said() -> None:
    high = column("w", "frozen", 60, 65, 70, 75, 80, 85)
    assert "which training from scratch does not reach with all of your labels" in advice(
        found(PIXELS, SCRATCH, high)
    )


def test_what_scratch_reaches_with_all_labels_alone_is_said_so() -> None:
    strong = column("from scratch", "scratch", 20, 25, 40, 50, 60, 95)
    high = column("w", "frozen", 60, 65, 70, 75, 80, 85)
    said = advice(found(PIXELS, strong, high))
    assert "which training from scratch reaches only with more than 20 labels a class" in said
    some = Column("from scratch", "scratch", {5: Score(0.4, 0.01)})
    assert "does not reach with any number of labels that was tried" in advice(
        found(PIXELS, some, high)
    )


def test_what_needs_no_training_is_advised_where_the_rest_is_not_beyond_chance_better() -> None:
    frozen = column("w", "frozen", 25, 30, 36, 41, 50, 60)
    going_on = column("w continued", "continued", 25, 30, 37, 41, 51, 61)
    said = advice(found(PIXELS, SCRATCH, frozen, going_on))
    assert said.startswith("Use w. With 5 labels a class")
    assert "Beyond chance it differs from none of these: w continued." in said
    better = column("w continued", "continued", 25, 30, 40, 44, 51, 61)
    assert advice(found(PIXELS, SCRATCH, frozen, better)).startswith("Use w continued.")


def test_it_says_when_pretraining_does_not_pay() -> None:
    weak = column("own pretraining", "own", 10, 15, 20.5, 30, 40, 50)
    said = advice(found(PIXELS, SCRATCH, weak))
    assert said.startswith("Pretraining does not pay yet here: with 5 labels a class from scratch")
    assert "(600 images, 30 minutes)" in said


def test_a_study_without_figures_says_that_too() -> None:
    assert "too little to tell" in advice(found(PIXELS))


def test_the_table_has_every_way_and_reads_back() -> None:
    study = found(PIXELS, SCRATCH, OWN)
    text = study.to_text().splitlines()
    assert [line.split("  ")[0] for line in text[2:8]] == [
        "1 label", "2 labels", "5 labels", "10 labels", "20 labels", "all labels",
    ]  # fmt: skip
    assert "48.0 ± 1.0" in text[6]
    assert Worth.from_json(json.loads(json.dumps(study.to_json()))) == study


def test_paired_leads_tell_what_intervals_leave_open() -> None:
    near = column("w", "frozen", 20, 25, 34, 40, 48, 58, noise=8.0)
    unpaired = found(PIXELS, column("from scratch", "scratch", 10, 15, 30, 30, 45, 60), near)
    assert "does not pay yet" in advice(unpaired)
    leads = (
        Lead("w", "from scratch", 0.04, 0.01, 0.07), Lead("w", "raw pixels", 0.19, 0.1, 0.2),
    )  # fmt: skip
    assert advice(replace(unpaired, leads=leads)).startswith("Use w.")
    noise = (Lead("w", "from scratch", 0.04, -0.01, 0.09),)
    assert "does not pay yet" in advice(replace(unpaired, leads=noise))
    again = Worth.from_json(json.loads(json.dumps(replace(unpaired, leads=leads).to_json())))
    assert again.leads == leads
