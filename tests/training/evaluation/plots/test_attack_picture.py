"""Pictures: a PNG of the right size that shows what it should."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from zoo.loading import dtype_policy
from zoo.training import attacks
from zoo.training.evaluation import AttackedImages
from zoo.training.evaluation import picture

NAMES = ["T-shirt/top", "a class with a rather long name", "$cost_$"]
GREEN, RED = (0x1A, 0x7F, 0x37), (0xCF, 0x22, 0x2E)


def attacked_images(images, answers, name="model"):
    """A model sure of `answers` once attacked, and right before."""
    probabilities = np.eye(3)[answers]
    adversarial = np.clip(images + 0.1, 0, 1)
    return AttackedImages(
        name, adversarial, np.eye(3)[[0] * len(images)], probabilities
    )


def some_images(count=2, channels=1):
    shape = (count, 8, 8, channels)
    return np.random.default_rng(0).uniform(0.4, 0.6, shape)


def pixels_of(path, color):
    with Image.open(path) as image:
        array = np.asarray(image.convert("RGB"))
    return int((array == color).all(axis=-1).sum())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("models", [1, 2])
def test_a_png_of_the_expected_size(tmp_path, channels, models):
    path = tmp_path / "new" / "picture.png"
    images = some_images(6, channels)
    shown = [
        attacked_images(images, [0, 1, 2] * 2, f"m{i}") for i in range(models)
    ]
    picture(images, [0] * 6, shown, NAMES, path, title="PGD", dpi=50)
    with Image.open(path) as image:
        image.verify()
        assert image.format == "PNG"
        width, height = image.size
    # Margins and labels 1.85 in., six images of 1.2 with gaps of 0.26.
    assert width == pytest.approx(50 * (1.85 + 6 * 1.2 + 5 * 0.26), abs=1)
    rows = 1 + 2 * models
    lines = 1 + models + 2 * models
    inches = 0.25 + 0.24 + rows * 1.34 + lines * 0.17 + 0.14 + 0.55
    assert height == pytest.approx(50 * inches, abs=1)
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]


def test_green_is_right_and_red_is_wrong(tmp_path):
    images, path = some_images(), tmp_path / "picture.png"
    picture(images, [0, 0], [attacked_images(images, [0, 0])], NAMES, path)
    assert pixels_of(path, RED) == 0
    all_right = pixels_of(path, GREEN)
    picture(images, [0, 0], [attacked_images(images, [0, 1])], NAMES, path)
    assert pixels_of(path, RED) > 300
    assert 300 < pixels_of(path, GREEN) < all_right


def test_the_draws_that_are_right_are_said_and_drawn(tmp_path, monkeypatch):
    """An image on the boundary is neither right nor wrong."""
    from matplotlib.figure import Figure

    said, write = [], Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda *a, **k: said.append(a[3]) or write(*a, **k)
    )
    images = some_images(3)
    shares = [10, 5, 0]
    right = np.arange(10)[:, None] < shares
    answered = np.full((3, 3), [0.46, 0.3, 0.24])
    answered[2] = [0.3, 0.46, 0.24]
    drawn = AttackedImages("m", images + 0.1, answered, answered, right, right)
    path = tmp_path / "picture.png"
    picture(images, [0, 0, 0], [drawn], NAMES, path)
    for share in shares:
        assert f"{share} of 10 draws right" in said
    names = ["✓ T-shirt/top 46%", "◐ T-shirt/top 46%"]
    for text in (*names, f"✗ {NAMES[1][:23]}… 46%"):
        assert said.count(text) == 2
    assert pixels_of(path, (0x9A, 0x67, 0x00)) > 300
    # Three bars of 1.2 x 0.045 inches, half green and half red in sum.
    alone = dataclasses.replace(drawn, adversarial_right=right[:, [0, 0, 0]])
    picture(images, [0, 0, 0], [alone], NAMES, tmp_path / "right.png")
    bar = 1.2 * 0.045 * 144**2
    lost = pixels_of(tmp_path / "right.png", GREEN) - pixels_of(path, GREEN)
    assert lost > 1.5 * bar * 0.6  # Edges are blended.


def test_every_change_is_on_one_scale(tmp_path):
    """The same change looks the same, whatever stands beside it."""
    images = np.full((2, 8, 8, 1), 0.5)
    changes = np.stack([np.full((8, 8, 1), 0.2), np.full((8, 8, 1), 0.1)])
    path = tmp_path / "picture.png"
    sure = np.eye(3)[[0, 0]]
    both = [
        AttackedImages("a", images + changes, sure, sure),
        AttackedImages("b", images + changes[::-1], sure, sure),
    ]
    picture(images, [0, 0], both, NAMES, path, dpi=100)
    with Image.open(path) as image:
        shown = np.asarray(image.convert("RGB"))

    def center(row, column):
        top = 0.25 + 0.14 + row * 1.34 + (3 + (row - 1)) * 0.17 * (row > 0)
        left = 0.25 + 1.35 + column * 1.46
        return tuple(shown[int(100 * (top + 0.6)), int(100 * (left + 0.6))])

    assert center(2, 0) == center(4, 1)
    assert center(2, 1) == center(4, 0)
    assert center(2, 0) != center(2, 1)


def test_long_titles_wrap(tmp_path):
    images, heights = some_images(), []
    for title in ("", "short", "long " * 60):
        path = tmp_path / "picture.png"
        picture(
            images,
            [0, 0],
            [attacked_images(images, [0, 0])],
            NAMES,
            path,
            title=title,
        )
        with Image.open(path) as image:
            heights.append(image.size[1])
            assert image.size[0] == pytest.approx(144 * 5.3, abs=1)
    assert heights == sorted(set(heights))


@pytest.mark.parametrize("name", ["W" * 24, "blurnet_fixed.input_3x3", "m"])
def test_names_are_whole_and_keep_to_their_place(tmp_path, monkeypatch, name):
    from matplotlib.figure import Figure

    kept = []
    write = Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda *a, **k: kept.append(write(*a, **k)) or kept[-1]
    )
    images = some_images(channels=3)
    names = [name, name, "cut after twenty-four letters"]
    shown = [attacked_images(images, [1, 2], name)]
    picture(images, [0, 0], shown, names, tmp_path / "a.png")
    boxes = {}
    for text in kept:
        box = text.get_window_extent()
        boxes.setdefault(round(text.get_position()[1], 4), []).append(box)
        if name in text.get_text():
            assert box.width < 144 * 1.46
    said = " ".join(text.get_text() for text in kept)
    assert said.count(name) == 2 + 2 + 2 + 1
    assert "✗ cut after twenty-four l… 100%" in said
    for row in boxes.values():
        row.sort(key=lambda box: box.x0)
        for left, right in zip(row, row[1:], strict=False):
            assert left.x1 < right.x0


def test_unchanged_images_can_be_drawn(tmp_path):
    images, sure = some_images(), np.eye(3)[[0, 0]]
    path = tmp_path / "picture.png"
    picture(
        images,
        [0, 0],
        [AttackedImages("same", images, sure, sure)],
        NAMES,
        path,
    )
    assert path.stat().st_size > 0


def test_pyplot_is_left_alone(tmp_path):
    import matplotlib
    from matplotlib import pyplot

    def state():
        return pyplot.get_fignums(), dict(matplotlib.rcParams)

    before = state()
    images = some_images()
    path = tmp_path / "picture.png"
    picture(images, [0, 0], [attacked_images(images, [0, 1])], NAMES, path)
    assert state() == before


def test_images_are_attacked_and_classified():
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ],
        name="linear",
    )
    kernel = np.stack([np.full(16, -1.0), np.full(16, 1.0)], axis=-1)
    model.set_weights([kernel, np.array([8.0, -8.0])])
    images = np.full((2, 4, 4, 1), 0.45, "float32")
    images[1] = 0.1
    made = AttackedImages.from_model(
        model, attacks.fgsm(eps=0.1), images, [0, 0]
    )
    assert made.name == "linear"
    assert made.clean_right is made.adversarial_right is None
    np.testing.assert_allclose(made.adversarial, images + 0.1, atol=1e-6)
    margins = 2 * np.array([1.6 / 2, 12.8 / 2])  # Logit gaps, 32 * (0.5 - x).
    expected = 1 / (1 + np.exp(-margins))
    np.testing.assert_allclose(
        made.clean_probabilities[:, 0], expected, rtol=1e-4
    )
    assert made.adversarial_probabilities.argmax(-1).tolist() == [1, 0]


def test_probabilities_are_taken_as_they_are():
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Softmax(),
        ]
    )
    images = np.random.default_rng(0).random((2, 4, 4, 2), "float32")
    made = AttackedImages.from_model(
        model, lambda model, x, y: x, images, [0, 0]
    )
    np.testing.assert_array_equal(made.clean_probabilities, model(images))


def test_attacks_see_through_hidden_gradients():
    class Hidden(keras.layers.Layer):
        gradient = "none"

        def call(self, images):
            if self.gradient == "none":
                return keras.ops.stop_gradient(images)
            return images

    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(Hidden()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    kernel = np.stack([np.full(16, -1.0), np.full(16, 1.0)], axis=-1)
    model.set_weights([kernel, np.array([8.0, -8.0])])
    images = np.full((1, 4, 4, 1), 0.45, "float32")
    made = AttackedImages.from_model(model, attacks.fgsm(eps=0.1), images, [0])
    np.testing.assert_allclose(made.adversarial, images + 0.1, atol=1e-6)
    assert made.adversarial_probabilities.argmax(-1).tolist() == [1]


class Coin(keras.layers.Layer):
    """Answers at random, whatever the image."""

    stochastic = True

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(3)

    def call(self, images):
        shape = (keras.ops.shape(images)[0],)
        heads = keras.random.uniform(shape, seed=self.generator) < 0.5
        logit = keras.ops.where(heads, 40.0, -40.0)
        return keras.ops.stack([logit, -logit], axis=-1)


def test_draws_of_a_randomised_model_are_averaged():
    model = keras.Sequential([keras.Input((4, 4, 1)), Coin()])
    images = np.zeros((50, 4, 4, 1), "float32")

    def made(**options):
        unmoved = attacks.fgsm(eps=0.1)
        labels = np.zeros(50, int)
        return AttackedImages.from_model(
            model, unmoved, images, labels, **options
        )

    probabilities = made(draws=8).clean_probabilities
    right = made(draws=8).clean_right
    assert right.shape == (8, 50)
    np.testing.assert_allclose(right.mean(axis=0), probabilities[:, 0])
    assert set(np.round(probabilities[:, 0] * 8, 3)) <= set(range(9))
    assert probabilities[:, 0].mean() == pytest.approx(0.5, abs=0.15)
    assert len(set(probabilities[:, 0])) > 3
    again = made(draws=8).clean_probabilities
    np.testing.assert_array_equal(probabilities, again)
    assert (made(draws=8, seed=1).clean_probabilities != probabilities).any()


def test_a_randomised_source_is_seeded_and_restored():
    """A transferred attack's images depend on the source's randomness."""

    class NoisyGain(keras.layers.Layer):
        stochastic = True

        def __init__(self):
            super().__init__()
            self.generator = keras.random.SeedGenerator(3)

        def call(self, images):
            noise = keras.random.normal((4, 4, 1), seed=self.generator)
            return images * noise

    inputs = keras.Input((4, 4, 1))
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(NoisyGain()(inputs)))
    source = keras.Model(inputs, outputs)
    victim = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    attack = attacks.transfer(attack=attacks.fgsm(eps=0.1), source=source)
    images = np.full((2, 4, 4, 1), 0.5, "float32")

    def made(**options):
        return AttackedImages.from_model(
            victim, attack, images, [0, 1], **options
        ).adversarial

    state = source.layers[1].generator.state
    before = state.numpy()
    first = made()
    np.testing.assert_array_equal(state.numpy(), before)
    np.testing.assert_array_equal(made(), first)
    assert (made(seed=1) != first).any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((2, 8, 8))}, r"shape=\(2, 8, 8\)"),
        ({"images": np.zeros((0, 8, 8, 1)), "labels": []}, r"shape=\(0,"),
        ({"images": np.zeros((2, 8, 8, 4))}, r"shape=\(2, 8, 8, 4\)"),
        ({"labels": [0]}, r"labels.*shape=\(1,\)"),
        ({"attacked": []}, "attacked"),
        ({"class_names": ["a", "b"]}, "in 2 classes.*model"),
        ({"images": np.zeros((2, 9, 8, 1))}, r"\(2, 8, 8, 1\)"),
        (
            {
                "attacked": [
                    dataclasses.replace(
                        attacked_images(some_images(), [0, 0]),
                        adversarial_right=np.ones((4, 3), bool),
                    )
                ]
            },
            "model",
        ),
    ],
)
def test_what_does_not_fit_together(tmp_path, change, said):
    images = some_images()
    arguments = {
        "images": images,
        "labels": [0, 0],
        "attacked": [attacked_images(images, [0, 0])],
        "class_names": NAMES,
        "path": tmp_path / "picture.png",
    }
    with pytest.raises(ValueError, match=said):
        picture(**{**arguments, **change})
    assert not list(tmp_path.iterdir())


def test_probabilities_of_low_precision_are_averaged_in_float32():
    with dtype_policy("bfloat16"):
        model = keras.Sequential(
            [
                keras.Input((4, 4, 2)),
                keras.layers.GlobalAveragePooling2D(),
            ]
        )
    images = np.random.default_rng(0).random((2, 4, 4, 2), "float32")
    made = AttackedImages.from_model(model, lambda m, x, y: x, images, [0, 0])
    assert made.clean_probabilities.dtype == "float32"
    np.testing.assert_allclose(made.clean_probabilities.sum(-1), 1, atol=1e-6)
