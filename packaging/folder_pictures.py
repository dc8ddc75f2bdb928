"""Draws the pictures of docs/guide.md, "What a folder may look like, in pictures": the real Dataset page.

`python packaging/folder_pictures.py [--out DIR] [--theme dark] [--width W --height H]`; needs no screen.
Folders are made from the built-in sample of photographs, in a temporary place.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 120.0
THUMBNAILS_S = 2.0
"""So long the images in sight are given to appear."""
COLOURS = 96
CLASSES = ("cat", "coffee", "moon", "tissue")


def class_folders(sample: tuple[Path, Path], place: Path) -> list[Path]:
    """One sub-folder a class."""
    for name in CLASSES:
        shutil.copytree(sample[0] / name, place / "photos" / name)
    return [place / "photos"]


def parts(sample: tuple[Path, Path], place: Path) -> list[Path]:
    """train, val and test, each with the classes in it."""
    for name in CLASSES:
        images = sorted((sample[0] / name).iterdir())
        for part, some in (("train", images[:-4]), ("val", images[-4:])):
            folder = place / "photos" / part / name
            folder.mkdir(parents=True)
            for image in some:
                shutil.copy(image, folder)
        shutil.copytree(sample[1] / name, place / "photos" / "test" / name)
    return [place / "photos"]


def table(sample: tuple[Path, Path], place: Path) -> list[Path]:
    """Images side by side, and a table that names the class of each."""
    folder, lines = place / "photos", ["Picture;Kind;Camera"]
    folder.mkdir()
    for name in CLASSES:
        for number, image in enumerate(sorted((sample[0] / name).iterdir())):
            shutil.copy(image, folder / f"{name[:2]}{number:03}.png")
            lines.append(f"{name[:2]}{number:03};{name};A")
    (place / "labels.csv").write_text("\n".join(lines))
    return [folder, place / "labels.csv"]


def mess(sample: tuple[Path, Path], place: Path) -> list[Path]:
    """What folders gather: broken files, copies, two spellings of a class, the system's rubbish."""
    (photos,) = class_folders(sample, place)
    shutil.copytree(sample[0] / "page", photos / "Cat")
    first = sorted((photos / "cat").iterdir())[0]
    shutil.copy(first, photos / "moon" / "IMG_0001.png")
    shutil.copy(first, photos / "cat" / "copy of 000.png")
    (photos / "cat" / "cut.png").write_bytes(first.read_bytes()[:900])
    (photos / "tissue" / "notes.txt").write_text("not an image")
    (photos / "coffee" / "empty.jpg").touch()
    (photos / "once").mkdir()
    shutil.copy(sorted((sample[0] / "coins").iterdir())[0], photos / "once")
    for name in ("Thumbs.db", ".DS_Store", "@eaDir/cat.png"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(b"rubbish")
    return [photos]


KINDS: dict[str, Callable[[tuple[Path, Path], Path], list[Path]]] = {
    "classes": class_folders,
    "parts": parts,
    "table": table,
    "mess": mess,
}


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--height", type=int, default=680)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        os.environ |= {
            "QT_QPA_PLATFORM": "offscreen",
            "HOME": place,
            "SIT_CONFIG_DIR": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "SIT_CACHE_DIR": str(home / "cache"),
        }
        _draw(chosen, home)


def _draw(chosen: argparse.Namespace, home: Path) -> None:
    # After the places are set, which both look at.
    from sit_engine.data.sample import write_sample
    from sit_studio.app import make_application, open_window
    from sit_studio.look import theme

    app = make_application()
    theme.apply(app, chosen.theme)
    train, test = write_sample(home / "sample", train_per_class=24, test_per_class=6, side=64)
    chosen.out.mkdir(parents=True, exist_ok=True)
    window = open_window(app)
    window.resize(chosen.width, chosen.height)
    window.show_page("dataset")
    session, page = window.session, window.dataset

    def wait(until: Callable[[], object]) -> None:
        end_s = time.monotonic() + LONGEST_S
        while not until():
            if time.monotonic() > end_s:
                raise SystemExit("The window did not come so far in time.")
            app.processEvents()
            time.sleep(0.01)

    wait(lambda: session.device is not None)
    for kind, make in KINDS.items():
        (home / kind).mkdir()
        folder, *more = make((Path(train), Path(test)), home / kind)
        page.take([str(folder)])
        wait(lambda: session.dataset.state == "ready")
        if more:
            page.take([str(more[0])])
            page.labels.path_column.setCurrentIndex(0)
            page.labels.label_column.setCurrentIndex(1)
            page.labels.label_column.activated.emit(1)
            wait(lambda: session.dataset.state == "ready" and session.dataset.labels == "csv")
        page.tabs.setCurrentIndex(int(kind == "mess"))
        until_s = time.monotonic() + THUMBNAILS_S
        wait(partial(_is_past, until_s))
        file = chosen.out / f"folder-{kind}.png"
        window.grab().save(str(file))
        # Few colours take fewer bytes, and nobody sees it.
        with Image.open(file) as picture:
            picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)
        print(file)
    window.close()
    wait(lambda: not window.isVisible())
    session.shut_down()


def _is_past(until_s: float) -> bool:
    return time.monotonic() >= until_s


if __name__ == "__main__":
    main()
