"""Bars on a terminal, silence elsewhere."""

import io

from rich.console import Console

from zoo.training.evaluation.engine.progress import Progress


def drawn(*, enabled, terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    with Progress(enabled=enabled, console=console) as bars:
        advance = bars.add("clean", 30)
        advance(10, 0.9)
        advance(20, 0.75)
        bars.add("pgd", 30)(10, 0.5)
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


def test_a_resumed_pass_starts_where_it_was():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with Progress(console=console) as bars:
        advance = bars.add("pgd", 30, done=20)
        task = bars._bars.tasks[0]
        assert (task.completed, task.remaining) == (20, 10)
        assert task.speed is None  # The first 20 took no time here.
        advance(10, 0.5)
        assert task.finished
        bars.add("ddn", 30, done=30)
        bars.add("square", 0)
        assert all(task.finished for task in bars._bars.tasks)
    assert "0 images left" in file.getvalue()


def test_the_time_left_is_known_when_batches_are_slow():
    """Each takes a minute, twice what rich looks back by default."""
    clock = iter(range(0, 10**6, 60))
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    bars = Progress(console=console)
    bars._bars.get_time = lambda: next(clock)
    advance = bars.add("square", 40)
    for _ in range(3):
        advance(10, 0.5)
    assert bars._bars.tasks[0].time_remaining == 60
