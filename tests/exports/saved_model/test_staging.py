import errno
import itertools
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest
import tensorflow as tf

from zoo import exports
from zoo.exports.saved_model import staging
from zoo.exports.saved_model.staging import staged_version


def test_version_appears_at_the_end(tmp_path):
    with staged_version(tmp_path / "a" / "b", 3) as directory:
        (directory / "file").write_text("x")
        assert not (tmp_path / "a" / "b" / "3").exists()
        # Servers take numbers for versions; this one must not be found.
        assert not directory.name.isdigit()
    assert (tmp_path / "a" / "b" / "3" / "file").read_text() == "x"
    assert os.listdir(tmp_path / "a" / "b") == ["3"]


def test_other_users_may_read(tmp_path):
    """The directory has the rights that the process gives to new ones."""
    (tmp_path / "usual").mkdir()
    with staged_version(tmp_path / "model", 1):
        pass
    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "usual", tmp_path / "model" / "1")
    ]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_nothing(tmp_path, error):
    with pytest.raises(error):
        with staged_version(tmp_path / "a" / "b", 3) as directory:
            (directory / "file").write_text("x")
            raise error
    assert not list(tmp_path.iterdir())


def test_errors_of_the_body_are_its_own(tmp_path):
    """What the caller reads or writes elsewhere is not the directory's."""
    elsewhere = OSError(errno.ENOSPC, "No space left on device", "/elsewhere")
    with pytest.raises(OSError) as error:
        with staged_version(tmp_path / "model", 1):
            raise elsewhere
    assert error.value is elsewhere
    assert not list(tmp_path.iterdir())


