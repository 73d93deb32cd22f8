"""Lists the packages; everything else is in setup.cfg.

The folders `training` and `exports` are installed as `zoo.training` and
`zoo.exports` (`package_dir`), which `packages = find:` can't say.
"""

from setuptools import find_packages
from setuptools import setup

FOLDERS = ("training", "exports")

setup(
    packages=[
        *find_packages(include=("zoo", "zoo.*")),
        *(
            f"zoo.{package}"
            for folder in FOLDERS
            for package in find_packages(include=(folder, f"{folder}.*"))
        ),
    ]
)
