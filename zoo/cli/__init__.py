"""The `zoo` command; the one place where all packages meet."""

from zoo.cli.main import main

__all__ = ["main"]
