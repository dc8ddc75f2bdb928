"""Finding a run's images again after their folder moved, or files in it got other names: by content.

Called by api.find_folders and by whoever reads a run's own images. Nothing is decoded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from sit_engine.config.tree import DataOptions
from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.folder.frames import file_of, frame_name, split_name
from sit_engine.data.folder.wanted import Patterns
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.listing import list_files
from sit_engine.data.scan.split import HASH_BYTES, PARTS, hashes_of
from sit_engine.errors import CancelledError, DataError, FileError
from sit_engine.files import file_hash, file_print, frame_print
from sit_engine.paths import display_name, image_name, root_and_path
from sit_engine.records.events import Warned, warning
from sit_engine.records.on_progress import OnProgress, ProgressReporter
from sit_engine.records.places import Places, file_along, places_of
from sit_engine.records.run import Run

THREADS = 8
_AT_ONCE = 512


@dataclass(frozen=True)
class FoundImages:
    """Where the images of a run are now."""

    places: Places
    gone: tuple[str, ...]
    """By their names in the split."""
    images: int
    """Of the split, the gone ones among them."""
    by_name: int
    """Believed for their names alone, since nothing is known of their content."""
    has_moved: bool = True
    """Otherwise files got other names in the run's own folders."""

    def told(self) -> Warned:
        """What was found, as a sentence."""
        if not self.has_moved:
            return warning(
                "data.renamed",
                "Files of this run with other names than before, known by their content: {renamed}.",
                renamed=len(self.places.renamed),
            )
        return warning(
            "data.moved",
            "The images of this run are taken from {folders} from now on. Found by their content: "
            "{content} of {images}; by their names alone, since nothing is known of their content: "
            "{names}; with another name than before: {renamed}.",
            folders=", ".join(map(display_name, self.places.folders)),
            images=self.images,
            content=self.images - len(self.gone) - self.by_name,
            renamed=len(self.places.renamed),
            names=self.by_name,
        )


def find_moved(
    run: Run,
    folders: Sequence[str],
    *,
    on_progress: OnProgress | None,
    cancel: Cancel | None = None,
    hashed: dict[str, str] | None = None,
) -> FoundImages:
    """Look for the images of a run in `folders`; a folder is believed for their content only.

    Of a run of before, the pixel cache may know it; else names have to do. What is not in there may
    still lie where the run has it. Raises DataError where none is in `folders`. `hashed`: what was
    read for another run, and is kept for the next.
    """
    record, data = run.split(), run.config().data
    names = [name for part in PARTS for name in record[part]]
    old = data.folders
    known = hashes_of(record) or _of_cache(old, names, record.get("cache_side"), data)
    search = _Search(folders, known, on_progress, cancel)
    search.digest_of = {} if hashed is None else hashed
    search.look_at_same_names(names)
    search.look_at_all(names)
    if search.path_of:
        search.look_where_they_were(names, _places_before(run, old))
    found = _named(search, names, search.roots(names, len(old)), data)
    if len(found.gone) == len(names):
        raise DataError(
            "data.not_there",
            "None of the {count} images of this run is in {folders}.",
            "Choose the folder that holds them now; they are known by their content, whatever their "
            "names are.",
            count=len(names),
            folders=", ".join(map(display_name, folders)),
        )
    labels_file = file_along(data.labels_file, old, found.places.folders)
    return replace(found, places=replace(found.places, labels_file=labels_file))


def find_renamed(
    run: Run, gone: Sequence[str], *, on_progress: OnProgress | None, cancel: Cancel | None = None
) -> FoundImages | None:
    """Look in the run's own folders for images whose files got other names; None if there are none."""
    record, data, places = run.split(), run.config().data, places_of(run)
    known = hashes_of(record)
    if not known:
        return None
    names = [name for part in PARTS for name in record[part]]
    taken = {places.path(name) for name in set(names) - set(gone)}
    search = _Search(places.folders, known, on_progress, cancel, taken=taken)
    search.look_at_all(gone)
    lost = set(gone)
    for name in names:
        if name not in lost:
            search.path_of[name] = places.path(name)
    found = _named(search, names, places.folders, data)
    if len(found.gone) == len(gone):
        return None
    now = replace(found.places, labels_file=places.labels_file)
    return replace(found, places=now, has_moved=False)


