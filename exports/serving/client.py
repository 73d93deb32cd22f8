"""A client of servers that serve exported models."""

import dataclasses
import importlib.util
import os
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from zoo.class_names import as_class_names
from zoo.exports.serving.address import Address
from zoo.exports.serving.backend import Backend
from zoo.exports.serving.backend import Signature
from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ModelNotFoundError
from zoo.exports.serving.calls import RefusedError
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import VersionNotFoundError
from zoo.exports.serving.calls import call
from zoo.exports.serving.rest import KServeRest
from zoo.exports.serving.rest import TensorFlowRest
from zoo.saved_model_folder import newest_version
from zoo.saved_model_folder import read_classes
from zoo.validation import check_images

_IMAGE, _IMAGE_BYTES = "image", "image_bytes"
"""Inputs of an export's signatures, as `exports.save` names them."""

_SIGNATURES = ("serving_default", "serving_bytes", "")
"""Those that classify; KServe's models have one without a name."""

Pictures = Sequence[bytes | str | os.PathLike]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a served model says of one image.

    Args:
        index: Class of the largest logit.
        name: Its name; its number's digits where classes have no names.
        probability: Its probability.
        probabilities: Of all classes, float32, `(classes,)`.
        logits: Of all classes, float32, `(classes,)`.
        names: Of all classes, where the client knows them, else empty.
    """

    index: int
    name: str
    probability: float
    probabilities: np.ndarray
    logits: np.ndarray
    names: tuple[str, ...] = ()

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Returns the likeliest classes' names and probabilities."""
        best = np.argsort(-self.probabilities, kind="stable")[:count]
        return [
            (
                self.names[n] if self.names else str(n),
                float(self.probabilities[n]),
            )
            for n in best
        ]