def test_a_version_that_cannot_be_put_in_place(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.rename", fail)
    with pytest.raises(OSError, match="be writable .Permission denied.*model"):
        with staged_version(tmp_path / "model", 1):
            pass
    assert not list(tmp_path.iterdir())


def test_failure_keeps_what_was_there(tmp_path):
    (tmp_path / "model" / "1").mkdir(parents=True)
    (tmp_path / "model" / "1" / "file").write_text("old")
    with pytest.raises(RuntimeError):
        with staged_version(tmp_path / "model", 1, overwrite=True):
            raise RuntimeError
    assert (tmp_path / "model" / "1" / "file").read_text() == "old"
    assert os.listdir(tmp_path / "model") == ["1"]


def test_version_made_meanwhile(tmp_path):
    """The slower of two exports of one version fails and cleans up."""
    with pytest.raises(FileExistsError):
        with staged_version(tmp_path, 1):
            with staged_version(tmp_path, 1) as directory:
                (directory / "file").write_text("first")
    assert (tmp_path / "1" / "file").read_text() == "first"
    assert os.listdir(tmp_path) == ["1"]


def export_versions(path, author, count, overwrite, both, outcomes):
    for version in range(1, count + 1):
        outcome = "written"
        try:
            with staged_version(path, version, overwrite=overwrite) as folder:
                for part in ("model", "weights"):
                    (folder / part).write_text(author)
                both.wait(30)
        except FileExistsError:
            outcome = "exists"
        outcomes.put((version, outcome))
        both.wait(30)


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_processes_export_the_same_version(tmp_path, overwrite):
    """Each version is of one of them alone, and only `overwrite` replaces."""
    count = 40
    versions = range(1, count + 1)
    if overwrite:
        for version in versions:
            (tmp_path / str(version)).mkdir()
            (tmp_path / str(version) / "old").write_text("old")
    context = multiprocessing.get_context("fork")
    both, outcomes = context.Barrier(2), context.Queue()
    processes = [
        context.Process(
            target=export_versions,
            args=(tmp_path, author, count, overwrite, both, outcomes),
        )
        for author in ("first", "second")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = sorted(outcomes.get() for _ in range(2 * count))
    other = "written" if overwrite else "exists"
    assert found == [(n, o) for n in versions for o in (other, "written")]
    assert sorted(os.listdir(tmp_path), key=int) == list(map(str, versions))
    for version in versions:
        parts = list((tmp_path / str(version)).iterdir())
        assert sorted(p.name for p in parts) == ["model", "weights"]
        assert len({p.read_text() for p in parts}) == 1


def test_overwrite_replaces(tmp_path):
    for text in ("old", "new"):
        with staged_version(tmp_path, 1, overwrite=True) as directory:
            (directory / text).write_text(text)
    assert os.listdir(tmp_path) == ["1"]
    assert os.listdir(tmp_path / "1") == ["new"]


def killed_at(step, path, exchange):
    """Overwrites version 1 in a process that ends before a step of it.

    Returns whether there is such a step.
    """
    child = os.fork()
    if not child:
        status = 2
        try:
            steps = itertools.count()

            def dying(function):
                def run(*arguments, **options):
                    if next(steps) == step:
                        os._exit(9)
                    return function(*arguments, **options)

                return run

            for owner, name in (
                (Path, "rename"),
                (staging, "_exchanged"),
                (os, "unlink"),
                (os, "rmdir"),
            ):
                setattr(owner, name, dying(getattr(owner, name)))
            if not exchange:
                staging._exchanged = dying(lambda *_: False)
            with staged_version(path, 1, overwrite=True) as directory:
                write_parts(directory, "new")
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


def write_parts(directory, text):
    for part in ("model", "weights"):
        (directory / part).write_text(text)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_kill_at_any_step_of_overwriting(tmp_path, exchange):
    """The version is the old or the new one, whole; or put back if need be."""
    step, lost, going = 0, 0, True
    while going:
        path = tmp_path / str(step)
        with staged_version(path, 1) as directory:
            write_parts(directory, "old")
        going = killed_at(step, path, exchange)
        lost += not (path / "1").exists()
        with staged_version(path, 2):
            pass
        texts = [part.read_text() for part in (path / "1").iterdir()]
        assert texts in (["old"] * 2, ["new"] * 2)
        if not going:
            assert texts == ["new"] * 2
            assert sorted(os.listdir(path)) == ["1", "2"]
        step += 1
    assert step > 4
    # Linux lets the two change places at once.
    assert lost == (0 if exchange else 1)


def test_a_version_put_back_is_not_overwritten_unasked(tmp_path):
    replaced = tmp_path / f".1-{'0' * 32}-replaced"
    replaced.mkdir()
    (replaced / "file").write_text("old")
    with pytest.raises(FileExistsError):
        with staged_version(tmp_path, 1):
            pass
    assert (tmp_path / "1" / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.parametrize("version", [-1, 0, 2**63, 1.5, "1", True])
def test_wrong_versions(tmp_path, version):
    with pytest.raises(ValueError, match="from 1 to 2\\^63 - 1"):
        with staged_version(tmp_path, version):
            pass
    assert not list(tmp_path.iterdir())


def test_what_a_killed_export_left_is_removed(tmp_path):
    """After a day; an old version that nothing replaced is put back."""
    (tmp_path / "1").mkdir()
    name = "0123456789abcdef" * 2
    removed = [f".1-{name}", f".2-{name}", f".1-{name}-replaced"]
    kept = [".1-mine", f"1-{name}", ".git"]
    back = f".2-{name}-replaced"
    recent = f".3-{name}"
    for folder in (*removed, *kept, back, recent):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("x")
    long_ago = time.time() - 25 * 60 * 60
    for folder in (*removed, *kept, back):
        os.utime(tmp_path / folder, (long_ago, long_ago))
    with staged_version(tmp_path, 5):
        pass
    expected = {"1", "2", "5", *kept, recent}
    assert set(os.listdir(tmp_path)) == expected


def test_unwritable_directory(tmp_path, classifier):
    """Below a regular file nothing can be made, whoever the user is."""
    (tmp_path / "file").write_text("kept")
    for path in ("file", "file/model", "file/deep/model"):
        with pytest.raises(OSError, match="must be writable") as error:
            exports.save(classifier(), tmp_path / path)
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_full_disk(tmp_path, monkeypatch, classifier):
    def fail(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "disk full\nhere")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="must be writable .disk full.") as error:
        exports.save(classifier(), tmp_path / "model")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_request_that_cannot_be_written(tmp_path, monkeypatch, classifier):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "x.json")

    monkeypatch.setattr("zoo.exports.saved_model.save.write_request", fail)
    with pytest.raises(OSError, match="must be writable .No space left"):
        exports.save(classifier(), tmp_path / "model")


def test_a_full_temporary_disk_is_not_blamed_on_the_export(
    tmp_path, monkeypatch, classifier
):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "/temporary")

    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    with pytest.raises(OSError, match="/temporary") as error:
        exports.save(classifier(), tmp_path / "model")
    assert "must be writable" not in str(error.value)
    assert not list(tmp_path.iterdir())
