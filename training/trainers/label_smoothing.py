"""Cross-entropy with smoothed labels."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="training")
class LabelSmoothing(keras.losses.Loss):
    """Cross-entropy with smoothed labels.

    The true class has probability `1 - eps`; the incorrect classes share
    `eps` evenly. Keras spreads its `label_smoothing` over all `K` classes,
    the true one included: `label_smoothing=eps * K / (K - 1)` there is the
    same loss.

    Args:
        eps: Probability of all incorrect classes together, in [0, 1).
        from_logits: Whether predictions are logits, or probabilities.

    Call arguments:
        y_true: Classes, integers of shape `(batch,)` or `(batch, 1)`.
        y_pred: Predictions of shape `(batch, classes)`, two classes or more.

    Raises:
        ValueError: If `eps` is out of its range; in a call, if there is only
            one class.

    Reference: IRM, section II.C, "Label Smoothing".
    """

    def __init__(
        self,
        eps: float = 0.1,
        *,
        from_logits: bool = True,
        reduction: str = "sum_over_batch_size",
        name: str = "label_smoothing",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0.0 <= eps < 1.0:
            raise ValueError(f"eps must be in [0, 1). Received: eps={eps}")
        self.eps = float(eps)
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        classes = y_pred.shape[-1]
        if classes < 2:
            raise ValueError(
                "Predictions must be of two classes or more. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.squeeze(y_true, axis=-1)
        return keras.losses.categorical_crossentropy(
            ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype),
            y_pred,
            from_logits=self.from_logits,
            label_smoothing=self.eps * classes / (classes - 1),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "eps": self.eps,
            "from_logits": self.from_logits,
        }
