"""How the images and the questions go through an evaluation."""

import collections
import sys

import numpy as np

import zoo.inspection
from tests.paths import ROOT
from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import Shift
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
from zoo.threat import ThreatModel

DATA = levels(*np.linspace(0.2, 0.8, 7))
SOURCES = tuple(str(ROOT / folder) for folder in ("zoo", "training"))


def calls(wanted, *arguments, **options):
    """Modules that an evaluation enters by a call that is wanted."""
    entered = collections.Counter()

    def watch(frame, event, _):
        code, caller = frame.f_code, frame.f_back
        path = code.co_filename
        if event == "call" and path.startswith(SOURCES):
            if caller.f_code.co_filename != path and wanted(frame):
                entered[path.removeprefix(str(ROOT))] += 1

    sys.setprofile(watch)
    try:
        run(*arguments, **options)
    finally:
        sys.setprofile(None)
    return entered


def takes_all_images(frame):
    def holds(value):
        if isinstance(value, tuple):
            return any(map(holds, value))
        return isinstance(value, np.ndarray) and value.shape == (7, *SHAPE)

    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    return any(holds(frame.f_locals[n]) for n in code.co_varnames[:count])


def test_the_images_pass_each_module_once(tmp_path):
    entered = calls(
        takes_all_images,
        brightness(),
        DATA,
        [Shift(0.1), Shift(-0.1, ThreatModel("linf", 0.1))],
        batch_size=3,
        sanity=2,
        resume=tmp_path,
    )
    assert "/training/evaluation/engine/runner.py" in entered
    assert set(entered.values()) == {1}, entered


def test_a_model_is_asked_once():
    asked = []
    for question in ("is_stochastic", "hidden_gradients", "input_shape"):
        code = getattr(zoo.inspection, question).__code__
        calls(
            lambda frame, code=code: (
                frame.f_code is code
                and "/training/evaluation/" in frame.f_back.f_code.co_filename
                and asked.append(code.co_name)
            ),
            brightness(),
            DATA,
            ["fgsm:eps=0.1"],
        )
    assert asked == ["is_stochastic", "hidden_gradients", "input_shape"]
