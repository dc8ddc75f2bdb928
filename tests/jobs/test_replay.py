"""What a run that ends since its steps are not finite leaves of one, and that it can be worked again."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.config.tree import RunConfig
from sit_engine.errors import FileError, NotFiniteError
from sit_engine.jobs.replay import replay
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.events import Event, Warned
from sit_engine.records.run import Run
from sit_engine.training import loop
from sit_engine.training.recovery.bundle import read
from sit_engine.training.stepper import Learned, Stepper
from tests.tiny import tiny_config, tiny_finetune

QUIET = {"watch": {"readings": 0, "previews": 0}}
Harm = Callable[[Stepper], None]


def _fill(name: str, value: float) -> Harm:
    def harm(stepper: Stepper) -> None:
        with torch.no_grad():
            stepper.method.networks.get_parameter(name).fill_(value)

    return harm


def harmed(harm: Harm, clean: dict[tuple[int, int], float] | None = None) -> type[Stepper]:
    """Networks that are harmed before every step from the third on, and mended after it.

    `clean` gets the loss that each of those steps has by itself, by seed and number.
    """

    class Harmed(Stepper):
        def learn(self, step_info: StepInfo) -> Learned:
            if step_info.step < 3:
                return super().learn(step_info)
            networks = self.method.networks
            kept = {name: tensor.clone() for name, tensor in networks.state_dict().items()}
            if clean is not None:
                found = super().learn(step_info)
                clean[step_info.seed, step_info.step] = float(found.losses.total)
                networks.load_state_dict(kept)
            harm(self)
            found = super().learn(step_info)
            networks.load_state_dict(kept)
            return found

    return Harmed


def end(config: RunConfig, out: Path, stepper: type[Stepper]) -> tuple[Path, NotFiniteError]:
    """Train until it ends by itself; gives the bundle."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "Stepper", stepper)
        with pytest.raises(NotFiniteError) as caught:
            api.pretrain(config, out, emit=lambda _: None)
    (found,) = (out / "bundles").iterdir()
    return found, caught.value


@pytest.fixture(scope="module")
def natural(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run whose cosines overflow at its temperature."""
    config = tiny_config(sample[0], method={"temperature": 1e-40}, **QUIET)
    bundle, error = end(config, tmp_path_factory.mktemp("natural") / "run", Stepper)
    assert f"sit-engine replay {bundle}" in error.hint
    return bundle


def test_a_bundle_holds_all_that_the_step_hung_on(natural: Path) -> None:
    found, run = read(natural), Run(natural.parent.parent)
    names = {path.name for path in natural.iterdir()}
    assert names == {
        "bundle.json", "config.toml", "batch.safetensors", "model.safetensors", "state.pt",
    }  # fmt: skip
    assert (natural / "config.toml").read_bytes() == run.config_file.read_bytes()
    assert found.about["step"] == found.about["skipped_at"][-1]
    assert found.about["is_same"]
    train = run.split()["train"]
    assert found.about["images"] == [train[place] for place in found.about["positions"]]
    assert found.batch["images_NSSC"].dtype == torch.uint8
    assert len(found.batch["images_NSSC"]) == 32


def test_it_reproduces_and_says_where(natural: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = replay(natural)
    assert found.is_reproduced
    assert found.where == "the loss contrast"
    assert math.isfinite(found.terms["reconstruction"])
    assert not math.isfinite(found.terms["contrast"])
    assert main(["replay", str(natural)]) == 0
    told = capfd.readouterr().out
    assert "First not finite: the loss contrast." in told
    assert "It reproduces" in told
    assert main(["replay", str(natural), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["where"] == "the loss contrast"


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("student.backbone.blocks.1.mlp.fc1.weight", math.nan,
         "the weight student.backbone.blocks.1.mlp.fc1.weight"),
        ("student.backbone.blocks.1.mlp.fc1.weight", 3e38,
         "the output of student.backbone.blocks.1.mlp.fc1"),
    ],
)  # fmt: skip
def test_the_module_is_named_where_it_begins(
    sample: tuple[Path, Path], tmp_path: Path, name: str, value: float, where: str
) -> None:
    harm = _fill(name, value)

    class Harmed(Stepper):
        def learn(self, step_info: StepInfo) -> Learned:
            if step_info.step >= 3:
                harm(self)
            return super().learn(step_info)

    bundle, _ = end(tiny_config(sample[0], **QUIET), tmp_path / "run", Harmed)
    found = replay(bundle)
    assert (found.is_reproduced, found.where) == (True, where)


def test_gradients_that_overflow_are_found(sample: tuple[Path, Path], tmp_path: Path) -> None:
    method = {"contrast_weight": 0.0, "reconstruction_weight": 1e25}
    bundle, _ = end(tiny_config(sample[0], method=method, **QUIET), tmp_path / "run", Stepper)
    found = replay(bundle)
    assert found.is_reproduced
    assert math.isfinite(found.loss)
    assert found.where in ("the norm of the gradients", "the sum of the losses") or (
        found.where.startswith("the gradient of ")
    )


@pytest.mark.parametrize("kind", ["pretraining", "finetuning", "only the head"])
def test_a_step_is_worked_again_to_the_last_bit(
    sample: tuple[Path, Path], tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The fault lies in the machine: without it the very same loss comes out, and it is finite."""
    trained = "head" if kind == "only the head" else "all"
    config = (
        tiny_config(sample[0], **QUIET)
        if kind == "pretraining"
        else tiny_finetune(sample[0], method={"balance": "loss", "trained": trained}, **QUIET)
    )

    def harm(stepper: Stepper) -> None:
        with torch.no_grad():
            for item in stepper.method.trained_parameters():
                item.parameter.fill_(math.nan)

    clean: dict[tuple[int, int], float] = {}
    bundle, _ = end(config, tmp_path / "run", harmed(harm, clean))
    found = replay(bundle)
    step_info = read(bundle).step_info
    assert found.loss == clean[step_info.seed, step_info.step]
    assert (found.is_reproduced, found.is_same, found.where) == (False, True, "")
    assert main(["replay", str(bundle)]) == 11
    assert "does not reproduce" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["bundle.json", "batch.safetensors", "state.pt", "config.toml"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_bundle_is_a_sentence(
    natural: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    bundle = shutil.copytree(natural, tmp_path / "bundle")
    (bundle / name).unlink()
    if content is not None:
        (bundle / name).write_bytes(content)
    with pytest.raises(FileError):
        replay(bundle)
    assert main(["replay", str(bundle)]) == 5
    assert "our fault" not in capfd.readouterr().err


def test_a_bundle_that_cannot_be_written_is_told_and_the_run_ends_all_the_same(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    events: list[Event] = []
    out = tmp_path / "run"

    def obstruct(event: Event) -> None:
        events.append(event)
        if out.is_dir():
            (out / "bundles").touch()

    config = tiny_config(sample[0], method={"temperature": 1e-40}, **QUIET)
    with pytest.raises(NotFiniteError) as caught:
        api.pretrain(config, out, emit=obstruct)
    assert "replay" not in caught.value.hint
    assert "bundle.unwritten" in [event.code for event in events if isinstance(event, Warned)]
