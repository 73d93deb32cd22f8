"""Bars on a terminal, silence elsewhere."""

import io
import threading

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from zoo.training import attacks
from zoo.training.evaluation.engine.progress import PassCounter
from zoo.training.evaluation.engine.progress import Progress
from zoo.training.evaluation.planned_attack import PlannedAttack

CLEAN = PlannedAttack()
PGD = PlannedAttack(attacks.pgd(eps=0.1, steps=4))


def terminal(file=None):
    return Console(file=file or io.StringIO(), force_terminal=True, width=120)


def drawn(*, enabled, terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120)
    with Progress(enabled=enabled, console=console) as bars:
        bar = bars.add(CLEAN, 30)
        for images, accuracy in ((10, 0.9), (20, 0.75)):
            bar.begin(images)
            bar.advance(accuracy)
        bar = bars.add(PGD, 30)
        bar.begin(10)
        bar.advance(0.5)
    return file.getvalue()


def test_a_terminal_shows_attack_images_left_and_accuracy():
    text = drawn(enabled=True, terminal=True)
    assert "clean" in text
    assert "0 images left" in text
    assert "accuracy 75.0 %" in text
    assert "pgd" in text
    assert "20 images left" in text
    assert "accuracy 50.0 %" in text


def test_silent_when_switched_off_or_not_a_terminal():
    assert drawn(enabled=False, terminal=True) == ""
    assert drawn(enabled=True, terminal=False) == ""
    assert Progress(enabled=False, console=terminal()).counter is None


def test_a_resumed_pass_starts_where_it_was():
    file = io.StringIO()
    with Progress(console=terminal(file)) as bars:
        bar = bars.add(CLEAN, 30, done=20)
        task = bars._bars.tasks[0]
        assert (task.completed, task.remaining) == (20, 10)
        assert task.speed is None  # The first 20 took no time here.
        bar.begin(10)
        bar.advance(0.5)
        assert task.finished
        bars.add(CLEAN, 30, done=30)
        bars.add(CLEAN, 0)
        assert all(task.finished for task in bars._bars.tasks)
    assert "0 images left" in file.getvalue()


def test_the_time_left_is_known_when_batches_are_slow():
    """Each takes a minute, twice what rich looks back by default."""
    clock = iter(range(0, 10**6, 60))
    bars = Progress(console=terminal())
    bars._bars.get_time = lambda: next(clock)
    bar = bars.add(CLEAN, 40)
    for _ in range(3):
        bar.begin(10)
        bar.advance(0.5)
    assert bars._bars.tasks[0].time_remaining == 60


class Waits(keras.layers.Layer):
    """Waits in its third pass until it is let go on."""

    def __init__(self):
        super().__init__()
        self.passes = 0
        self.reached, self.go_on = threading.Event(), threading.Event()

    def call(self, images):
        import tensorflow as tf

        def wait(images):
            self.passes += 1
            if self.passes == 3:
                self.reached.set()
                assert self.go_on.wait(60)
            return images

        passed = tf.numpy_function(wait, [images], images.dtype)
        return images + 0 * tf.ensure_shape(passed, images.shape)


def test_a_bar_moves_while_a_batch_runs():
    """Four steps are four passes; the model waits in the third.

    How many passes a batch takes is known from the batch before it. The first
    one's count has no fraction, which a guess would get wrong: apgd or fab
    take several passes a step.
    """
    waits, model = Waits(), brightness()
    model = keras.Sequential([model.input, waits, *model.layers[1:]])
    images, labels = levels(0.1, 0.2, 0.8, 0.9)
    bars = Progress(console=terminal())
    bar = bars.add(PGD, 8)
    task = bars._bars.tasks[0]
    for began, in_third, done, note in ((0, 0, 4, "tracing"), (4, 7, 8, "")):
        waits.passes = 0
        waits.reached.clear()
        waits.go_on.clear()
        bar.begin(4)
        bar.look()
        assert (task.completed, task.fields["note"]) == (began, note)
        thread = threading.Thread(
            target=bars.counter.run, args=(PGD.attack, model, images, labels)
        )
        thread.start()
        assert waits.reached.wait(60)
        bar.look()
        assert task.completed == in_third
        assert task.fields["note"] == "pass 3"
        waits.go_on.set()
        thread.join()
        bar.advance(0.5)
        assert (task.completed, task.fields["note"]) == (done, "")


class Counts:
    """Stands for the counter; the test sets how many passes it has seen."""

    count = 0


@pytest.mark.parametrize(
    "attack",
    [
        attacks.apgdt(eps=0.1, steps=100, classes=9),
        attacks.cw(steps=1000, binary_search_steps=9),
        attacks.noise(eps=0.1, repeats=50),
    ],
    ids=lambda attack: attack.name,
)
def test_the_first_batch_is_not_shown_as_almost_done(attack):
    """Classes, searches and repeats multiply passes; no guess covers them."""
    bars = Progress(console=terminal())
    bars.counter = counter = Counts()
    bar = bars.add(PlannedAttack(attack), 20)
    task = bars._bars.tasks[0]
    bar.begin(10)
    counter.count = 990
    bar.look()
    assert (task.completed, task.fields["note"]) == (0, "pass 990")
    counter.count = 9000
    bar.advance(0.5)
    bar.begin(10)
    counter.count = 9000 + 4500
    bar.look()
    assert task.completed == 15


@pytest.mark.parametrize(
    "attack",
    [
        attacks.pgd(eps=0.1, steps=3, seed=0),
        attacks.mixture(attacks=[attacks.fgsm(eps=0.1)], seed=0),
        attacks.transfer(attack=attacks.fgsm(eps=0.1), source=brightness()),
    ],
    ids=lambda attack: attack.name,
)
def test_counting_changes_no_image(attack):
    model, data = brightness(), levels(0.1, 0.45, 0.8)
    states = [generator.state.numpy() for generator in attack.generators]
    expected = attack(model, *data)
    for generator, state in zip(attack.generators, states, strict=True):
        generator.state.assign(state)
    counter = PassCounter()
    crafted = counter.run(attack, model, *data)
    np.testing.assert_array_equal(crafted, expected)
