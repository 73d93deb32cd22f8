"""Backups: a run continues and ends alike, whatever happens to the newest file.

The epochs that a run still takes tell where it continued.
"""

import keras
import numpy as np
import pytest

from zoo.training.trainers.run_folder import Backup
from zoo.training.trainers.run_folder import check_same_config
from zoo.training.trainers.run_folder import hint_if_interrupted

EPOCHS = 4


class Killed(Exception):
    pass


def run(backup, *, killed_after=None):
    """Trains a linear model; returns its weights and the epochs it took."""

    def kill(epoch, logs):
        if epoch + 1 == killed_after:
            raise Killed

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"]
    )
    inputs = np.random.default_rng(0).random((8, 2), "float32")
    history = model.fit(
        inputs,
        inputs.sum(1),
        epochs=EPOCHS,
        initial_epoch=backup.restore(model),
        callbacks=[backup, keras.callbacks.LambdaCallback(on_epoch_end=kill)],
        shuffle=False,
        verbose=0,
    )
    return model.get_weights(), history.epoch


def check_goes_on(folder, epochs):
    straight, _ = run(Backup(folder / "straight"))
    weights, left = run(Backup(folder / "backup"))
    assert left == epochs
    for one, other in zip(weights, straight, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.fixture
def killed(tmp_path):
    """The files of a run that was killed after its third epoch."""
    with pytest.raises(Killed):
        run(Backup(tmp_path / "backup"), killed_after=3)
    files = [tmp_path / "backup" / f"{i}.weights.h5" for i in (2, 3)]
    assert sorted((tmp_path / "backup").iterdir()) == files
    return files


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_goes_on_after_the_last_epoch(killed, tmp_path):
    check_goes_on(tmp_path, [3])


def test_a_damaged_file_costs_one_epoch(killed, tmp_path):
    truncate(killed[-1])
    check_goes_on(tmp_path, [2, 3])


def test_starts_anew_if_all_are_damaged(killed, tmp_path):
    truncate(killed[0])
    killed[1].write_bytes(b"")
    check_goes_on(tmp_path, [0, 1, 2, 3])


@pytest.mark.large
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_kill_while_it_writes_costs_one_epoch(tmp_path, monkeypatch, epoch):
    write, written = keras.Model.save_weights, []

    def killed_half_way(self, path, **options):
        write(self, path, **options)
        written.append(path)
        if len(written) == epoch:
            truncate(path)
            raise Killed

    with monkeypatch.context() as context, pytest.raises(Killed):
        context.setattr(keras.Model, "save_weights", killed_half_way)
        run(Backup(tmp_path / "backup"))
    check_goes_on(tmp_path, list(range(epoch - 1, EPOCHS)))


def test_a_finished_run_has_no_epoch_left(tmp_path):
    backup = Backup(tmp_path / "backup")
    run(backup)
    check_goes_on(tmp_path, [])
    backup.delete()
    backup.delete()
    assert not (tmp_path / "backup").exists()
    check_goes_on(tmp_path, [0, 1, 2, 3])


def test_an_interruption_says_how_to_go_on(tmp_path, capfd):
    """Once: as a note, which the command line prints or words anew."""
    with pytest.raises(KeyboardInterrupt) as interrupt:
        with hint_if_interrupted(tmp_path):
            raise KeyboardInterrupt
    (said,) = interrupt.value.__notes__
    assert said.endswith(f"last finished epoch, from {tmp_path}.")
    assert capfd.readouterr() == ("", "")


def test_other_files_are_no_checkpoints(tmp_path):
    for name in ("9x.weights.h5", "1.x.weights.h5", "²2.weights.h5"):
        (tmp_path / name).write_text("junk")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert Backup(tmp_path).restore(model) == 0


def test_a_configuration_that_is_none_names_its_file(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match=f"{path} must hold an object"):
        check_same_config(path, {"a": 1})