class Client:
    """Asks a served model for predictions.

    The address says all: the protocol, the model and, if wanted, a version of
    it. Over HTTP nothing but NumPy and urllib3 is needed, over gRPC grpcio
    (`pip install "defense-zoo[serve]"`), and TensorFlow in neither case.
    Threads may share a client.

    Args:
        url: `http://host:8501/v1/models/NAME` for TensorFlow Serving's REST
            API, `grpc://host:8500/v1/models/NAME` for its gRPC;
            `/v2/models/NAME` for KServe v2, which Triton and MLServer speak.
            `https` and `grpcs` encrypt. `/versions/3` or, for TensorFlow
            Serving, `/labels/stable` may follow.
        classes: Names of all classes, or the folder of the export that has
            them. By default only the likeliest class of an image has a name,
            which the server gives.
        timeout: Seconds that a call may last, repetitions included.
        retries: How often a call is repeated while the server is unavailable,
            with growing pauses. No other failure is repeated.
        headers: Sent with each request, as `{"Authorization": "Bearer …"}`.
        certificates: File of the certificates to trust, in PEM.

    Example:

    >>> client = Client("http://localhost:8501/v1/models/irm_wrn16_2")
    >>> client.predict(["shirt.png"])[0].name

    Raises:
        ImportError: If gRPC isn't installed and the address needs it.
        ValueError: If an argument is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        classes: Sequence[str] | os.PathLike | str | None = None,
        timeout: float = 30.0,
        retries: int = 4,
        headers: Mapping[str, str] | None = None,
        certificates: str | os.PathLike | None = None,
    ):
        self._address = Address.parse(url)
        Deadline(timeout)  # Checks it.
        if isinstance(retries, bool) or retries != int(retries) or retries < 0:
            raise ValueError(
                "`retries` must be a whole number, zero or more. "
                f"Received: retries={retries!r}"
            )
        self._timeout = timeout
        self._retries = retries
        self._names = _read_names(classes, self._address.version)
        self._signatures = None
        self._backend = _connect(
            self._address,
            headers or {},
            None if certificates is None else os.fspath(certificates),
        )

    def predict(
        self,
        images: ArrayLike | Pictures,
        *,
        timeout: float | None = None,
    ) -> list[Prediction]:
        """Classifies images in one request.

        Args:
            images: Float pixels in [0, 1], `(batch, height, width,
                channels)`; or a list of picture files, each its bytes or its
                path, which the server decodes and resizes.
            timeout: Seconds for this call; the client's own by default.

        Returns:
            A prediction for each image, in order.

        Raises:
            DeadlineError: If the answer takes longer.
            ModelNotFoundError: If the server has no such model or version
                (`VersionNotFoundError`).
            OSError: If a file can't be read.
            RefusedError: If the server refuses the images.
            ServingError: If the server fails, or serves no such classifier.
            UnavailableError: If no server answers, after all repetitions.
            ValueError: If the images are none, or don't fit the model.
        """
        pictures = _as_files(images)
        if pictures is not None:
            key, value = _IMAGE_BYTES, pictures
        else:
            key, value = _IMAGE, images
        outputs, count = self._run(None, key, value, timeout)
        return self._predictions(outputs, count)

    def explain(
        self, images: ArrayLike, *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Asks a model that explains itself what it saw in images.

        Args:
            images: As for `predict`, pixels alone.
            timeout: Seconds for this call; the client's own by default.

        Returns:
            The tensors of the export's signature `explain`, each with the
            batch in front: `saliency` of a semantic JPEG, say.

        Raises:
            As `predict`.
        """
        return self._run("explain", _IMAGE, images, timeout)[0]

    def versions(self) -> dict[str, str]:
        """Returns the model's versions and their states.

        `"AVAILABLE"` is what is served. KServe's protocol may tell none.

        Raises:
            DeadlineError: If the answer takes longer.
            ModelNotFoundError: If the server has no such model.
            ServingError: If the server fails.
            UnavailableError: If no server answers, after all repetitions.
        """
        deadline = Deadline(self._timeout)
        return call(
            lambda: self._backend.versions(deadline), deadline, self._retries
        )

    def close(self) -> None:
        """Closes the connections."""
        self._backend.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _run(self, wanted, key, value, timeout):
        deadline = Deadline(self._timeout if timeout is None else timeout)
        try:
            name, signature = call(
                lambda: self._find(wanted, key, deadline),
                deadline,
                self._retries,
            )
            tensor = signature.inputs[key]
            if key == _IMAGE:
                value = check_images(value, tensor.shape)
            else:  # KServe's servers may give each string a row of its own.
                value = value.reshape(-1, *(1,) * (len(tensor.shape) - 1))
            outputs = call(
                lambda: self._backend.run(
                    name, signature, {key: value}, deadline
                ),
                deadline,
                self._retries,
            )
            return outputs, len(value)
        except ValueError as error:
            # Another version, of another shape, may have come up since.
            self._signatures = None
            unknown = self._address.label and "version label" in str(error)
            if unknown and isinstance(error, RefusedError):
                raise self._not_found(error, deadline) from error
            raise
        except ModelNotFoundError as error:
            raise self._not_found(error, deadline) from error

    def _find(self, wanted, key, deadline) -> tuple[str, Signature]:
        """Returns the signature of a name, or one with an input."""
        signatures = self._signatures
        if signatures is None:
            signatures = self._signatures = self._backend.signatures(deadline)
        for name in _SIGNATURES if wanted is None else (wanted,):
            if name not in signatures:
                continue
            inputs = signatures[name].inputs
            # KServe's inputs may be optional, so one more is no obstacle.
            if key in inputs and (name == "" or len(inputs) == 1):
                return name, signatures[name]
        offered = {n: sorted(s.inputs) for n, s in signatures.items()}
        purpose = "" if wanted is None else f" in a signature `{wanted}`"
        raise ServingError(
            f"The served model must take `{key}`{purpose}, as an export with "
            f"it does. Received: {self._address}, which takes {offered}"
        )

    def _not_found(self, error, deadline) -> ModelNotFoundError:
        """Says whether the model misses, or a version of it."""
        address = self._address
        try:
            versions = self._backend.versions(deadline)
        except ModelNotFoundError:
            return ModelNotFoundError(
                f"The server must serve the model. Received: {address}, "
                f"of which it says: {error}"
            )
        except ServingError:
            return error
        served = [n for n, state in versions.items() if state == "AVAILABLE"]
        return VersionNotFoundError(
            "The version must be among those served, "
            f"{', '.join(served) or 'of which there are none'}. "
            f"Received: {address}, of which the server says: {error}"
        )

    def _predictions(self, outputs, count: int) -> list[Prediction]:
        missing = {"classes", "logits", "probabilities"} - outputs.keys()
        if missing:
            raise ServingError(
                "A served classifier must return classes, logits and "
                f"probabilities. Received: {sorted(outputs)}"
            )
        logits, probabilities = outputs["logits"], outputs["probabilities"]
        classes = outputs["classes"].reshape(-1)
        if (
            len(classes) != count
            or probabilities.ndim != 2
            or probabilities.shape != logits.shape
            or len(probabilities) != count
            or not np.all((classes >= 0) & (classes < logits.shape[1]))
        ):
            raise ServingError(
                f"The answer must hold one row for each of {count} images. "
                f"Received: classes of shape {classes.shape}, logits of "
                f"{logits.shape}, probabilities of {probabilities.shape}"
            )
        if not np.all(np.isfinite(probabilities)):
            raise ServingError(
                "The served model's probabilities must be finite. "
                "Received: NaN or infinity"
            )
        labels = outputs.get("labels")
        names = self._names
        if names and len(names) != logits.shape[1]:
            raise ValueError(
                f"`classes` must name each of the {logits.shape[1]} classes. "
                f"Received: {len(names)} names"
            )
        predictions = []
        for row, index in enumerate(classes.tolist()):
            name = names[index] if names else str(index)
            if labels is not None:
                label = labels.reshape(-1)[row].decode()
                if names and label != name:
                    raise ValueError(
                        "`classes` must be the served model's. "
                        f"Received: {name!r} for class {index}, which the "
                        f"server calls {label!r}"
                    )
                name = label
            predictions.append(
                Prediction(
                    index=index,
                    name=name,
                    probability=float(probabilities[row, index]),
                    probabilities=probabilities[row],
                    logits=logits[row],
                    names=names,
                )
            )
        return predictions


