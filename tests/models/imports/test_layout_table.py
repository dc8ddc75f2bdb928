"""The guide's table of layouts: each row is a case of the test that it names, and no case lacks one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.models.imports.public_layouts import LAYOUTS
from tests.models.imports.test_cswin_import import CASES as CSWIN
from tests.models.imports.test_foreign import CHANGES
from tests.models.test_timm_family import KINDS
from tests.records.test_imported import CASES

ROOT = Path(__file__).parents[3]
CASES_OF: dict[str, Iterable[str]] = {
    "tests/models/imports/test_public_weights.py": LAYOUTS,
    "tests/models/test_timm_family.py": KINDS,
    "tests/models/imports/test_cswin_import.py": CSWIN,
    "tests/models/imports/test_foreign.py": CHANGES,
    "tests/records/test_imported.py": CASES,
}


def test_every_row_is_a_test_and_every_layout_has_a_row() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text("utf-8")
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| `(tests/[^`]+)` \|$", guide, re.MULTILINE)
    assert len(rows) > 30
    for name, file in rows:
        assert (ROOT / file).is_file()
        assert name in set(CASES_OF[file]), (name, file)
    named = {name for name, _ in rows}
    assert set(LAYOUTS) | set(KINDS) <= named
