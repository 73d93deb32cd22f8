"""The registry, and the entries in it."""

import importlib.util
import inspect
import subprocess
import sys

import pytest

from tests.paths import ROOT
from zoo import presets
from zoo.presets import Preset
from zoo.presets import base
from zoo.presets import register
from zoo.weights import WeightFile
from zoo.weights.manifest import read_entry
from zoo.weights.manifest import read_manifest


def preset(name="test_net", **options):
    values = dict(
        name=name,
        builder="package.build",
        config=dict(num_classes=3, image_shape=(8, 8, 1)),
        dataset="data",
        description="Described.",
        paper="https://example.org",
    )
    return Preset(**(values | options))


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Leaves the real registry as it was."""
    monkeypatch.setattr(base, "_REGISTRY", dict(base._REGISTRY))
    monkeypatch.setattr(base, "_ALIASES", dict(base._ALIASES))


def test_bare_name_is_the_default_tag():
    default = preset(default_tag="data")
    other = preset("test_net.other")
    register(default)
    register(other)
    assert presets.get("test_net") is default
    assert presets.get("test_net.data") is default
    assert presets.get("test_net.other") is other
    assert {"test_net", "test_net.other"} <= set(presets.names())
    assert "test_net.data" not in presets.names()


@pytest.mark.parametrize("name", ["test_net", "test_net.data"])
def test_duplicates_raise_and_change_nothing(name):
    register(preset(default_tag="data"))
    known = presets.names()
    with pytest.raises(ValueError, match=f"unique. Received: name='{name}'"):
        register(preset(name))
    with pytest.raises(ValueError, match="unique"):
        register(preset("test_net", default_tag="fresh"))
    assert presets.names() == known


def test_alias_may_not_hide_a_preset():
    register(preset("test_net.data"))
    with pytest.raises(ValueError, match="unique"):
        register(preset("test_net", default_tag="data"))
    assert "test_net" not in presets.names()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("irm_wrn16", "irm_wrn16_2"),
        ("IRM_WRN16_2", "irm_wrn16_2"),
        ("Wrn16_2.Fashion_MNIST", "wrn16_2.fashion_mnist"),
        ("irm_wrn16_2.fashion", "irm_wrn16_2.fashion_mnist"),
        ("wrn16", "wrn16_2"),
        ("irm", "irm_wrn16_2"),
        (None, ""),
    ],
)
def test_unknown_name_lists_near_ones(name, near):
    with pytest.raises(presets.UnknownPresetError) as caught:
        presets.get(name)
    message = str(caught.value)
    assert near in message
    assert "zoo.list_models()" in message
    assert message.endswith(f"Received: name={name!r}")
    assert "\n" not in message


@pytest.mark.parametrize(
    "options",
    [
        dict(name="Has Space"),
        dict(name="two.tags.here"),
        dict(name="test-net"),
        dict(name="test_net.tag", default_tag="other"),
        dict(default_tag="a.b"),
        dict(builder="build"),
        dict(recipe="not a name"),
        dict(config=dict(num_classes=3)),
        dict(classes=("one", "two")),
    ],
)
def test_bad_entries(options):
    with pytest.raises(ValueError, match="Received: "):
        preset(**options)


@pytest.mark.parametrize("name", presets.names())
def test_entries_point_at_what_exists(name):
    """Builder, its options and the recipe are there; the links are strings."""
    entry = presets.get(name)
    if entry.default_tag is not None:
        assert presets.get(f"{name}.{entry.default_tag}") is entry
    module, _, function = entry.builder.rpartition(".")
    builder = getattr(importlib.import_module(module), function)
    inspect.signature(builder).bind(**entry.config)
    if entry.recipe is not None:
        assert importlib.util.find_spec(entry.recipe) is not None


def test_the_manifest_lists_the_published_presets_alone():
    entries = read_manifest(ROOT / "zoo" / "presets" / "weights.json")
    published = [name for name in presets.names() if presets.get(name).weights]
    assert sorted(entries) == published
    for name in published:
        assert presets.get(name).weights == read_entry(entries[name])


def test_every_published_file_has_a_licence():
    for entry in map(presets.get, presets.names()):
        assert entry.stored is None or entry.stored.licence


def test_shipped_files_are_the_published_ones():
    published = {
        file.name: file
        for name in presets.names()
        if (weights := presets.get(name).stored)
        for file in weights.files
    }
    folder = ROOT / "zoo" / "weights" / "files"
    for path in folder.glob("*"):
        assert WeightFile.from_path(path) == published.get(path.name)


def test_import_is_light():
    """Listing and reading cards needs neither Keras nor what it stands on."""
    code = (
        "import sys, zoo.presets, zoo.cards.card, zoo.loading, zoo.weights\n"
        "assert zoo.loading.list_models('irm_*')\n"
        "zoo.cards.card.info('irm_wrn28_10')\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'h5py', 'pooch', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"
