"""How fast exported files answer: eager, TorchScript and ONNX, one image and sixteen, on the CPU.

Run from the repository root: `python -m benchmarks.latency [--quick] [--json FILE]`. ONNX Runtime's
waiting threads spin and disturb what is timed next, so its session is told not to spin; without the
package there are no such rows. The ratio is against eager with exact matrix products.
"""

from __future__ import annotations

import statistics
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.recipe import PLAIN, Case, config_of
from benchmarks.table import Effort, Row, Work, alternate, clock_for, main, ratio, row
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.export.able import can_onnx
from sit_engine.export.formats import export_torchscript
from sit_engine.export.graphs import export_onnx
from sit_engine.export.programs import Features, Program, ViewProgram
from sit_engine.models.families import build_backbone

Answer = Callable[[Tensor], object]


def measure(effort: Effort) -> list[Row]:
    """ViT-Ti and ViT-S at 224 px; quick: ViT-Ti at 32 px."""
    names = [("vit_tiny", 32)] if effort.quick else [("vit_tiny", 224), ("vit_small", 224)]
    if not can_onnx():
        print("ONNX packages are not installed: its rows are left out.")
    return [
        found
        for name, size_px in names
        for batch in (1, 16)
        for found in time_case(Case(name, size_px, batch), 3 if effort.quick else 9)
    ]


def time_case(case: Case, repeats: int) -> list[Row]:
    """A row a format; all take turns."""
    cpu = torch.device("cpu")
    vit = build_backbone(config_of(case, PLAIN, cpu).model, drop_path=0.0, fused_attention=False)
    network = Features(vit.eval())
    shape = (case.batch, 3, case.size_px, case.size_px)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        answers = _answers(network, case.size_px, Path(folder))
        works = {name: _work(answer, images, name) for name, answer in answers.items()}
        seconds = alternate(works, repeats, clock=clock_for(cpu))
    torch.set_float32_matmul_precision("highest")
    return [
        case.row()
        | row(format=name, ms=1000 * statistics.median(times))
        | row(ratio=ratio(times, seconds["eager, highest"]))
        for name, times in seconds.items()
    ]


def _answers(network: Features, side: int, folder: Path) -> dict[str, Answer]:
    """What answers images; those of torch heed the setting of matrix products in their name."""
    eager = Program(Preprocess(side), network).eval()
    export_torchscript(network, side, (), {}, folder / "program.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and torch says so
        script = torch.jit.load(str(folder / "program.pt"))  # type: ignore[no-untyped-call]
    torch_made: dict[str, Answer] = {
        f"{name}, {matmul}": program
        for matmul in ("highest", "medium")
        for name, program in (("eager", eager), ("TorchScript", script))
    }
    if not can_onnx():
        return torch_made
    export_onnx(ViewProgram(side, network).eval(), {}, folder / "model.onnx")
    return torch_made | {"ONNX Runtime": _session(folder / "model.onnx")}


def _session(path: Path) -> Answer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images.numpy()})


def _work(answer: Answer, images: Tensor, name: str) -> Work:
    matmul = "medium" if name.endswith("medium") else "highest"

    def work(_: int) -> None:
        torch.set_float32_matmul_precision(matmul)
        with torch.inference_mode():
            answer(images)

    return work


if __name__ == "__main__":
    main("latency", __doc__, measure)
