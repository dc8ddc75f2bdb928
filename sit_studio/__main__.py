"""`python -m sit_studio` is `sit-studio`."""

from sit_studio.app import entry

if __name__ == "__main__":
    entry()
