"""What an evaluation refuses, and what it says."""

import keras
import numpy as np
import pytest

from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import Shift
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
from zoo.layers import MultiScaleEnsemble
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.attacks.rp2 import Sticker
from zoo.training.evaluation import AttackedImages
from zoo.training.evaluation import score_stickers
from zoo.training.evaluation import search_scale_weights


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, y: ((x * 255).astype("uint8"), y), "dtype=uint8"),
        (lambda x, y: (x * 255, y), "divide 8-bit pixels by 255"),
        (lambda x, y: (x * np.nan, y), "NaN"),
        (lambda x, y: (x[..., 0], y), r"shape=\(2, 4, 4\)"),
        (lambda x, y: (np.repeat(x, 3, -1), y), r"\(2, 4, 4, 3\)"),
        (lambda x, y: (x[:, :3], y), r"\(2, 3, 4, 1\)"),
        (lambda x, y: (x[:0], y[:0]), "empty"),
        (lambda x, y: (x, y + 1), r"\[0, 2\).*from 1 to 2"),
        (lambda x, y: (x, y - 1), "from -1"),
        (lambda x, y: (x, y.astype("float32")), "dtype=float32"),
        (lambda x, y: (x, np.eye(2, dtype=int)), r"shape=\(2, 2\)"),
    ],
)
def test_bad_data_is_named_in_one_line(change, said):
    attack = Shift(0.0)
    with pytest.raises(ValueError, match=said) as error:
        run(brightness(), change(*levels(0.1, 0.9)), [attack])
    assert "\n" not in str(error.value)
    assert not attack.batches


def test_pixels_out_of_range_by_rounding_are_no_attacks_fault():
    images, labels = levels(0.1, 0.9)
    images[0, 0, 0] = 1.0000005
    attack = Shift(0.0)
    report = run(brightness(), (images, labels), [attack])
    assert report.attacks[0].robust_accuracy == 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"limit": 0}, "limit=0"),
        ({"limit": 2.5}, "limit=2.5"),
        ({"draws": True}, "draws=True"),
        ({"seed": -1}, "seed=-1"),
        ({"threat": ("linf", 0.1)}, r"ThreatModel.*threat=\('linf', 0.1\)"),
        ({"sanity": 4}, "an attack in a ball. Received: threat=None"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(ValueError, match=said):
        run(brightness(), levels(0.1), [], **options)


class Halved:
    """An attack that returns too few images."""

    def __call__(self, model, images, labels):
        return images[::2]


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (3, "Received: 3"),
        ("pdg:eps=0.1", "pgd"),
        ("pgd", "eps"),
        (attacks.fgsm(eps=0.1, targeted=True), "untargeted"),
        (Shift(0.3), "values from 0.4 to 1.2"),
        (Shift(np.nan), r"\[0, 1\]"),
        (Shift(0.05, ThreatModel("linf", 0.04)), "linf, eps 0.04.*0.05"),
        (Shift(0.05, ThreatModel("l2", 0.19)), "l2, eps 0.19.*0.2"),
        (Halved(), r"\(2, 4, 4, 1\).*\(1, 4, 4, 1\)"),
    ],
)
def test_bad_attacks(attack, said):
    with pytest.raises(ValueError, match=said):
        run(brightness(), levels(0.1, 0.9), [attack])


def test_a_name_is_no_model():
    with pytest.raises(ValueError, match="zoo.load.*model='wrn16_2'"):
        run("wrn16_2", levels(0.1), [])


def test_models_of_one_class():
    layers = [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)]
    with pytest.raises(ValueError, match=r"two classes or more.*\(None, 1\)"):
        run(keras.Sequential(layers), levels(0.1), [])


def test_models_that_return_no_logits():
    maps = keras.Sequential([keras.Input(SHAPE), keras.layers.ReLU()])
    with pytest.raises(ValueError, match=r"logits, \(batch, classes\)"):
        run(maps, levels(0.1), [])


def of_bytes(*, inside=False):
    """Sees black images, were its pixels in [0, 1] cast."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE, dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    return keras.Sequential([keras.Input(SHAPE), model]) if inside else model


@pytest.mark.parametrize("inside", [False, True])
def test_models_that_take_bytes(inside):
    said = "A model must take floating-point images.*uint8"
    model, (images, labels) = of_bytes(inside=inside), levels(0.1, 0.9)
    with pytest.raises(ValueError, match=said):
        run(model, (images, labels), [])
    with pytest.raises(ValueError, match=said):
        run(brightness(), (images, labels), [], surrogate=model)
    with pytest.raises(ValueError, match=said):
        AttackedImages.from_model(model, Shift(0.1), images, labels)
    mask = np.ones(SHAPE[:2], bool)
    sticker = Sticker(np.ones(SHAPE, "float32"), mask, 0, history={})
    with pytest.raises(ValueError, match=said):
        score_stickers(model, [sticker], images)
    pixels = keras.Input(SHAPE, dtype="uint8")
    scales = MultiScaleEnsemble(
        keras.Sequential(
            [
                keras.Input((None, None, 1)),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(2),
            ]
        ),
        scales=(4,),
        scale_weights=(1.0,),
    )
    ensemble = keras.Model(pixels, scales(keras.ops.cast(pixels, "float32")))
    with pytest.raises(ValueError, match=said):
        search_scale_weights(ensemble, images, labels)


def test_models_that_take_no_images():
    flat = keras.Sequential([keras.Input((16,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"\(None, 16\)"):
        run(flat, levels(0.1), [])
