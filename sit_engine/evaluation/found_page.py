"""One HTML file that shows what a search in an index of videos found, with pictures of each video."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.data.folder.frames import frame_name
from sit_engine.paths import display_name
from sit_engine.records.clips.clip_index import ClipIndex
from sit_engine.records.clips.found_clips import FoundClips, FoundDuplicates, Hit

PICTURES, SIDE = 6, 120
MOST_SHEETS = 400
"""Pages with more pictures open slowly; further videos are named without."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere }
figure { margin: .75rem 0 }
figcaption { overflow-wrap: anywhere } .score { font-variant-numeric: tabular-nums }
.sheet { display: flex; gap: 3px; flex-wrap: wrap } img { height: 84px; border-radius: 3px }
.above { font-weight: 600 }
@media (prefers-color-scheme: dark) { body { background: #16191d; color: #e4e7eb } }
"""


def found_page(found: FoundClips | FoundDuplicates, index: ClipIndex) -> str:
    """The whole page; it needs nothing else, and changes no video."""
    seconds = {video.path: video.seconds for video in index.videos}
    with Thumbnailer() as thumbnailer:
        sheets = _Sheets(thumbnailer, seconds)
        body = _hits(found, sheets) if isinstance(found, FoundClips) else _groups(found, sheets)
        text = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Videos found</title>'
        f"<style>{_STYLE}</style></head><body>\n{text}\n</body></html>\n"
    )


def _hits(found: FoundClips, sheets: _Sheets) -> Iterable[str]:
    yield "<h1>Videos found</h1>"
    yield f"<p>Near-duplicates begin at {found.threshold:.2f}. Search: {html.escape(found.how)}.</p>"
    query = ""
    for hit in found.hits:
        if hit.query != query:
            query = hit.query
            yield f"<h2>{html.escape(display_name(query))}</h2>"
        is_above = hit.score > found.threshold
        yield sheets.figure(hit.path, hit.score, _where(hit), is_above=is_above, part=hit)


def _where(hit: Hit) -> str:
    if hit.stretch is None:
        return ""
    start, end, first, last = hit.stretch
    turned = ", backwards" if hit.is_reversed else ""
    return f"{start:.1f}–{end:.1f} s of the query is {first:.1f}–{last:.1f} s{turned}"


def _groups(found: FoundDuplicates, sheets: _Sheets) -> Iterable[str]:
    yield "<h1>Near-duplicates</h1>"
    yield f"<p>Above {found.threshold:.2f}: {html.escape(found.why)}. Nothing was changed.</p>"
    for number, group in enumerate(found.groups, start=1):
        yield f"<h2>Group {number}</h2>"
        for path, score in zip(group.paths, group.scores, strict=True):
            yield sheets.figure(path, score, "")


class _Sheets:
    """Pictures of videos, spread over the stretch that was found, else over the whole."""

    def __init__(self, thumbnailer: Thumbnailer, seconds: dict[str, float]) -> None:
        self.thumbnailer, self.seconds, self.made = thumbnailer, seconds, 0

    def figure(
        self,
        path: str,
        score: float,
        where: str,
        *,
        is_above: bool = False,
        part: Hit | None = None,
    ) -> str:
        """A video with its score, where, and its pictures."""
        stretch = None if part is None else part.stretch
        first, last = (0.0, self.seconds.get(path, 0.0)) if stretch is None else stretch[2:]
        pictures = ""
        if self.made < MOST_SHEETS:
            self.made += 1
            moments = np.linspace(first, max(first, last - 0.5), PICTURES)
            pictures = "".join(map(_image, self._read(path, moments.tolist())))
        kind = ' class="above"' if is_above else ""
        return (
            f"<figure><figcaption{kind}><span class=score>{score:.3f}</span> "
            f"{html.escape(display_name(path))} {html.escape(where)}</figcaption>"
            f'<div class="sheet">{pictures}</div></figure>'
        )

    def _read(self, path: str, moments: Sequence[float]) -> list[Thumbnail]:
        names = [frame_name(path, f"{moment:.3f}") for moment in dict.fromkeys(moments)]
        found = dict(self.thumbnailer.read(names, side=SIDE))
        return [one for name in names if isinstance(one := found.get(name), Thumbnail)]


def _image(picture: Thumbnail) -> str:
    made = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
    packed = io.BytesIO()
    made.save(packed, "JPEG", quality=80)
    return (
        f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}">'
    )
