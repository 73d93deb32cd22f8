"""Whether images that run in one batch share a model's random draws."""

import numpy as np

from zoo.exports.c_api import SavedModelSession

_ROWS, _RUNS = 16, 8
_STILL = 1e-5
"""Of the largest logit, which rounding changes, but no draw."""
_EQUAL = 1e-2
"""Of the range of all logits: that rows with the same draws may differ by."""


def shares_draws(session: SavedModelSession) -> bool:
    """Returns whether all rows of a batch have the same random draws.

    One image runs 16 times in one batch. If the runs differ and the rows of
    each run don't, the rows share their draws: a server that merges the
    requests of strangers lets one see the draws of another. Draws that are
    shared in part aren't found.

    Args:
        session: Has the signature `serving_default`.
    """
    inputs = session.signatures["serving_default"]["inputs"]
    shape = [size or 224 for size in inputs["image"].shape.as_list()[1:]]
    image = np.random.default_rng(0).random(shape, "float32")
    batch = np.repeat(image[np.newaxis], _ROWS, axis=0)
    logits = np.array(
        [
            session.run("serving_default", {"image": batch})["logits"]
            for _ in range(_RUNS)
        ]
    )
    # Minus infinity rules a class out, whatever is drawn.
    logits = np.where(np.isfinite(logits), logits, 0)
    across = np.max(np.ptp(logits, axis=(0, 1)))
    within = np.max(np.ptp(logits, axis=1))
    drawn = across > _STILL * max(1.0, np.max(np.abs(logits)))
    return bool(drawn and within <= _EQUAL * across)
