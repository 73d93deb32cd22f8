"""The commit and the versions that a report names."""

import subprocess

from zoo.training.evaluation import provenance


def git(directory, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
    )


def test_commit_of_tracked_sources_alone(tmp_path, monkeypatch):
    source = tmp_path / "provenance.py"
    source.write_text("1")
    monkeypatch.setattr(provenance, "__file__", str(source))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() is None
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "empty")
    assert provenance.commit() is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "source")
    commit = provenance.commit()
    assert len(commit) == 40
    results = tmp_path / "docs" / "results.json"
    results.parent.mkdir()
    results.write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "results")
    commit = provenance.commit()
    results.write_text("2")
    assert provenance.commit() == commit
    source.write_text("2")
    assert provenance.commit() == f"{commit}-dirty"


def test_no_git_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() is None


def test_versions():
    import keras
    import tensorflow as tf

    found = provenance.versions()
    assert found["keras"] == keras.__version__
    assert found["tensorflow"] == tf.__version__
    assert all(isinstance(version, str) for version in found.values())
