"""A killed evaluation that goes on gives the uninterrupted report."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.paths import ROOT
from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import Shift
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import coin_model
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import numbers
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.evaluation import evaluate
from zoo.training.evaluation import provenance
from zoo.training.evaluation.flags import sanity

BALL = ThreatModel("l2", 0.5)
SCRIPT = """
import os, signal, sys
import keras
import numpy as np
from zoo.training import attacks, datasets
from zoo.training.evaluation import evaluate
from zoo.training.evaluation.engine.scoring import Scorer
from zoo import layers

folder, ends = sys.argv[1], sys.argv[2:]

keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.RandomPatchJPEG(),
    keras.layers.Conv2D(4, 5, strides=4, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(10),
], name="toy")
data = next(iter(datasets.load("fashion_mnist_sample", batch_size=60)))
images, labels = (part.numpy() for part in data)
labels[:45] = np.argmax(model(images[:45]), axis=-1)

scored, score = 0, Scorer.score

def killed_score(*arguments, **options):
    global scored
    scored += 1
    results = score(*arguments, **options)
    if scored == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return results

for end in ends:
    if end == "killed":
        Scorer.score = killed_score
    evaluate(
        model,
        (images, labels),
        [
            attacks.pgd(norm="l2", eps=0.2, steps=2),
            attacks.ddn(steps=4),
            attacks.pgd(norm="l2", eps=0.2, steps=3, restarts=2),
        ],
        batch_size=10,
        draws=3,
        seed=5,
        skip_fooled=True,
        resume=None if end == "straight" else f"{folder}/batches",
        progress=False,
    ).to_json(f"{folder}/{end}.json")
"""


def evaluated(folder, *ends):
    """Runs the script in a process; `killed` ends it in its 13th batch."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, *ends],
        cwd=ROOT,
        env={**os.environ, "TF_DETERMINISTIC_OPS": "1"},
    ).returncode


def timeless(path):
    """The report without its date and seconds, and these."""
    report = json.loads(path.read_text())
    times = [report.pop("date")]
    times += [result.pop("seconds") for result in report["attacks"]]
    return report, times


def test_a_killed_evaluation_ends_like_an_uninterrupted_one(tmp_path):
    """The 13th batch is in the second of four passes."""
    batches = tmp_path / "batches"
    assert evaluated(tmp_path, "straight", "killed") == -signal.SIGKILL
    assert not (tmp_path / "killed.json").exists()
    kept = sorted(path.name for path in batches.glob("[0-9]*.npz"))
    assert len(kept) == 12
    times = {path: path.stat().st_mtime_ns for path in batches.glob("[0-9]*")}

    assert evaluated(tmp_path, "resumed", "again") == 0
    straight, _ = timeless(tmp_path / "straight.json")
    resumed, (date, *seconds) = timeless(tmp_path / "resumed.json")
    assert straight == resumed
    assert 0 < straight["attacks"][2]["images"] < 60
    assert 0 < straight["attacks"][2]["robust"]["mean"] < 1
    # A run that finds every batch done says the same, times included.
    again = (tmp_path / "again.json").read_text()
    assert again == (tmp_path / "resumed.json").read_text()
    # Nothing was scored twice, and the times are those of the batches.
    assert all(path.stat().st_mtime_ns == times[path] for path in times)
    assert date == json.loads((batches / "run.json").read_text())["date"]
    spent = 0.0
    for path in sorted(batches.glob("01-*.npz")):
        with np.load(path) as batch:
            spent += float(batch["seconds"])
    assert seconds[0] == spent


@dataclasses.dataclass(frozen=True)
class Interrupted(Shift):
    """Breaks off in its third batch."""

    def __call__(self, model, images, labels):
        if len(self.batches) == 2:
            raise KeyboardInterrupt
        return super().__call__(model, images, labels)


