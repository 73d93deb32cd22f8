"""The numbers of a BlurNet training run."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Numbers of one run, the same for every network.

    Args:
        epochs: Passes over the training images.
        learning_rate: Adam's first; it falls along a cosine to a hundredth.
        batch_size: Images in a step.
        dtype_policy: Keras dtype policy the networks compute in.
        seed: Seed of weights and order. A run that was killed begins again
            with the first epoch's order.
    """

    epochs: int = 20
    learning_rate: float = 1e-3
    batch_size: int = 128
    dtype_policy: str = "mixed_bfloat16"
    seed: int = 0
