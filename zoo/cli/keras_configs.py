"""What a model's configuration makes Keras do, checked before it does it.

Keras builds the objects that a `config.json` names and calls them on the
arguments that it writes down. Its safe mode stops code that the file itself
carries, but a `Lambda` may also name any function of Keras, such as one that
writes a picture or loads a SavedModel, and a call may have a path for its
tensor.
"""

import functools
import sys
import types
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

_REACHING = {
    "FeatureSpace",
    "FlaxLayer",
    "IndexLookup",
    "JaxLayer",
    "Lambda",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
}
"""Layers that call functions, run other programs or read files."""

_FUNCTIONS = tuple(
    f"keras.{name}"
    for name in (
        *("activations", "constraints", "initializers", "losses", "metrics"),
        *("ops", "regularizers"),
    )
)
"""Modules of functions that only calculate."""

_NO_CALCULATION = {"deserialize", "get", "serialize"}
_DATA = {
    *("__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__"),
    "__tensor__",
}
"""What Keras writes for values that JSON doesn't have."""


class UnsafeConfigError(ValueError):
    """A configuration asks for more than layers and calculations."""


class UnknownClassError(ValueError):
    """A configuration names a class that is not known here."""


def check_config(config: Mapping[str, Any]) -> None:
    """Refuses a configuration that could do more than build layers.

    Every object must be a layer, or another part of a model, of Keras or of
    those registered, and none that runs code or reads files. Functions must
    be activations and the like. Calls get tensors and plain numbers.

    Args:
        config: Of a whole model. How it was compiled is not looked at: models
            are loaded without it.

    Raises:
        UnsafeConfigError: If it asks for more; the message says for what.
        UnknownClassError: If an object's class is not known.
    """
    whole = {k: v for k, v in config.items() if k != "compile_config"}
    pending = [(whole, False)]
    while pending:
        value, in_call = pending.pop()
        if isinstance(value, list):
            pending.extend((one, in_call) for one in value)
        elif isinstance(value, str) and in_call and not _is_dtype(value):
            raise UnsafeConfigError(f"a call with the text {value!r:.80}")
        elif isinstance(value, dict):
            if "class_name" in value:
                _check_object(value, in_call=in_call)
            if value.get("class_name") == "__keras_tensor__":
                continue
            for key, part in value.items():
                if key == "inbound_nodes":
                    pending.extend((call, True) for call in _calls(part))
                elif not in_call or key != "class_name":
                    pending.append((part, in_call))


def _calls(nodes: Any) -> Iterator[Any]:
    """Yields a layer's calls; in Keras 2's lists, without the layers' names."""
    for node in nodes if isinstance(nodes, list) else [nodes]:
        for part in node if isinstance(node, list) else [node]:
            named = isinstance(part, list) and len(part) in (3, 4)
            yield part[1:] if named and isinstance(part[0], str) else part


def _check_object(config: Mapping[str, Any], *, in_call: bool) -> None:
    name, module = config["class_name"], config.get("module")
    if not isinstance(name, str):
        raise UnsafeConfigError(f"an object of the class {name!r:.80}")
    if name in _DATA:
        return
    if in_call:
        raise UnsafeConfigError(f"a call with the object {name!r:.80}")
    if name == "function":
        _check_function(config.get("config"), module)
        return
    # As Keras looks it up.
    registered = config.get("registered_name", name)
    found = _registered(registered) or _of_keras(module, name)
    if found is None:
        raise UnknownClassError(f"{name!r:.80} of {module!r:.80}")
    parts = isinstance(found, type) and issubclass(found, _kinds())
    if not parts or _REACHING & {base.__name__ for base in found.__mro__}:
        raise UnsafeConfigError(f"{name!r:.80} of {module!r:.80}")


def _check_function(name: Any, module: Any) -> None:
    found = _registered(name)
    if found is None and name not in _NO_CALCULATION:
        places = _FUNCTIONS if module == "builtins" else (module,)
        candidates = (_of_keras(p, name) for p in places if p in _FUNCTIONS)
        found = next(filter(None, candidates), None)
    if not isinstance(found, types.FunctionType):
        raise UnsafeConfigError(f"the function {name!r:.80} of {module!r:.80}")


@functools.cache
def _kinds() -> tuple[type, ...]:
    """Returns the classes of what makes up a model."""
    import keras

    return (
        keras.Operation,  # Layers and models are among them.
        keras.constraints.Constraint,
        keras.dtype_policies.DTypePolicy,
        keras.dtype_policies.DTypePolicyMap,
        keras.initializers.Initializer,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.optimizers.Optimizer,
        keras.optimizers.schedules.LearningRateSchedule,
        keras.quantizers.Quantizer,
        keras.random.SeedGenerator,
        keras.regularizers.Regularizer,
    )


def _registered(name: Any) -> Any:
    import keras

    if not isinstance(name, str):
        return None
    return keras.saving.get_registered_object(name)


def _of_keras(module: Any, name: Any) -> Any:
    """Returns what a module of Keras has; none is imported for it."""
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if module.partition(".")[0] != "keras" or module not in sys.modules:
        return None
    return vars(sys.modules[module]).get(name)


def _is_dtype(text: str) -> bool:
    import keras

    try:
        keras.backend.standardize_dtype(text)
    except ValueError:
        return False
    return True
