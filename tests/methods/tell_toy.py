"""`python -m tests.methods.tell_toy MODULE WORD …`: that module, where the table has the toy's line."""

from __future__ import annotations

import runpy
import sys

from sit_engine.config.methods import METHODS, MethodEntry

if __name__ == "__main__":
    METHODS["toy"] = MethodEntry("tests.methods.toy:ToyOptions", "tests.methods.toy:Toy")
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
