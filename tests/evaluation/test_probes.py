"""k-NN, linear probe and few-shot against slow references, chance and hand-made cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from sit_engine.evaluation.features import centred_units, raw_pixels
from sit_engine.evaluation.probes import (
    C_GRID,
    binomial_score,
    few_shot,
    knn_predict,
    linear_probe,
    mean_score,
)
from sit_engine.records.report import Score


def clusters(
    n: int, width: int, *, spread: float, seed: int, classes: int = 3
) -> tuple[Tensor, np.ndarray]:
    """`n` rows around one centre a class; the centres are the same for every seed."""
    centres = torch.randn(classes, width, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    noise = torch.randn(n, width, generator=generator)
    return centres[labels] + spread * noise, labels.numpy()


def slow_knn(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, *, classes: int, k: int, t: float
) -> list[int]:
    """Wu et al. 2018, section 3.4, one image at a time in float64."""
    answers = []
    for row in test:
        cosines = [
            float(row @ other / np.linalg.norm(row) / np.linalg.norm(other)) for other in train
        ]
        nearest = sorted(range(len(train)), key=lambda i: -cosines[i])[:k]
        votes = [0.0] * classes
        for i in nearest:
            votes[labels[i]] += math.exp(cosines[i] / t)
        answers.append(votes.index(max(votes)))
    return answers


@pytest.mark.parametrize("k", [1, 5, 20, 500])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_knn_is_the_weighted_vote_of_the_paper(k: int, temperature: float) -> None:
    train, labels = clusters(60, 8, spread=1.5, seed=2)
    test, _ = clusters(40, 8, spread=1.5, seed=3)
    found = knn_predict(train, labels, test, classes=3, k=k, temperature=temperature)
    reference = slow_knn(
        train.double().numpy(), labels, test.double().numpy(), classes=3, k=k, t=temperature
    )
    assert found.tolist() == reference
    assert len(set(reference)) == 3


def test_knn_is_the_same_in_every_chunk_of_test_rows() -> None:
    train, labels = clusters(60, 8, spread=1.5, seed=2)
    test, _ = clusters(1500, 8, spread=1.5, seed=3)
    whole = knn_predict(train, labels, test, classes=3)
    one_by_one = [knn_predict(train, labels, row[None], classes=3)[0] for row in test[1000:1050]]
    assert whole[1000:1050].tolist() == one_by_one


def test_knn_survives_a_temperature_that_overflows_a_naive_exp() -> None:
    train, labels = clusters(30, 8, spread=0.5, seed=2)
    test, truth = clusters(30, 8, spread=0.5, seed=3)
    found = knn_predict(train, labels, test, classes=3, temperature=1e-4)
    nearest = knn_predict(train, labels, test, classes=3, k=1)
    assert found.tolist() == nearest.tolist()
    assert (found == truth).mean() > 0.9


def test_knn_never_answers_a_class_without_training_images() -> None:
    train, labels = clusters(30, 8, spread=2.0, seed=2)
    found = knn_predict(train, labels, clusters(300, 8, spread=2.0, seed=4)[0], classes=7)
    assert set(found.tolist()) <= {0, 1, 2}


def test_the_probe_is_logistic_regression_at_the_c_it_reports() -> None:
    train, labels = clusters(90, 8, spread=1.5, seed=2)
    test, truth = clusters(90, 8, spread=1.5, seed=3)
    found, c, probabilities = linear_probe(train, labels, test, classes=4)
    assert c in C_GRID
    scaler = StandardScaler().fit(train.numpy())
    exact = LogisticRegression(C=c, max_iter=5000, tol=1e-8).fit(
        scaler.transform(train.numpy()), labels
    )
    assert np.mean(found == exact.predict(scaler.transform(test.numpy()))) >= 0.98
    # A class without training images, the last one here, is never answered.
    expected = exact.predict_proba(scaler.transform(test.numpy()))
    np.testing.assert_allclose(probabilities[:, :3], expected, atol=0.05)
    assert not probabilities[:, 3].any()
    assert np.mean(found == truth) > 0.6


def test_the_probe_learns_nothing_from_the_test_rows() -> None:
    train, labels = clusters(90, 8, spread=1.5, seed=2)
    test, _ = clusters(60, 8, spread=1.5, seed=3)
    alone, c, _ = linear_probe(train, labels, test, classes=3)
    order = np.random.default_rng(0).permutation(60)
    permuted, c_permuted, _ = linear_probe(train, labels, test[order], classes=3)
    assert permuted.tolist() == alone[order].tolist()
    among_others = torch.cat([test, 1000 * torch.randn(500, 8)])
    with_others, c_others, _ = linear_probe(train, labels, among_others, classes=3)
    assert with_others[:60].tolist() == alone.tolist()
    assert c == c_permuted == c_others


def test_shuffled_labels_give_chance() -> None:
    """A cluster whose labels are shuffled takes any class: on average over shuffles, chance."""
    train, labels = clusters(120, 8, spread=0.3, seed=2, classes=6)
    test, truth = clusters(120, 8, spread=0.3, seed=3, classes=6)
    assert np.mean(linear_probe(train, labels, test, classes=6)[0] == truth) > 0.95
    assert np.mean(few_shot(train, labels, test, truth, shots=5, draws=2)) > 0.95
    shuffles = [np.random.default_rng(seed).permutation(labels) for seed in range(8)]
    probed = [
        np.mean(linear_probe(train, wrong, test, classes=6)[0] == truth) for wrong in shuffles
    ]
    assert np.mean(probed) == pytest.approx(1 / 6, abs=0.15)
    drawn = [
        np.mean(few_shot(train, wrong, test, truth, shots=5, draws=3)) for wrong in shuffles[:4]
    ]
    assert np.mean(drawn) == pytest.approx(1 / 6, abs=0.15)


def test_a_class_of_one_image_is_probed_without_cross_validation() -> None:
    train, labels = clusters(31, 8, spread=0.2, seed=2)
    labels = np.where(np.arange(31) == 30, 3, labels)
    found, c, _ = linear_probe(train, labels, train, classes=4)
    assert c == 1.0
    assert np.mean(found == labels) > 0.9


def test_more_coordinates_than_rows_give_the_answers_of_a_direct_fit() -> None:
    train, labels = clusters(12, 200, spread=2.0, seed=2)
    test, truth = clusters(200, 200, spread=2.0, seed=3)
    accuracies = few_shot(train, labels, test, truth, shots=4, draws=1)
    scaler = StandardScaler().fit(train.numpy())
    direct = LogisticRegression(C=1.0, max_iter=5000, tol=1e-8).fit(
        scaler.transform(train.numpy()), labels
    )
    exact = float(np.mean(direct.predict(scaler.transform(test.numpy())) == truth))
    assert accuracies == [pytest.approx(exact, abs=0.011)]


def test_few_shot_draws_are_the_same_images_for_every_kind_of_feature() -> None:
    """Features whose every row has noise of its own: a draw's accuracy tells which rows it saw."""
    train, labels = clusters(30, 8, spread=2.0, seed=2)
    test, truth = clusters(100, 8, spread=2.0, seed=3)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(9)))[0]
    again = few_shot(train, labels, test, truth, shots=1)
    assert few_shot(train, labels, test, truth, shots=1) == again
    # Reversing two coordinates and changing their scale is undone by the standardisation.
    other = few_shot(train.flip(1) * 7, labels, test.flip(1) * 7, truth, shots=1)
    assert other == pytest.approx(again, abs=0.011)
    assert few_shot(train @ turn, labels, test @ turn, truth, shots=1) != again
    assert few_shot(train, labels, test, truth, shots=1, seed=1) != again
    assert len(again) == 20
    assert len(set(again)) > 5