def _connect(address: Address, headers, certificates) -> Backend:
    if not address.scheme.startswith("grpc"):
        kind = TensorFlowRest if address.api == "v1" else KServeRest
        return kind(address, headers, certificates)
    if importlib.util.find_spec("grpc") is None:
        raise ImportError(
            'gRPC needs grpcio: pip install "defense-zoo[serve]", or use the '
            f"server's HTTP port. Received: url={address}"
        )
    from zoo.exports.serving.grpc_calls import KServeGrpc
    from zoo.exports.serving.grpc_calls import TensorFlowGrpc

    kind = TensorFlowGrpc if address.api == "v1" else KServeGrpc
    return kind(address, headers, certificates)


def _read_names(classes, version: str | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    if not isinstance(classes, str | os.PathLike):
        return as_class_names(classes)
    folder = os.fspath(classes)
    if version and os.path.isdir(os.path.join(folder, version)):
        folder = os.path.join(folder, version)
    names = read_classes(newest_version(folder))
    if not names:
        raise ValueError(
            "The export must have names of classes. "
            f"Received: classes={os.fspath(classes)!r}"
        )
    return names


def _as_files(images) -> np.ndarray | None:
    """Returns files' bytes, or nothing if these are pixels."""
    single = isinstance(images, bytes | bytearray | str | os.PathLike)
    if not single and isinstance(images, np.ndarray):
        return None
    if single or not isinstance(images, Sequence) or not images:
        if single or isinstance(images, Sequence):
            raise ValueError(
                "`images` must be a batch of one or more: pixels, or a list "
                f"of files. Received: {type(images).__name__}"
            )
        return None
    if not isinstance(images[0], bytes | str | os.PathLike):
        return None
    files = np.empty(len(images), object)
    for place, image in enumerate(images):
        if isinstance(image, str | os.PathLike):
            with open(image, "rb") as file:
                image = file.read()
        if not isinstance(image, bytes):
            raise ValueError(
                "Each picture must be its bytes or its path. "
                f"Received: {type(image).__name__} in place {place}"
            )
        files[place] = image
    return files
