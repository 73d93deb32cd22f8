"""Functions timed in turns."""

import pytest

from zoo.training.reproduction import timing
from zoo.training.reproduction.timing import interleaved_medians


def test_medians_of_calls_in_turns(monkeypatch):
    """A clock that the functions move themselves."""
    now, calls = 0.0, []
    durations = {"a": iter([90, 1, 50, 2]), "b": iter([90, 7, 8, 9])}

    def run(name):
        nonlocal now
        calls.append(name)
        now += next(durations[name])

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)
    runners = {name: lambda name=name: run(name) for name in durations}
    assert interleaved_medians(runners, rounds=3) == {"a": 2, "b": 8}
    assert calls == ["a", "b"] * 4


def test_rounds_must_be_positive():
    with pytest.raises(ValueError, match="rounds=0"):
        interleaved_medians({}, rounds=0)