def test_few_shot_takes_all_images_of_a_class_that_has_fewer() -> None:
    train, labels = clusters(9, 8, spread=1.0, seed=2)
    test, truth = clusters(60, 8, spread=1.0, seed=3)
    draws = few_shot(train, labels, test, truth, shots=50)
    assert len(draws) == 20
    assert max(draws) - min(draws) < 0.02  # Only the order of the rows differs.


@pytest.mark.parametrize("right", [0, 30, 100])
def test_the_binomial_interval_is_wilsons(right: int) -> None:
    correct = np.array([True] * right + [False] * (100 - right))
    wilson = stats.binomtest(right, 100).proportion_ci(0.95, method="wilson")
    found = binomial_score(correct)
    assert found.accuracy == pytest.approx(right / 100)
    assert found.interval == pytest.approx((wilson.high - wilson.low) / 2, rel=1e-3)
    assert found.interval > 0


def test_the_interval_over_draws_is_students() -> None:
    values = [0.3, 0.35, 0.42, 0.31, 0.5]
    low, high = stats.t.interval(0.95, df=4, loc=np.mean(values), scale=stats.sem(values))
    found = mean_score(values)
    assert found.accuracy == pytest.approx(np.mean(values))
    assert found.interval == pytest.approx((high - low) / 2)
    assert math.isnan(mean_score([0.5]).interval)
    assert mean_score([0.5] * 5) == Score(0.5, 0.0)


def test_raw_pixels_are_at_most_32_px_in_0_to_1() -> None:
    views = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(raw_pixels(views), views.flatten(1) / 255)
    large = raw_pixels(torch.full((2, 3, 96, 96), 51, dtype=torch.uint8))
    assert large.shape == (2, 3 * 32 * 32)
    assert torch.allclose(large, torch.tensor(0.2), atol=1e-6)
    edges = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    edges[..., 32:] = 255
    assert 0.0 <= float(raw_pixels(edges).min()) <= float(raw_pixels(edges).max()) <= 1.0


def test_centred_units_take_the_mean_of_train_alone_off_both() -> None:
    train, test = torch.randn(20, 6) + 5, torch.randn(7, 6) - 3
    train_units, test_units = centred_units(train, test)
    for found, rows in ((train_units, train), (test_units, test)):
        expected = rows - train.mean(0)
        expected = expected / expected.norm(dim=1, keepdim=True)
        assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probe_of_two_tokens_averages_the_logits_of_two_probes(classes: int) -> None:
    train, labels = clusters(90, 8, spread=2.0, seed=2, classes=classes)
    test, _ = clusters(60, 8, spread=2.0, seed=3, classes=classes)
    halves = [
        linear_probe(train[:, part], labels, test[:, part], classes=classes)
        for part in (slice(0, 4), slice(4, 8))
    ]
    both = linear_probe(train, labels, test, classes=classes, parts=2)
    logits = sum(np.log(half.probabilities) for half in halves) / 2
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(both.probabilities, expected, atol=1e-6)
    assert both.c == pytest.approx(math.sqrt(halves[0].c * halves[1].c))
    assert both.probabilities.shape == (60, classes)
