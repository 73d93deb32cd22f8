"""The estimate of a training's time."""

from zoo.training.trainers import time_left
from zoo.training.trainers.time_left import TimeLeft


def fit(callback, monkeypatch, *, first, epochs, steps):
    """Goes through a `fit` whose steps take six seconds each."""
    now = 0.0
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now)
    callback.set_params({"epochs": epochs, "steps": steps})
    for epoch in range(first, epochs):
        callback.on_epoch_begin(epoch)
        for batch in range(steps):
            now += 6
            callback.on_train_batch_end(batch)
        callback.on_epoch_end(epoch)


def test_says_once_what_is_left_after_twenty_steps(monkeypatch, capsys):
    fit(TimeLeft("a network"), monkeypatch, first=0, epochs=2, steps=40)
    # 60 of 80 steps of six seconds.
    line = "a network: about 6.0 minutes left\n"
    assert capsys.readouterr().err == line


def test_goes_on_from_a_later_epoch(monkeypatch, capsys):
    fit(TimeLeft("it"), monkeypatch, first=2, epochs=3, steps=30)
    assert capsys.readouterr().err == "it: about 1.0 minutes left\n"


def test_short_epochs(monkeypatch, capsys):
    fit(TimeLeft("it"), monkeypatch, first=0, epochs=3, steps=10)
    assert capsys.readouterr().err == "it: about 2.0 minutes left\n"


def test_says_nothing_of_less_than_its_warm_up(monkeypatch, capsys):
    fit(TimeLeft("it"), monkeypatch, first=0, epochs=1, steps=2)
    assert capsys.readouterr().err == ""