def test_finished_batches_are_not_run_again(tmp_path):
    data = levels(*np.linspace(0.1, 0.9, 10))
    options = {"batch_size": 2, "progress": False}
    straight = evaluate(brightness(), data, [Shift(0.1)], **options)
    options["resume"] = tmp_path / "deep" / "folder"
    with pytest.raises(KeyboardInterrupt):
        evaluate(brightness(), data, [Interrupted(0.1)], **options)
    attack = Shift(0.1)
    resumed = evaluate(brightness(), data, [attack], **options)
    assert attack.batches == [2, 2, 2]
    assert numbers(resumed) == numbers(straight)
    assert evaluate(brightness(), data, [attack], **options) == resumed
    assert attack.batches == [2, 2, 2]


def test_names_and_worst_cases_may_change(tmp_path):
    """They don't change what the attacks did."""
    data = levels(0.1, 0.45, 0.8)
    options = {"resume": tmp_path, "progress": False}
    first = evaluate(brightness(), data, [Shift(0.1)], **options)
    second = evaluate(
        brightness(),
        data,
        [Shift(0.1)],
        threat=BALL,
        name="other",
        **options,
    )
    assert first.worst_cases == ()
    assert second.worst_cases[0].robust.mean == pytest.approx(2 / 3)


def scene(**changes):
    """Arguments of an evaluation, some of them changed."""
    return {
        "model": brightness(),
        "dataset": levels(*np.linspace(0.1, 0.9, 10)),
        "attacks": [attacks.fgsm(eps=0.1), Shift(0.1)],
        "batch_size": 4,
        **changes,
    }


def other_weights():
    model = brightness()
    model.set_weights([weight * 2 for weight in model.get_weights()])
    return model


def other_layers():
    """The same weights behind a layer that has none."""
    inputs = keras.Input(SHAPE)
    return keras.Model(
        inputs, brightness()(keras.layers.Rescaling(1.0)(inputs))
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": levels(*np.linspace(0.2, 0.9, 10))}, "data was '"),
        ({"limit": 9}, "data was .*; images was 10, now 9"),
        ({"attack_limit": 9}, "attacked was 10, now 9"),
        (
            {"attacks": [attacks.fgsm(eps=0.2), Shift(0.1)]},
            "attacks was .*eps=0.1, .*, now .*eps=0.2, ",
        ),
        (
            {"attacks": [attacks.fgsm(eps=0.1), Shift(0.2)]},
            r"shift\(by=0.2\)",
        ),
        ({"seed": 1}, "seed was 0, now 1$"),
        ({"batch_size": 5}, "batch_size was 4, now 5$"),
        ({"skip_fooled": True}, "skip_fooled was False, now True$"),
    ],
)
def test_a_folder_of_another_run(tmp_path, change, said):
    evaluate(**scene(resume=tmp_path, progress=False))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match=said) as error:
        evaluate(**scene(resume=tmp_path, progress=False, **change))
    assert "resume must be a new folder" in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("build", "said"),
    [(other_weights, "weights was '"), (other_layers, "layers was '")],
)
def test_a_folder_of_another_model(tmp_path, build, said):
    evaluate(**scene(resume=tmp_path, progress=False))
    with pytest.raises(ValueError, match=said):
        evaluate(**scene(resume=tmp_path, progress=False, model=build()))


def test_draws_of_a_randomised_model_count(tmp_path):
    options = {"resume": tmp_path, "progress": False}
    evaluate(coin_model(), levels(0.1), draws=2, **options)
    with pytest.raises(ValueError, match="draws was 2, now 3$"):
        evaluate(coin_model(), levels(0.1), draws=3, **options)


@pytest.mark.parametrize("surrogate", [None, brightness])
def test_the_ball_of_the_sanity_checks_counts(tmp_path, monkeypatch, surrogate):
    def suite(threat, image_shape, *, draws=1):
        return [attacks.fgsm(norm=threat.norm, eps=threat.eps)]

    monkeypatch.setattr(sanity, "sanity_attacks", suite)
    options = {"resume": tmp_path, "progress": False, "sanity": 4}
    options["surrogate"] = surrogate and surrogate()
    small, large = ThreatModel("linf", 0.01), ThreatModel("linf", 0.3)
    first = evaluate(**scene(threat=small, **options))
    assert evaluate(**scene(threat=small, **options)) == first
    with pytest.raises(
        ValueError, match="sanity_attacks was .*eps=0.01.*eps=0.3"
    ):
        evaluate(**scene(threat=large, **options))