def _places_before(run: Run, folders: Sequence[str]) -> Places:
    """A damaged `moved.json` is replaced by what is found."""
    try:
        return places_of(run)
    except FileError:
        return Places(tuple(folders))


def _of_cache(
    folders: Sequence[str], names: Sequence[str], side: int | None, data: DataOptions
) -> dict[str, str]:
    """What the pixel cache knows of the files as they were before they moved."""
    if side is None:
        return {}
    by_path = PixelCache().hashes(side, sharp=data.is_sharp)
    places = Places(tuple(folders))
    digests = ((name, by_path.get(places.path(name))) for name in names)
    return {name: digest[: 2 * HASH_BYTES] for name, digest in digests if digest is not None}


@dataclass
class _Search:
    """Files of some folders, hashed as far as needed, and which of them is which image."""

    folders: Sequence[str]
    known: Mapping[str, str]
    """Digests by names of the split."""
    on_progress: OnProgress | None
    cancel: Cancel | None
    taken: set[str] = field(default_factory=set)
    """Files that are images of the run already."""
    path_of: dict[str, str] = field(default_factory=dict)
    """What was found: absolute paths by names of the split."""
    by_name: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tops: tuple[str, ...] = ()
        self.files: dict[str, None] = {}
        self.digest_of: dict[str, str] = {}
        self._list(self.folders)

    def _list(self, folders: Sequence[str]) -> None:
        listing = list_files(folders, cancel=self.cancel)
        self.tops = tuple(dict.fromkeys([*self.tops, *listing.roots]))
        self.files |= dict.fromkeys(listing.path(i) for i in range(len(listing)))
        self.progress = ProgressReporter(self.on_progress, "checking the images", len(self.files))

    def look_at_same_names(self, names: Sequence[str]) -> None:
        """Look for images under the names they had; where folders were moved as they are, this is all."""
        wanted = {}
        for name in names:
            root, path = root_and_path(name)
            if root < len(self.tops):
                place = f"{self.tops[root]}/{path}"
                if file_of(place) in self.files:
                    wanted[name] = place
        self._believe(wanted)

    def look_where_they_were(self, names: Sequence[str], places: Places) -> None:
        """What was not found yet, in those of the run's folders that are still there."""
        left = [name for name in names if name not in self.path_of]
        there = [folder for folder in places.folders if Path(folder).is_dir()]
        if not left or not there:
            return
        self._list(there)
        wanted = {name: places.path(name) for name in left if places.has_folder_of(name)}
        self._believe(
            {name: place for name, place in wanted.items() if file_of(place) in self.files}
        )
        self.look_at_all(names)

    def _believe(self, wanted: Mapping[str, str]) -> None:
        """Files that stand where an image would, if their content is its, or is not known."""
        self._hash(wanted.values())
        for name, place in wanted.items():
            if name not in self.known:
                self._keep(name, place)
                self.by_name.add(name)
            elif self.digest_of.get(place) == self.known[name]:
                self._keep(name, place)

    def look_at_all(self, names: Sequence[str]) -> None:
        """Images that are not found yet, wherever they are; each file is one image."""
        left = [name for name in names if name not in self.path_of and name in self.known]
        if not left:
            return
        known = {file_of(file) for file in self.taken}
        others = [file for file in self.files if file not in known]
        if any(split_name(_relative(name))[1] is None for name in left):
            self._hash(others)
        self._hash_frames(left, others)
        files_of = defaultdict(list)
        for file, digest in self.digest_of.items():
            if file_of(file) in self.files and file not in self.taken:
                files_of[digest].append(file)
        bases = self._bases(left, files_of)
        # Of equal files the one that still bears the name, below the folder where most do.
        for name in left:
            place = f"{bases.get(name.partition(':')[0])}/{_relative(name)}"
            if place in files_of[self.known[name]]:
                self._keep(name, place)
        for name in left:
            same = _relative(name).rpartition("/")[2]
            free = [file for file in files_of[self.known[name]] if file not in self.taken]
            if name not in self.path_of and free:
                self._keep(name, min(free, key=lambda file: (not file.endswith(f"/{same}"), file)))

    def _hash_frames(self, names: Iterable[str], files: Iterable[str]) -> None:
        """Note which of the frames that are looked for a file has, by what the file itself is known by.

        Only those that are looked for are kept: a million photographs have no frames.
        """
        wanted = {
            self.known[name]: time
            for name in names
            if (time := split_name(_relative(name))[1]) is not None
        }
        times = sorted(set(wanted.values()))
        for file in files if times else ():
            if self.cancel is not None and self.cancel():
                raise CancelledError
            try:
                print_of_file = file_print(file)
            except OSError:
                continue
            for time in times:
                digest = frame_print(print_of_file, time)[: 2 * HASH_BYTES]
                if digest in wanted:
                    self.digest_of[frame_name(file, time)] = digest

    def _bases(self, names: Iterable[str], files_of: Mapping[str, list[str]]) -> dict[str, str]:
        """The folder, by number of a folder of the run, under which most files bear their old names."""
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for name in names:
            ending = f"/{_relative(name)}"
            for file in files_of.get(self.known[name], ()):
                if file.endswith(ending):
                    votes[name.partition(":")[0]][file.removesuffix(ending)] += 1
        return {
            root: min(found, key=lambda base: (-found[base], len(base), base))
            for root, found in votes.items()
        }

    def roots(self, names: Iterable[str], count: int) -> tuple[str, ...]:
        """The folders of the run as they stand now, and given ones where images lie besides."""
        votes: dict[int, Counter[str]] = defaultdict(Counter)
        for name in names:
            ending = f"/{_relative(name)}"
            if self.path_of.get(name, "").endswith(ending):
                base = self.path_of[name].removesuffix(ending)
                # A folder above the given ones was not given: it may be all of a home folder.
                if any(base == top or _is_in(base, top) for top in self.tops):
                    votes[int(name.partition(":")[0])][base] += 1
        bases = [votes[number].most_common(1)[0][0] for number in range(count) if votes[number]]
        outside = [
            top
            for top in self.tops
            if any(
                _is_in(path, top) and not any(_is_in(path, base) for base in bases)
                for path in self.path_of.values()
            )
        ]
        return tuple(dict.fromkeys([*bases, *outside]))

    def _keep(self, name: str, file: str) -> None:
        if file not in self.taken:
            self.taken.add(file)
            self.path_of[name] = file

    def _hash(self, files: Iterable[str]) -> None:
        todo = iter([file for file in files if file not in self.digest_of])
        with ThreadPoolExecutor(THREADS) as pool:
            while some := list(islice(todo, _AT_ONCE)):
                if self.cancel is not None and self.cancel():
                    raise CancelledError
                for file, digest in zip(some, pool.map(_digest, some), strict=True):
                    self.progress.step()
                    if digest is not None:
                        self.digest_of[file] = digest


