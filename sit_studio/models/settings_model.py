"""What the Train page's form holds: the user's words by setting, checked and resolved; Qt-free."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from sit_engine.config.backbones import DEFAULT_FAMILY
from sit_engine.config.build import build, family_of, from_dotted, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.methods import DEFAULT_METHOD, METHODS, needs_labels, traits
from sit_engine.config.resolve import Resolved, resolve
from sit_engine.config.schema import FAMILY, Setting, family_setting, settings, titled_families
from sit_engine.config.toml_file import read_chosen, read_values, to_toml
from sit_engine.config.traits import Size
from sit_engine.config.tree import RunConfig
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.folder.wanted import EVERYTHING, Patterns
from sit_engine.errors import ConfigError, SitError
from sit_engine.paths import escape_name, unescape_name
from sit_studio.models.failure import Failure, failure_of

WEIGHTS = "model.weights"
# Chosen on other pages, by the presets' cards, or (what a run starts from) in its own card.
ELSEWHERE = (
    "preset", "data.folders", "data.labels", "data.labels_file", "data.layout", "data.include",
    "data.exclude", "data.path_column", "data.label_column", WEIGHTS,
)  # fmt: skip
BACKBONE = "model.backbone"
Kind = Literal["pretrain", "finetune"]
PRETRAIN: Final = "pretrain"
FINETUNE: Final = "finetune"


@dataclass(frozen=True)
class CheckedSettings:
    """The settings as they would be used, or why they cannot be."""

    config: RunConfig | None = None
    resolved: Resolved | None = None
    failure: Failure | None = None

    @property
    def field(self) -> str:
        """The setting that the failure is about; empty when it is about none."""
        return self.failure.values.get("field", "") if self.failure else ""


@dataclass
class SettingsModel:
    """Texts by dotted path; a setting without one is left to preset and method, or to "auto"."""

    preset: str = "standard"
    texts: dict[str, str] = field(default_factory=dict)
    method: str = DEFAULT_METHOD
    aside: dict[str, str] = field(default_factory=dict)
    """Texts of settings that the method chosen now does not have."""

    @property
    def size(self) -> Size:
        """How much is trained."""
        for method in (self.method, *METHODS):
            for size, preset in traits(method).sizes.items():
                if preset == self.preset:
                    return size
        return "standard"

    def choose(self, *, size: Size | None = None, recipe: str | None = None) -> None:
        """Choose another size or recipe; what the user said of the tasks goes with their recipe."""
        size = size or self.size
        if recipe is not None and recipe != self.method:
            own = {f"method.{name}" for name in traits(self.method).recipe}
            self.method = recipe
            texts = {p: t for p, t in self.texts.items() if p not in own}
            self._keep(self.aside | texts)
        sizes = traits(self.method).sizes
        self.preset = sizes.get(size, sizes["standard"])

    @property
    def family(self) -> str:
        """The family of its backbone."""
        text = self.texts.get(FAMILY, DEFAULT_FAMILY)
        return text if text in titled_families() else DEFAULT_FAMILY

    def settings(self) -> list[Setting]:
        """Every setting that the form shows."""
        return [item for item in self._all() if item.path not in ELSEWHERE]

    def _all(self) -> list[Setting]:
        return [family_setting(), *settings(self.method, self.family)]

    def _keep(self, texts: dict[str, str]) -> None:
        """Keep what method and family have; the rest waits aside."""
        self.texts = texts
        known = {item.path: item.choices for item in self._all()}

        def fits(path: str, text: str) -> bool:
            # Families share the name of a setting whose words are each one's own.
            return path in known and (path != BACKBONE or text in known[path])

        self.texts = {path: text for path, text in texts.items() if fits(path, text)}
        self.aside = {path: text for path, text in texts.items() if not fits(path, text)}

    def set(self, path: str, text: str) -> None:
        """Take the user's word; an empty one gives the setting back."""
        if text.strip():
            self.texts[path] = text.strip()
        else:
            self.texts.pop(path, None)
        if path == FAMILY:
            self._keep(self.aside | self.texts)

    @property
    def start(self) -> Path | None:
        """The weights to start from."""
        text = self.texts.get(WEIGHTS, "")
        return Path(unescape_name(text)) if text else None

    def start_from(self, weights: Path | None) -> None:
        """Start from these weights; None: from scratch."""
        self.set(WEIGHTS, escape_name(str(weights)) if weights is not None else "")

    def take_network(self, network: Mapping[str, Any]) -> None:
        """Take over all sizes of a network, as settings of `model`; whatever else it had goes."""
        self.texts = {p: t for p, t in self.texts.items() if not p.startswith("model.")}
        texts = flat_texts({"model": dict(network)})
        self.set(FAMILY, texts.pop(FAMILY))
        for path, text in texts.items():
            self.set(path, text)

    def defaults(self) -> Mapping[str, str]:
        """What settings without a text are by preset and method, as texts."""
        return _defaults(self.preset, self.method, self.family)

    def text(self, path: str) -> str:
        """The user's word, else the default's; empty where there is neither."""
        return self.texts.get(path, self.defaults().get(path, ""))

    def values(self) -> dict[str, Any]:
        """The chosen values, nested as a config file would hold them."""
        known = {item.path: item for item in self._all()}
        flat: dict[str, Any] = {}
        for path, typed in self.texts.items():
            item, text = known[path], with_hyphens(typed)
            if text == "none" and item.takes_none:
                flat[path] = None
            elif item.is_list:
                flat[path] = [part.strip() for part in text.split(",") if part.strip()]
            else:
                flat[path] = text
        chosen = {"preset": self.preset, "method": {"name": self.method}}
        return merge(from_dotted(flat), chosen)

    def check(self, facts: DataFacts | None, device: DeviceFacts | None) -> CheckedSettings:
        """Build, and resolve when images and device are known."""
        try:
            config = build(self.values())
        except ConfigError as error:
            return CheckedSettings(failure=failure_of(error))
        if facts is None or device is None or not facts.images or config.model.weights:
            # The sizes that weights bring are read by the engine's child (its question "resolve").
            return CheckedSettings(config)
        try:
            return CheckedSettings(config, resolve(config, facts, device))
        except SitError as error:
            return CheckedSettings(config, failure=failure_of(error))

    def load(self, path: Path, *, of_run: bool = False) -> None:
        """Take over a file of settings; of a run, without what was "auto" then."""
        values = read_chosen(path) if of_run else read_values(path)
        method = build(values).method.name
        # One that cannot be chosen comes with its weights.
        named = family_of(values.get("model", {}))
        family = named if named in titled_families() else DEFAULT_FAMILY
        assert needs_labels(method) == needs_labels(self.method)
        preset = str(values.pop("preset", "standard"))
        known = {item.path for item in settings(method, family)} - {*ELSEWHERE} | {WEIGHTS}
        flat = {name: text for name, text in flat_texts(values).items() if name in known}
        defaults = _defaults(preset, method, family)
        self.preset, self.method, self.aside = preset, method, {}
        self.texts = {name: text for name, text in flat.items() if defaults.get(name) != text}
        if family != DEFAULT_FAMILY:
            self.texts[FAMILY] = family

    def to_toml(self, config: RunConfig) -> str:
        """The settings as a file."""
        return to_toml(config)

    def command_line(
        self,
        folders: tuple[str, ...],
        labels: str,
        labels_file: str | None,
        *,
        layout: LayoutChoice = "auto",
        patterns: Patterns = EVERYTHING,
        columns: LabelColumns = LabelColumns(),  # noqa: B008 - frozen
        cache_gb: float | None = None,
        with_scratch: bool = False,
    ) -> str:
        """The command that starts this run in a terminal; `cache_gb` is the budget of this window."""
        texts = dict(self.texts)
        if needs_labels(self.method):
            texts.pop(WEIGHTS, None)
            words = ["sit-engine", "finetune", str(self.start or "scratch"), *folders]
            words += ["--with-scratch"] if with_scratch else []
        else:
            words = ["sit-engine", "pretrain", *folders, "--preset", self.preset]
            is_named = build({"preset": self.preset}).method.name == self.method
            words += [] if is_named else ["--method", self.method]
        if labels != "folders":
            words += ["--data.labels", labels]
        if labels_file:
            words += ["--data.labels-file", labels_file]
            for name, called in asdict(columns).items():
                words += [f"--data.{name}-column", called] if called != name else []
        if layout != "auto":
            words += ["--data.layout", layout]
        for name, given in (("include", patterns.include), ("exclude", patterns.exclude)):
            words += [f"--data.{name}", ",".join(given)] if given else []
        budget = {}
        if cache_gb is not None and cache_gb != RunConfig().data.cache_gb:
            budget = {"data.cache_gb": f"{cache_gb:g}"}
        for path, text in (budget | texts).items():
            words += [f"--{path.replace('_', '-')}", with_hyphens(text)]
        return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def with_hyphens(text: str) -> str:
    """A number's minus sign as programs read it."""
    return text.replace("\u2212", "-")


def flat_texts(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings by dotted path, each as the form shows it; one without a value is left out."""
    found: dict[str, str] = {}
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            found |= flat_texts(value, f"{path}.")
        elif isinstance(value, (list, tuple)):
            found[path] = ",".join(str(part) for part in value) or "none"
        elif value is not None:
            short = f"{value:g}" if isinstance(value, float) else ""
            found[path] = short if short and float(short) == value else str(value)
    return found


def kind_of(path: Path) -> Kind:
    """Which form a file of settings belongs to."""
    return FINETUNE if build(read_values(path)).method.needs_labels else PRETRAIN


@lru_cache(maxsize=16)
def _defaults(preset: str, method: str, family: str) -> dict[str, str]:
    plain = {"preset": preset, "method": {"name": method}, "model": {"family": family}}
    return flat_texts(build(plain).model_dump(mode="json")) | {FAMILY: DEFAULT_FAMILY}
