"""The feature extractor of a classifier: what is before its last pooling."""

import dataclasses

import keras

from zoo.defenses.surgery.copying import copy_graph
from zoo.inspection import is_graph
from zoo.inspection import producer

_GLOBAL_POOLING = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)
_POOLING = (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)
_DROPOUT = (keras.layers.Dropout, keras.layers.SpatialDropout2D)


@dataclasses.dataclass(frozen=True)
class Features:
    """A copy of a classifier's feature extractor.

    Args:
        extractor: Model from images of any size to the last feature map.
        num_classes: Number of the head's classes; `None` if the model has no
            head with weights.
    """

    extractor: keras.Model
    num_classes: int | None

    @classmethod
    def from_graph(cls, graph: keras.Model) -> "Features":
        """Copies a classifier up to its head.

        The head is what follows the last map of more than one pixel: global
        pooling, or a `Flatten` with the local pooling before it, and the
        dense layers. Models inside the classifier are searched too.

        Args:
            graph: What `classifier_graph` gives.

        Raises:
            ValueError: If the head doesn't take one such map with learned
                layers before it, if it has learned layers on sequences, or if
                a layer before it can't be copied for images of any size.
        """
        stages, learned_head = _cut(graph)
        if not any(map(_is_learned, stages)):
            raise ValueError(
                "The model must have learned layers before a spatial feature "
                f"map. Received: {graph.name}, in which none are before its "
                "head"
            )
        images = keras.Input((None, None, graph.input_shape[-1]))
        maps = images
        for stage in stages:
            maps = copy_graph(stage, any_size=True)(maps)
        outputs = graph.output_shape
        classifies = learned_head and len(outputs) == 2
        return cls(
            keras.Model(images, maps, name="features"),
            outputs[-1] if classifies else None,
        )


def _cut(graph: keras.Model) -> tuple[list[keras.Model], bool]:
    """Returns the models up to the last map, and whether the head is learned.

    There are several, to be called one after the other, if the head is inside
    a model that the graph calls.
    """
    ends, learned = {}, False
    pending = list(graph.outputs)
    while pending:
        tensor = pending.pop()
        if _is_map(tensor):
            ends[id(tensor)] = tensor, None
            continue
        operation, inputs = producer(tensor)
        if is_graph(operation):
            ends[id(tensor)] = inputs[0], operation
            continue
        weights = getattr(operation, "weights", ())
        if weights and any(map(_is_sequence, (tensor, *inputs))):
            raise ValueError(
                "The pyramid can replace pooling and dense layers, no learned "
                "layers on sequences. Received: "
                f"{graph.name} with layer {operation.name} of "
                f"{type(operation).__name__} behind the last feature map"
            )
        learned = learned or any(len(w.shape) > 1 for w in weights)
        if isinstance(operation, _GLOBAL_POOLING):
            ends[id(inputs[0])] = inputs[0], None
        elif isinstance(operation, keras.layers.Flatten) and _is_map(inputs[0]):
            end = _before_pooling(inputs[0])
            ends[id(end)] = end, None
        else:
            pending += inputs
    if len(ends) != 1:
        names = sorted(producer(tensor)[0].name for tensor, _ in ends.values())
        raise ValueError(
            "The head must come from one spatial feature map. Received: "
            f"{graph.name}, whose head comes from "
            f"{', '.join(names) or 'none'}"
        )
    ((end, inner),) = ends.values()
    (images,) = graph.inputs
    stages = [] if end is images else [keras.Model(images, end)]
    if inner is None:
        return stages, learned
    if len(inner.inputs) != 1:
        raise ValueError(
            "A model inside the model must have one input. Received: "
            f"{inner.name} of {len(inner.inputs)} inputs"
        )
    last, inner_learned = _cut(
        keras.Model(inner.inputs[0], inner.outputs[0], name=inner.name)
    )
    return stages + last, learned or inner_learned


def _is_map(tensor: keras.KerasTensor) -> bool:
    return len(tensor.shape) == 4 and tuple(tensor.shape[1:3]) != (1, 1)


def _is_sequence(tensor: keras.KerasTensor) -> bool:
    return len(tensor.shape) not in (2, 4)


def _before_pooling(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the tensor before the local pooling, if there is one."""
    end = tensor
    operation, inputs = producer(end)
    while isinstance(operation, _DROPOUT):
        (end,) = inputs
        operation, inputs = producer(end)
    return inputs[0] if isinstance(operation, _POOLING) else tensor


def _is_learned(stage: keras.Model) -> bool:
    return any(
        layer.weights and not isinstance(layer, keras.layers.Normalization)
        for layer in stage.layers
    )
