"""The versions that `make` installs, as they stand in this environment: what `make lock` writes.

Only what our own requirements lead to. What torch brings for one kind of GPU is left out: torch itself
asks for exactly one version of it, and a machine without that GPU has none.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

OURS, EXTRAS = "sit-studio", ("studio", "test")
OF_A_GPU = ("nvidia-", "cuda-", "triton")
ABOUT = """\
# Versions that `make` installs, so that two machines get the same; `make lock` writes this file anew.
# Made with Python 3.11 on Linux, the oldest that we support: each of these has wheels for 3.11 to 3.13.
# What only another system or another Python needs is not named here, and pip chooses it; a build of torch
# for another GPU or for none ("+cpu") has the same version. `make -B setup CONSTRAINTS=` goes without.
"""


def closure() -> dict[str, str]:
    """Each package that ours needs with these extras, directly or not, and its version."""
    found: dict[str, str] = {}
    wanted = [(OURS, extra) for extra in ("", *EXTRAS)]
    seen = set(wanted)
    while wanted:
        name, extra = wanted.pop()
        try:
            about = distribution(name)
        except PackageNotFoundError:
            continue  # For another system.
        found[name] = Version(about.version).public
        for text in about.requires or ():
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
                continue
            for more in ("", *needed.extras):
                item = (canonicalize_name(needed.name), more)
                if item not in seen:
                    seen.add(item)
                    wanted.append(item)
    del found[OURS]
    return {name: version for name, version in found.items() if not name.startswith(OF_A_GPU)}


if __name__ == "__main__":
    if sys.version_info[:2] != (3, 11) or sys.platform != "linux":
        sys.exit(
            "Make it with Python 3.11 on Linux: newer ones take versions that 3.11 does not have."
        )
    print(ABOUT + "\n".join(f"{name}=={version}" for name, version in sorted(closure().items())))
