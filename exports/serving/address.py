"""Addresses of served models, as a client is given them."""

import dataclasses
import re
from urllib.parse import unquote
from urllib.parse import urlsplit

FORMS = (
    "http[s]://HOST:PORT/v1/models/NAME for TensorFlow Serving, "
    "http[s]://HOST:PORT/v2/models/NAME for KServe v2, or the same with "
    "grpc[s]://; /versions/N or, for v1, /labels/LABEL may follow"
)

_PATH = re.compile(
    r"(?P<prefix>(?:/.*)?)/(?P<api>v[12])/models/(?P<model>[^/]+)"
    r"(?:/versions/(?P<version>[^/]+)|/labels/(?P<label>[^/]+))?/?"
)


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a model is served, and by which protocol.

    Args:
        scheme: `"http"`, `"https"`, `"grpc"` or `"grpcs"`.
        host: Host and port.
        prefix: Path in front of the server's own, as a gateway adds one.
        api: `"v1"`, TensorFlow Serving's, or `"v2"`, KServe's.
        model: Name of the model.
        version: Version asked for; `None` leaves it to the server.
        label: Label of a version, as `"stable"`; TensorFlow Serving's alone.
    """

    scheme: str
    host: str
    prefix: str
    api: str
    model: str
    version: str | None = None
    label: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Reads an address.

        Raises:
            ValueError: If the URL is of none of the forms above.
        """
        parts = urlsplit(url)
        match = _PATH.fullmatch(parts.path)
        known = parts.scheme in ("http", "https", "grpc", "grpcs")
        if (
            not (known and parts.hostname and match)
            or parts.query
            or parts.fragment
            or "@" in parts.netloc
            or (match["api"] == "v2" and match["label"])
            or (parts.scheme.startswith("grpc") and match["prefix"])
        ):
            raise ValueError(
                f"`url` must name a served model: {FORMS}. Received: url={url}"
            )
        version = match["version"]
        if match["api"] == "v1" and version and not version.isdecimal():
            raise ValueError(
                "TensorFlow Serving's versions must be whole numbers. "
                f"Received: version={version}"
            )
        return cls(
            scheme=parts.scheme,
            host=parts.netloc,
            prefix=match["prefix"],
            api=match["api"],
            model=unquote(match["model"]),
            version=version,
            label=match["label"],
        )

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme.endswith("s")

    def __str__(self) -> str:
        chosen = ""
        if self.version is not None:
            chosen = f"/versions/{self.version}"
        elif self.label is not None:
            chosen = f"/labels/{self.label}"
        return (
            f"{self.scheme}://{self.host}{self.prefix}/{self.api}/models/"
            f"{self.model}{chosen}"
        )
