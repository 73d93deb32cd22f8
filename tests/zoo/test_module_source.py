"""Names that a source lists, read without importing it."""

import itertools

import pytest

from zoo.module_source import assigned_names

LISTED = ('{"a": 1, "b": x}', '("a", "b")', '["a", "b"]')


def test_names_are_read_in_order(monkeypatch, tmp_path):
    folder = tmp_path / "listing" / "deep"
    folder.mkdir(parents=True)
    (tmp_path / "listing" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for listed, kind in itertools.product(LISTED, ("", ": object")):
        source = f"1 / 0\nOTHER = 1\nNAMES{kind} = {listed}\n"
        (folder / "one.py").write_text(source)
        assert assigned_names("listing", "deep.one", "NAMES") == ("a", "b")
    with pytest.raises(ValueError, match=r"Received: listing\.deep\.one"):
        assigned_names("listing", "deep.one", "MISSING")
