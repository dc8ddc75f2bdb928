"""`python -m sit_engine` is `sit-engine`."""

from sit_engine.cli.main import entry

if __name__ == "__main__":
    entry()
