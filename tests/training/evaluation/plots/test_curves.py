"""Accuracy against the radius: numbers known exactly, and the picture."""

import dataclasses
import functools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from tests.helpers import LinearModel
from zoo.training import attacks
from zoo.training.evaluation import curves
from zoo.training.evaluation import evaluate
from zoo.training.evaluation.results.accuracy import Curve
from zoo.training.evaluation.results.image_results import ImageResults

SHAPE = (4, 4, 1)


def image_results(correct, l2):
    norms = np.array(l2, "float64")
    return ImageResults(
        indices=np.arange(len(norms)),
        correct=np.array(correct, bool),
        l2=norms,
        linf=norms / 4,
        dissimilarity=norms,
        pixel_distance=norms,
        seconds=0.0,
    )


def test_hand_computed_curve():
    """Wrong when clean, fooled at 0.5, 0.2 and 0.5, and never."""
    clean = np.array([[False, True, True, True, True]])
    found = image_results(
        [[False, False, False, False, True]], [0, 0.5, 0.2, 0.5, 0]
    )
    curve = Curve.from_results("l2", clean=clean, results=found)
    assert curve.norm == "l2"
    assert curve.eps == (0.0, 0.2, 0.5)
    assert curve.accuracy == pytest.approx((4 / 5, 3 / 5, 1 / 5))
    assert (
        Curve.from_results("linf", clean=clean, results=found).eps[-1] == 0.125
    )


def test_draws_count_by_their_part():
    """One image loses half of its draws, one only its luck."""
    clean = np.array([[True, True], [True, True]])
    found = image_results([[True, True], [False, False]], [0.25, 0.0])
    curve = Curve.from_results("l2", clean=clean, results=found)
    assert curve.eps == (0.0, 0.25)
    assert curve.accuracy == (1.0, 0.75)


def test_a_curve_of_nothing_fooled():
    clean = np.array([[True, False, True]])
    curve = Curve.from_results(
        "l2", clean=clean, results=image_results(clean, [0, 0, 0])
    )
    assert curve.eps == (0.0,)
    assert curve.accuracy == pytest.approx((2 / 3,))


@pytest.mark.parametrize("count", [99, 100, 101, 1000, 1234])
def test_long_curves_keep_a_hundred_exact_steps(count):
    rng = np.random.default_rng(count)
    lengths = rng.exponential(size=count)
    clean = np.ones((1, count), bool)
    found = image_results(np.zeros((1, count)), lengths)
    curve = Curve.from_results("l2", clean=clean, results=found)
    assert len(curve.eps) == min(count, 100) + 1
    assert curve.eps[-1] == lengths.max()
    assert curve.accuracy[0] == 1.0
    assert curve.accuracy[-1] == 0.0
    for eps, accuracy in zip(curve.eps, curve.accuracy, strict=True):
        assert accuracy == pytest.approx(np.mean(lengths > eps), abs=1e-12)
    # The accuracy falls by equal parts, up to one image.
    largest = 1 / min(count, 100) + 1 / count
    assert -np.diff(curve.accuracy).min() <= largest + 1e-12


@functools.cache
def linear_report(**options):
    """DDN, and PGD at two radii, on a model of known distances."""
    linear = LinearModel(SHAPE)
    images, labels = linear.batch(80, closest=0.1, farthest=0.8)
    suite = [
        attacks.ddn(steps=60, levels=None),
        attacks.pgd(norm="l2", eps=0.25, steps=10),
        attacks.pgd(norm="l2", eps=0.5, steps=10),
        attacks.fgsm(norm="l2", eps=0.5),
        attacks.fgsm(norm="linf", eps=0.05),
    ]
    report = evaluate(
        linear.keras, (images, labels), suite, progress=False, **options
    )
    return report, linear.distances(images, labels)


def test_a_linear_models_curve_is_its_distances():
    report, distances = linear_report()
    ddn, *bounded = report.attacks
    assert all(result.curve is None for result in bounded)
    assert ddn.curve.norm == "l2"
    assert ddn.curve.accuracy[0] == report.clean_accuracy
    assert ddn.curve.accuracy[-1] == ddn.robust_accuracy == 0.0
    exact = np.concatenate([[0.0], np.sort(distances)])
    np.testing.assert_allclose(ddn.curve.eps, exact, rtol=0.02, atol=1e-3)
    assert "| ddn-60, L2 | 0.000 |" in report.to_markdown()


def test_bounded_attacks_have_no_curve():
    ball = attacks.ddn(steps=5, max_norm=0.3)
    linear = LinearModel(SHAPE)
    data = linear.batch(5)
    nothing = attacks.fgsm(eps=0)
    results = evaluate(
        linear.keras, data, [ball, nothing], progress=False
    ).attacks
    assert [result.curve for result in results] == [None, None]


def size(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


def test_the_picture_has_a_plot_a_norm(tmp_path):
    report, _ = linear_report()
    path = tmp_path / "deep" / "curves.png"
    curves(report, path, title="$linear_models$")
    both = size(path)
    l2 = tuple(r for r in report.attacks if "linf" not in str(r.threat))
    one_norm = dataclasses.replace(report, attacks=l2)
    curves([one_norm], path)
    assert size(path)[0] * 2 == pytest.approx(both[0], abs=1)
    assert [file.name for file in path.parent.iterdir()] == ["curves.png"]


@pytest.mark.parametrize(
    ("reports", "title", "expected"),
    [
        (1, "", ["sequential, 80 images of toys"]),
        (1, "mine", ["mine"]),
        (2, "", []),
    ],
)
def test_headings(tmp_path, monkeypatch, reports, title, expected):
    report, _ = linear_report()
    report = dataclasses.replace(report, model="sequential", dataset="toys")
    said = []
    monkeypatch.setattr(
        Figure, "suptitle", lambda figure, text, **style: said.append(text)
    )
    curves([report] * reports, tmp_path / "curves.png", title=title)
    assert said == expected


def test_a_line_leads_from_no_attack_over_an_attacks_points(
    tmp_path, monkeypatch
):
    report, _ = linear_report()
    figures = []
    print_png = FigureCanvasAgg.print_png

    def kept(canvas, path):
        figures.append(canvas.figure)
        return print_png(canvas, path)

    monkeypatch.setattr(FigureCanvasAgg, "print_png", kept)
    curves(report, tmp_path / "curves.png")
    _, l2 = figures[0].axes
    dotted = [line for line in l2.lines if line.get_linestyle() == ":"]
    pgd = [
        r.robust_accuracy for r in report.attacks if r.label.startswith("pgd")
    ]
    expected = [100, *(100 * accuracy for accuracy in pgd)]
    np.testing.assert_allclose(dotted[0].get_ydata(), expected)
    np.testing.assert_allclose(dotted[0].get_xdata(), [0, 0.25, 0.5])
    assert len(dotted) == 2


def test_several_reports_have_more_to_tell_apart(tmp_path):
    report, _ = linear_report(skip_fooled=True)
    curves([report], tmp_path / "one.png")
    curves(
        [report, dataclasses.replace(report, model="$other_model$")],
        tmp_path / "two.png",
    )
    one, two = size(tmp_path / "one.png"), size(tmp_path / "two.png")
    assert two[0] == one[0]
    assert two[1] > one[1]


@pytest.mark.parametrize("count", [0, 2])
def test_nothing_to_draw(tmp_path, count):
    report, _ = linear_report()
    empty = dataclasses.replace(report, attacks=())
    with pytest.raises(ValueError, match="a ball or minimizes a norm"):
        curves([empty] * count, tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())
