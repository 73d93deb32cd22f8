"""The cache: what is in it, and emptying it."""

from zoo.weights import cached_files
from zoo.weights import clear_cache
from zoo.weights.folders import lock

OURS = ("a.weights.h5", "b.weights.json", "c.weights.h5.part")
OTHERS = ("a.weights.h5.lock", "notes.txt")


def test_an_empty_cache(cache):
    assert cached_files() == clear_cache() == []
    assert not cache.exists()


def test_weights_and_unfinished_ones_alone_are_removed(cache):
    cache.mkdir(parents=True)
    for name in (*OURS, *OTHERS):
        (cache / name).write_text(name)
    (cache / "folder.weights.h5").mkdir()
    assert cached_files() == [cache / name for name in OURS]
    assert clear_cache() == [cache / name for name in OURS]
    assert cached_files() == []
    assert {*OTHERS, "folder.weights.h5"} <= {p.name for p in cache.iterdir()}


def test_what_is_being_downloaded_stays(cache):
    cache.mkdir(parents=True)
    for name in OURS:
        (cache / name).write_text(name)
    busy = cache / "c.weights.h5.part"
    with lock(cache / "c.weights.h5"):
        assert busy not in clear_cache()
    assert cached_files() == [busy]
    assert clear_cache() == [busy]
