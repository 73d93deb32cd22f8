import itertools
import os
import re
import shutil
from pathlib import Path

import pytest

from zoo.exports.serving import write_bundle
from zoo.exports.serving.bundle import _names
from zoo.exports.serving.bundle import _read_hashes
from zoo.exports.serving.bundle import _write


def test_an_operators_models_config_stays(tmp_path, folder):
    """A roll-back by hand isn't undone by the next bundle."""
    ignored = shutil.ignore_patterns("serving")
    shutil.copytree(folder, tmp_path / "tiny", ignore=ignored)
    first = write_bundle(tmp_path / "tiny", version=1, most=1)
    assert first.live and first.merging
    config = first.path / "models.config"
    assert "versions: 1 " in config.read_text()
    config.write_text(config.read_text() + "# by hand\n")
    kept = config.read_text()
    second = write_bundle(tmp_path / "tiny", version=3, most=1)
    assert config.read_text() == kept and not second.live
    assert (second.path / "golden" / "3.json").exists()
    third = write_bundle(tmp_path / "tiny", version=3, most=1, roll_out=True)
    assert "versions: 3 " in config.read_text() and third.live
    assert write_bundle(tmp_path / "tiny", version=3, most=1).live


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ("specific { versions: 3 }", True),
        ("specific { versions: 2 versions:3 }", True),
        ("specific { versions: [1, 3] }", True),
        ("specific { versions: 13 }", False),
        ("specific { versions: 30 }", False),
        ("specific {\n# versions: 3\nversions: 2 }", False),
        ("latest { num_versions: 1 } # specific { versions: 2 }", True),
    ],
)
def test_versions_that_an_operator_serves(policy, named):
    config = f"model_version_policy {{ {policy}\n}}\n"
    assert _names(config, 3) == named


def test_an_operators_edits_stay(tmp_path, folder):
    path = tmp_path / "tiny"
    shutil.copytree(folder / "3", path / "3")
    bundle = write_bundle(path, most=1)
    assert not bundle.edited
    served = bundle.path / "compose.yaml"
    mine = served.read_text() + "# Of another network.\n"
    served.write_text(mine)
    (bundle.path / "monitoring.config").write_text("")
    shutil.copytree(folder / "3", path / "4")
    bundle = write_bundle(path, most=1)
    assert set(bundle.edited) == {"compose.yaml", "monitoring.config"}
    assert served.read_text() == mine
    new = bundle.path / "compose.yaml.new"
    assert new.read_text() == mine.replace("# Of another network.\n", "")
    assert "golden/4.json" in (bundle.path / "smoke_test.sh").read_text()
    served.write_text(new.read_text())  # The operator took it over.
    assert write_bundle(path, most=1).edited == ("monitoring.config",)
    assert not new.exists()
    (bundle.path / "written.json").write_text('{"compose.yaml": 3}')
    with pytest.raises(ValueError, match="written.json must hold lists"):
        write_bundle(path, most=1)


def test_links_stay(tmp_path):
    """The file may be kept elsewhere, such as in a repository."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("1")
    served = tmp_path / "serving"
    served.mkdir()
    (served / "compose.yaml").symlink_to(elsewhere)
    assert _write(served, {"compose.yaml": "1"}, {}) == ("compose.yaml",)
    assert (served / "compose.yaml").is_symlink()
    assert (served / "compose.yaml.new").read_text() == "1"


def test_an_edited_batching_config_is_not_removed(shared_folder, tmp_path):
    path = tmp_path / "shared"
    shutil.copytree(shared_folder / "1", path / "1")
    (path / "serving").mkdir()
    (path / "serving" / "batching.config").write_text("# mine")
    assert not write_bundle(path, most=1).merging
    assert (path / "serving" / "batching.config").read_text() == "# mine"


@pytest.mark.parametrize("edited", [(), ("a.yaml",)])
@pytest.mark.parametrize("step", range(5))
def test_an_interruption_makes_no_file_an_edited_one(
    tmp_path, monkeypatch, step, edited
):
    """Nor does it leave half of one, at whatever step it comes."""

    def write(version):
        names = ("a.yaml", "golden/1.json", "smoke_test.sh")
        texts = {name: f"{name} of {version}" for name in names}
        return _write(tmp_path, texts, _read_hashes(tmp_path))

    write(1)
    for name in edited:
        (tmp_path / name).write_text("mine")
    replace, calls = os.replace, itertools.count()

    def interrupted(*paths):
        if next(calls) == step:
            raise KeyboardInterrupt
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write(2)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not [file for file in files if file.name.startswith(".")]
    for file in files:
        if file.name != "written.json":
            assert re.fullmatch(r"mine|.* of [12]", file.read_text())
    assert write(3) == edited


def test_models_config_is_written_last(tmp_path, folder, monkeypatch):
    """Else a server would load a version whose files aren't there yet."""
    path = tmp_path / "tiny"
    shutil.copytree(folder / "3", path / "3")
    replaced = []
    replace = os.replace

    def recorded(source, target):
        replaced.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr("os.replace", recorded)
    write_bundle(path, most=1)
    names = [name for name in replaced if name != "written.json"]
    assert names[-1] == "models.config"
    assert len(names) == 7
