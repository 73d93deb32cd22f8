"""HTTP requests to one host, in time and within bounds."""

import http.client
import io
import json
import time
from collections.abc import Mapping

import urllib3

from zoo.exports.serving.address import Address
from zoo.exports.serving.calls import LARGEST_ANSWER
from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import UnavailableError
from zoo.exports.serving.calls import failure

_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP's statuses as gRPC's, as TensorFlow Serving's `http_server.cc`."""

_CHUNK = 1 << 16
_LARGEST_ERROR = 1 << 20
"""Bytes of an error's page that are read at most."""

_UNREACHABLE = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.ProxyError,
)
"""What may pass; the first is one of urllib3's timeouts, too."""


class Http:
    """Sends requests to one host and turns what fails into our errors.

    Args:
        address: Of the model.
        headers: Sent with each request.
        certificates: File of trusted certificates; `None` for the system's.
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        certificates: str | None,
    ):
        self._root = f"{address.scheme}://{address.host}{address.prefix}"
        self._headers = dict(headers)
        self._pool = urllib3.PoolManager(
            maxsize=64, retries=False, ca_certs=certificates
        )
        self._pool.pool_classes_by_scheme = {
            "http": _HttpPool,
            "https": _HttpsPool,
        }

    def send(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict:
        """Returns the JSON object of the answer.

        Raises:
            ServingError: If there is none, with the reason.
        """
        try:
            response = self._pool.request(
                method,
                self._root + path,
                body=body,
                headers={**self._headers, **(headers or {})},
                timeout=urllib3.Timeout(total=deadline.left()),
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            try:
                content = _read(response, deadline)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            if isinstance(error, _UNREACHABLE):
                raise UnavailableError(
                    f"The server must be reachable. Received: {error}"
                ) from error
            if isinstance(error, urllib3.exceptions.TimeoutError):
                raise deadline.error() from error
            raise ServingError(
                "The address, the headers and the server's certificate must "
                f"be right. Received: {error}"
            ) from error
        if response.status != 200:
            raise _failure(response, content)
        try:
            answer = json.loads(content)
        except (RecursionError, ValueError) as error:
            packed = response.headers.get("Content-Encoding", "")
            raise ServingError(
                "The server must answer in JSON; is it a model server? "
                f"Received: {packed} {content[:80]!r}"
            ) from error
        if not isinstance(answer, dict):
            raise ServingError(
                f"The answer must be a JSON object. Received: {content[:80]!r}"
            )
        return answer

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a moment, however slowly it drips.

    A socket's own timeout is that of each read: a byte a second would keep
    it waiting for ever.

    Args:
        stream: The socket's raw stream.
        sock: The socket, whose timeout says how long all may last.
    """

    def __init__(self, stream: io.RawIOBase, sock):
        self._stream = stream
        self._socket = sock
        seconds = sock.gettimeout()
        self._end = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._socket.settimeout(left)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """Whose status, headers and body must all come in time."""

    def __init__(self, sock, *args, **kwargs):
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _HttpConnection(urllib3.connection.HTTPConnection):
    response_class = _TimedResponse


class _HttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = _TimedResponse


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def _read(response, deadline: Deadline) -> bytes:
    """Reads all of an answer, in time and within bounds."""
    most = LARGEST_ANSWER if response.status == 200 else _LARGEST_ERROR
    content = bytearray()
    while chunk := response.read1(_CHUNK):
        content += chunk
        deadline.left()
        if len(content) > most:
            raise ServingError(
                f"The answer must have at most {most} bytes. "
                f"Received: more, with HTTP status {response.status}"
            )
    return bytes(content)


def _failure(response, content: bytes) -> ServingError:
    """Returns the error of an answer that isn't HTTP's 200."""
    target = response.headers.get("Location")
    if 300 <= response.status < 400 and target:
        return ServingError(
            "The address must be the server's own. Received: HTTP status "
            f"{response.status}, which sends to {target}"
        )
    message = content.decode(errors="replace").strip()
    try:
        message = str(json.loads(message)["error"])
    except (KeyError, RecursionError, TypeError, ValueError):
        pass  # A proxy's page, or nothing.
    message = message or response.reason or "nothing"
    code = _CODES.get(response.status, f"HTTP status {response.status}")
    wait = response.headers.get("Retry-After", "")
    return failure(
        code,
        message,
        retry_after=float(wait) if wait.isdecimal() else None,
    )
