"""The numbers of an IRM training run."""

import dataclasses
from collections.abc import Mapping

EPOCHS = {
    "undefended": 12,
    "ddn_wrn": 8,
    "jpeg_ddn_wrn": 5,
    "spp_ddn_wrn": 5,
    "ddn": 8,
    "irm": 10,
    "tricks": 5,
}
LEARNING_RATES = {
    "undefended": 0.1,
    "ddn_wrn": 0.05,
    "jpeg_ddn_wrn": 0.04,
    "spp_ddn_wrn": 0.04,
    "ddn": 0.05,
    "irm": 0.04,
    "tricks": 0.04,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Numbers of one run.

    Args:
        scales: Side lengths of the ensemble, the smallest first.
        scale_weights: Lambda of equation 1.
        epochs: Epochs of each stage.
        learning_rates: Initial learning rate of each stage.
        batch_size: Images in a step.
        attack_steps: Gradients a training sample takes.
        mixture_steps: The same in the last stage, whatever the attack.
        attack_norm: L2 norm DDN starts from.
        max_norm: L2 norm no sample of DDN or DeepFool exceeds.
        attack_eps: L-inf norm no sample of PGD exceeds.
        shares: Shares of DDN, PGD and DeepFool in the last stage's batches.
        label_smoothing: Epsilon of the last stage.
        logit_pairing: Weight of equation 4 in the last stage.
        clean_weight: Alpha of equation 2 in the last stage; 0 in the others.
        dtype_policy: Keras dtype policy the networks compute in.
        seed: Seed of weights and order. A run that was killed begins again
            with the first epoch's order, and the parallel augmentation
            doesn't repeat exactly.
    """

    scales: tuple[int, ...] = (20, 24, 28)
    scale_weights: tuple[float, ...] = (0.1, 0.3, 1.0)
    epochs: Mapping[str, int] = dataclasses.field(
        default_factory=lambda: dict(EPOCHS)
    )
    learning_rates: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict(LEARNING_RATES)
    )
    batch_size: int = 128
    attack_steps: int = 2
    mixture_steps: int = 4
    attack_norm: float = 1.3
    max_norm: float = 1.45
    attack_eps: float = 0.1
    shares: tuple[float, float, float] = (0.45, 0.45, 0.1)
    label_smoothing: float = 0.1
    logit_pairing: float = 0.5
    clean_weight: float = 0.25
    dtype_policy: str = "mixed_bfloat16"
    seed: int = 0
