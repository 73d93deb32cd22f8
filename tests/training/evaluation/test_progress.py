"""Bars on a terminal, silence elsewhere."""

import io

from rich.console import Console

from training.evaluation.progress import Progress


def drawn(*, enabled, terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    with Progress(enabled=enabled, console=console) as bars:
        advance = bars.phase("clean", 30)
        advance(10, 0.9)
        advance(20, 0.75)
        bars.phase("pgd", 30)(10, 0.5)
    return file.getvalue()


def test_a_terminal_shows_phase_images_left_and_accuracy():
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
