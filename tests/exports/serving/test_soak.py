"""Two minutes of 64 threads against one loaded model."""

import os
import threading
import time

import numpy as np
import pytest

import zoo
from zoo import exports

THREADS = 64
SECONDS = 120
SETTLING = 30
"""Until each thread has its buffers, which are no leak."""


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.large
@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="needs Linux' /proc"
)
def test_threads_share_a_model_and_no_noise(tmp_path):
    """A batch holds one image eight times, so no two answers are alike.

    Each image draws one of at least 256 patterns, its batch one of 256**8.
    """
    model = zoo.load("irm_wrn16_2")
    path = exports.save(model, tmp_path / "served").path
    images = np.full((8, *model.input_shape[1:]), 0.5, "float32")
    images += (
        np.random.default_rng(0)
        .uniform(-0.5, 0.5, (1, *model.input_shape[1:]))
        .astype("float32")
    )
    del model
    answers = [[] for _ in range(THREADS)]
    errors = []
    stop = threading.Event()

    def work(mine, session):
        try:
            while not stop.is_set():
                outputs = session.run("serving_default", {"image": images})
                mine.append(outputs["logits"].tobytes())
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    with exports.SavedModelSession(path) as session:
        threads = [
            threading.Thread(target=work, args=(mine, session))
            for mine in answers
        ]
        for thread in threads:
            thread.start()
        time.sleep(SETTLING)
        settled, before = resident_bytes(), sum(map(len, answers))
        time.sleep(SECONDS - SETTLING)
        grown, after = resident_bytes() - settled, sum(map(len, answers))
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors
    assert all(answers)
    logits = [one for mine in answers for one in mine]
    assert len(set(logits)) == len(logits)
    kept = sum(map(len, logits)) * (after - before) / after
    print(f"{len(logits)} answers, {grown / 1e6:.1f} MB more after settling")
    assert grown - 2 * kept < 64e6, f"{grown / 1e6:.0f} MB more"