def test_versions_count(tmp_path, monkeypatch):
    evaluate(**scene(resume=tmp_path, progress=False))
    monkeypatch.setattr(keras, "__version__", "2.0.0")
    with pytest.raises(ValueError, match="versions was .*'keras': '2.0.0'"):
        evaluate(**scene(resume=tmp_path, progress=False))


def test_the_commit_is_the_first(tmp_path, monkeypatch):
    """A commit in the meantime doesn't end the run."""
    options = {"resume": tmp_path, "progress": False}
    monkeypatch.setattr(provenance, "commit", lambda: "0123abc")
    first = evaluate(**scene(**options))
    monkeypatch.setattr(provenance, "commit", lambda: "4567def")
    assert evaluate(**scene(**options)) == first
    assert first.commit == "0123abc"


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        evaluate(**scene(resume=tmp_path / "file", progress=False))


def test_a_file_is_no_folder_to_resume_from(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("{}")
    with pytest.raises(NotADirectoryError, match="resume must be a folder"):
        evaluate(brightness(), levels(0.1), resume=path, progress=False)
    assert path.read_text() == "{}"


def batch_fields(path):
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"l2": np.full(4, np.nan)}, "l2 that is not finite"),
        ({"linf": np.full(4, -1.0)}, "linf that is not finite and 0 or more"),
        ({"l2": np.zeros(4, "int64")}, "l2 that is not finite"),
        ({"seconds": np.inf}, "seconds that is not finite"),
        ({"correct": np.ones((1, 4))}, "correct of type float64"),
        ({"correct": np.ones((2, 4), bool)}, "other names or shapes"),
        ({"l2": np.zeros(0)}, "other names or shapes"),
        ({"more": np.zeros(4)}, "other names or shapes"),
        ({"indices": np.arange(1, 5)}, "results of other images"),
        ({"l2": np.zeros(10**6)}, "other names or shapes"),
        ({"l2": np.array([None] * 4)}, "a damaged file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_batches_of_other_contents_are_refused(tmp_path, change, said):
    evaluate(**scene(resume=tmp_path, progress=False))
    path = tmp_path / "00-00000.npz"
    np.savez(path, **batch_fields(path) | change)
    with pytest.raises(ValueError, match=f"{path} must be a batch.*{said}"):
        evaluate(**scene(resume=tmp_path, progress=False))


def test_no_batches_but_its_own_are_counted(tmp_path):
    """Copies of the first one once made 8 images of 2."""
    evaluate(**scene(resume=tmp_path, progress=False))
    first = (tmp_path / "00-00000.npz").read_bytes()
    (tmp_path / "00-00003.npz").write_bytes(first)
    with pytest.raises(ValueError, match="has 3 batches in pass 0; remove"):
        evaluate(**scene(resume=tmp_path, progress=False))
    (tmp_path / "00-00003.npz").unlink()
    (tmp_path / "00-00001.npz").write_bytes(first)
    with pytest.raises(ValueError, match="results of other images"):
        evaluate(**scene(resume=tmp_path, progress=False))


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04"])
def test_damaged_batches_are_told(tmp_path, content):
    evaluate(**scene(resume=tmp_path, progress=False))
    path = tmp_path / "01-00000.npz"
    path.write_bytes(content or path.read_bytes()[:200])
    with pytest.raises(ValueError, match=f"{path}.*a damaged file"):
        evaluate(**scene(resume=tmp_path, progress=False))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"date": 5}, "date=5"),
        ({"commit": [1]}, "commit="),
        ({"fingerprint": []}, "fingerprint="),
    ],
)
def test_another_run_json_is_told(tmp_path, change, said):
    evaluate(**scene(resume=tmp_path, progress=False))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=f"{path} must be the run.*{said}"):
        evaluate(**scene(resume=tmp_path, progress=False))
