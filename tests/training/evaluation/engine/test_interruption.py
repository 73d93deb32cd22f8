"""Ctrl-C while a graph runs."""

import signal
import subprocess
import sys
import threading

import pytest

from tests.paths import ROOT
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
from zoo.training.evaluation.engine.interruption import interruptible

SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import keras
import numpy as np
import tensorflow as tf
from zoo.training import attacks
from zoo.training.evaluation import evaluate

class Says(keras.layers.Layer):
    # Says that the graph runs, from inside it.
    def call(self, images):
        tf.print("running", output_stream=sys.stdout)
        return images

model = keras.Sequential([
    keras.Input((8, 8, 1)), Says(), keras.layers.Flatten(),
    keras.layers.Dense(2),
])
images = np.random.default_rng(0).random((4, 8, 8, 1), "float32")
labels = np.argmax(model(images), axis=-1)
endless = attacks.pgd(eps=1e-6, steps=100_000_000)
try:
    evaluate(model, (images, labels), [endless], resume=sys.argv[1])
except KeyboardInterrupt as interrupt:
    print("interrupted:", *interrupt.__notes__, flush=True)
    sys.exit(0)
"""


def test_ctrl_c_ends_an_attack_and_says_how_to_go_on(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for _ in range(20):  # More often than it's traced or scored.
            assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        *_, said = process.communicate(timeout=60)[0].splitlines()
    finally:
        process.kill()
    assert process.returncode == 0
    assert said.startswith("interrupted:")
    assert said.endswith(f"goes on from {tmp_path}.")


def test_what_is_lost_is_said():
    def interrupted(model, images, labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        run(brightness(), levels(0.1), [interrupted])
    (said,) = interrupt.value.__notes__
    assert "is lost: resume=FOLDER" in said


def test_what_is_taken_over_is_given_back():
    threads = threading.active_count()
    with pytest.raises(ValueError, match="mine"), interruptible():
        assert signal.set_wakeup_fd(-1) != -1
        raise ValueError("mine")
    assert signal.set_wakeup_fd(-1) == -1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert threading.active_count() == threads


def test_own_handlers_and_other_threads_are_left_alone():
    def inside():
        with interruptible():
            watched.append(threading.active_count() - before)

    watched, before = [], threading.active_count()
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert watched == [1]  # The thread itself; nothing watches.
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with interruptible():
            assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGINT, handler)
