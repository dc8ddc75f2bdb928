"""What pyproject.toml cannot say: resources/ is installed as a part of sit_studio."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["sit_engine*", "sit_studio*"]), "sit_studio.resources"],
    package_dir={"sit_studio.resources": "resources"},
    package_data={
        "sit_engine": ["py.typed"],
        "sit_studio": ["py.typed"],
        "sit_studio.resources": ["*.qss", "*.svg", "*.toml", "icons/*.svg"],
    },
)