def _digest(file: str) -> str | None:
    """What the content of a file is known by; None where it cannot be read."""
    path, time = split_name(file)
    try:
        if time is not None:
            return frame_print(file_print(path), time)[: 2 * HASH_BYTES]
        return file_hash(Path(file))[: 2 * HASH_BYTES]
    except OSError:
        return None


def _relative(name: str) -> str:
    return root_and_path(name)[1]


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _named(
    search: _Search, names: Sequence[str], roots: Sequence[str], data: DataOptions
) -> FoundImages:
    """What was found, by the names that a scan of `roots` gives; it may leave files out."""
    called: dict[str, str] = {}
    if roots:
        listing = list_files(
            roots, patterns=Patterns(data.include, data.exclude), cancel=search.cancel
        )
        roots = listing.roots
        for i in range(len(listing)):
            called[listing.path(i)] = image_name(int(listing.root_of[i]), listing.paths[i])
    now = {}
    for name in names:
        path, time = split_name(search.path_of.get(name, ""))
        if path in called:
            now[name] = called[path] if time is None else frame_name(called[path], time)
    return FoundImages(
        Places(tuple(roots), renamed={old: new for old, new in now.items() if old != new}),
        gone=tuple(name for name in names if name not in now),
        images=len(names),
        by_name=len(search.by_name & set(now)),
    )
