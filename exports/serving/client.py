"""A client of servers that serve exported models."""

import importlib.util
import numbers
import os
import re
import ssl
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
from zoo.exports.serving.prediction import Prediction
from zoo.exports.serving.prediction import read_predictions
from zoo.exports.serving.request_inputs import Pictures
from zoo.exports.serving.request_inputs import as_files
from zoo.exports.serving.request_inputs import as_seeds
from zoo.exports.serving.rest import KServeRest
from zoo.exports.serving.rest import TensorFlowRest
from zoo.regular_files import check_regular
from zoo.saved_model_folder import newest_version
from zoo.saved_model_folder import read_classes
from zoo.validation import check_images

_IMAGE, _IMAGE_BYTES, _SEED = "image", "image_bytes", "seed"
"""Inputs of an export's signatures, as `exports.save` names them."""

_EXPLAIN = "explain"
_LOGITS = "logits"
_LISTED = 20
"""Versions that an error lists at most."""

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header's name: RFC 9110's token."""


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
        timeout: Seconds that a call may last, repetitions included; at most a
            day. Only the system's search for the host's address isn't
            counted.
        retries: How often a call is repeated while the server is unavailable,
            with growing pauses: eight last some eight seconds. No other
            failure is repeated.
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
        retries: int = 8,
        headers: Mapping[str, str] | None = None,
        certificates: str | os.PathLike | None = None,
    ):
        self._address = Address.parse(url)
        Deadline(timeout)  # Checks it.
        whole = isinstance(retries, numbers.Integral)
        if not whole or isinstance(retries, bool) or retries < 0:
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
            _checked_headers(headers or {}),
            _checked_certificates(certificates),
        )

    def predict(
        self,
        images: ArrayLike | Pictures,
        *,
        seeds: ArrayLike | None = None,
        timeout: float | None = None,
    ) -> list[Prediction]:
        """Classifies images in one request.

        Args:
            images: Float pixels in [0, 1], `(batch, height, width,
                channels)`; or a list of picture files, each its bytes or its
                path, which the server decodes and resizes.
            seeds: For debugging a model that draws random numbers: a whole
                number from 0 to 2^63 - 1 for each image of pixels, or one for
                all, that pins its noise. The export needs the signature
                `seeded`.
            timeout: Seconds for this call; the client's own by default.

        Returns:
            A prediction for each image, in order.

        Raises:
            DeadlineError: If the answer takes longer.
            ModelNotFoundError: If the server has no such model or version
                (`VersionNotFoundError`).
            OSError: If a file can't be read, or is a folder, a pipe or a
                device.
            RefusedError: If the server refuses the images.
            ServingError: If the server fails, or serves no such classifier.
            UnavailableError: If no server answers, after all repetitions.
            ValueError: If the images are none, or don't fit the model, or
                the seeds don't fit the images.
        """
        pictures = as_files(images)
        if seeds is not None:
            seeds = as_seeds(seeds, images, pictures)
            name, inputs = "seeded", {_IMAGE: images, _SEED: seeds}
        elif pictures is not None:
            name, inputs = "serving_bytes", {_IMAGE_BYTES: pictures}
        else:
            name, inputs = "serving_default", {_IMAGE: images}
        outputs = self._run(name, inputs, timeout)
        return read_predictions(outputs, len(images), self._names)

    def explain(
        self, images: ArrayLike, *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Asks a model that explains itself what it saw in images.

        By KServe v2, a model of its own explains: Triton's `NAME_explain`
        (see `zoo.exports.serving.triton`), which the address must name.

        Args:
            images: As for `predict`, pixels alone.
            timeout: Seconds for this call; the client's own by default.

        Returns:
            The tensors of the export's signature `explain`, each with the
            batch in front: `saliency` of a semantic JPEG, say.

        Raises:
            As `predict`.
        """
        outputs = self._run(_EXPLAIN, {_IMAGE: images}, timeout)
        rows = {name: output.shape[:1] for name, output in outputs.items()}
        if set(rows.values()) != {(len(images),)}:
            raise ServingError(
                f"The answer must hold one row for each of {len(images)} "
                f"images. Received: {rows}"
            )
        return outputs

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

    def _run(self, wanted, inputs, timeout):
        deadline = Deadline(self._timeout if timeout is None else timeout)
        try:
            name, signature = call(
                lambda: self._find(wanted, inputs, deadline),
                deadline,
                self._retries,
            )
            fitted = {
                key: _fit(key, value, signature.inputs[key].shape)
                for key, value in inputs.items()
            }
            outputs = call(
                lambda: self._backend.run(name, signature, fitted, deadline),
                deadline,
                self._retries,
            )
            told = signature.outputs.keys()
            # KServe's metadata, of a nameless signature, may leave some out.
            known = told == outputs.keys() if name else told <= outputs.keys()
            if not known:
                self._signatures = None  # Another version has come up.
            return outputs
        except ValueError as error:
            # Another version, of another shape, may have come up since.
            self._signatures = None
            unknown = self._address.label and "version label" in str(error)
            if unknown and isinstance(error, RefusedError):
                raise self._not_found(error, deadline) from error
            raise
        except ModelNotFoundError as error:
            raise self._not_found(error, deadline) from error

    def _find(self, wanted, keys, deadline) -> tuple[str, Signature]:
        """Returns the signature of a name, or a nameless one like it.

        KServe's models have one without a name: what it takes, and whether it
        returns logits, tells which it is.
        """
        signatures = self._signatures
        if signatures is None:
            signatures = self._signatures = self._backend.signatures(deadline)
        if wanted in signatures:
            if signatures[wanted].inputs.keys() == keys.keys():
                return wanted, signatures[wanted]
        elif "" in signatures:
            nameless = signatures[""]
            classifies = _LOGITS in nameless.outputs
            # Its inputs may be optional, so one more is no obstacle.
            if keys.keys() <= nameless.inputs.keys() and classifies == (
                wanted != _EXPLAIN
            ):
                return "", nameless
        offered = {n: sorted(s.inputs) for n, s in signatures.items()}
        taken = " and ".join(f"`{key}`" for key in keys)
        raise ServingError(
            f"The served model must take {taken} in a signature `{wanted}`, "
            f"as an export with it does. Received: {self._address}, which "
            f"takes {offered}"
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
        if len(served) > _LISTED:
            served = [*served[:_LISTED], f"{len(served) - _LISTED} more"]
        return VersionNotFoundError(
            "The version must be among those served, "
            f"{', '.join(served) or 'of which there are none'}. "
            f"Received: {address}, of which the server says: {error}"
        )


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


def _fit(key: str, value, shape: tuple[int | None, ...]) -> np.ndarray:
    """Returns an input in its signature's shape, or raises what is wrong."""
    if key == _IMAGE:
        return check_images(value, shape)
    # KServe's servers may give each string and number a row of its own.
    return value.reshape(-1, *(1,) * (len(shape) - 1))


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns headers that HTTP and gRPC take."""
    for name, value in headers.items():
        if (
            not isinstance(name, str)
            or not _HEADER.fullmatch(name)
            or not isinstance(value, str)
            or not value.isascii()
            or not value.isprintable()
        ):  # A value may be secret.
            raise ValueError(
                "`headers` must be names and texts of printable ASCII. "
                f"Received: another one, of name {name!r}"
            )
    return dict(headers)


def _checked_certificates(certificates) -> str | None:
    """Returns the path of certificates that can be read."""
    if certificates is None:
        return None
    path = os.fspath(certificates)
    try:
        check_regular(path)
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one.
        raise ValueError(
            "`certificates` must be a file of certificates in PEM. "
            f"Received: certificates={path!r}; {error}"
        ) from error
    return path
