"""Weight files on a mirror: their addresses, and downloads that resume."""

import contextlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import BinaryIO
from urllib.parse import quote
from urllib.parse import urlsplit
from urllib.request import url2pathname

from zoo.regular_files import check_regular
from zoo.weights.hub import HubFolder
from zoo.weights.hub import hub_headers

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 16
_PATIENCE = 30
"""Seconds that a server may take to answer, or to send `_LEAST` bytes."""
_LEAST = 30_000
_UNFINISHED = "the server keeps sending something else than the file"


def file_url(base: str, name: str) -> str:
    """Returns the address of a mirror's file.

    Args:
        base: Folder: `https://host/folder`, `http://host/folder`,
            `file:///folder`, or `hf://owner/repo[@revision][/folder]` for a
            repository of the Hugging Face Hub (`HF_ENDPOINT` moves the Hub).
        name: Name of the file in that folder.

    Returns:
        An `https://`, `http://` or `file://` URL.

    Raises:
        ValueError: If `base` has another form.
    """
    if base.startswith("hf://"):
        return HubFolder.parse(base).url(name)
    base = base.rstrip("/")
    try:
        parts = urlsplit(base)
    except ValueError as error:
        raise ValueError(
            f"The address of weights must be a URL: {error}. "
            f"Received: {base!r:.200}"
        ) from error
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError(
            "A `file://` address must be absolute, as in "
            f"`file:///folder`. Received: {base!r}"
        )
    known = parts.scheme == "file" and parts.path
    if not known and not (parts.scheme in ("https", "http") and parts.netloc):
        raise ValueError(
            "The address of weights must begin with `https://`, `http://`, "
            f"`hf://owner/repo` or `file:///`. Received: {base!r}"
        )
    return f"{base}/{quote(name)}"


def transfer(url: str, part: Path, *, size: int, progress: bool) -> int | None:
    """Appends to `part` the bytes of `url` that it lacks.

    A server that ignores the requested range is read from its first byte.
    Reading stops past `size` bytes, so a wrong answer cannot fill the disk.

    Args:
        url: `https://`, `http://` or `file://`.
        part: Partial file; made if it is not there.
        size: Bytes that the complete file has.
        progress: Whether to draw a progress bar, on a terminal only.

    Returns:
        Bytes that the file at `url` has; `None` if the server doesn't say.

    Raises:
        TransferError: If the URL fails. What had arrived stays in `part`.
        OSError: If `part` cannot be written.
    """
    with part.open("ab") as file, _bar(part.stem, size, progress) as show:
        sink = _Sink(file, size, show)
        try:
            if urlsplit(url).scheme == "file":
                _copy(url, sink)
            else:
                _get(url, sink)
        except _TooLong:
            pass
        return sink.total


class TransferError(Exception):
    """The other side failed; the message is the short reason."""


class _TooLong(Exception):
    """More bytes came than the file has."""


class _Sink:
    """The partial file as a download's output, counting what arrives.

    `total` is the bytes of the file at the other side, if it says; `size`
    those that it should have.
    """

    def __init__(
        self, file: BinaryIO, size: int, show: Callable[[int], None]
    ) -> None:
        self.total: int | None = None
        self.received = 0
        self.size = size
        self._file = file
        self._show = show
        show(self.position)

    @property
    def position(self) -> int:
        return self._file.tell()

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._file.flush()  # A killed download goes on after this chunk.
        self.received += len(chunk)
        self._show(self.position)
        if self.position > self.size:
            raise _TooLong


def _copy(url: str, sink: _Sink) -> None:
    path = url2pathname(urlsplit(url).path)
    try:
        check_regular(path)
        source = open(path, "rb")
    except OSError as error:
        raise TransferError(error.strerror) from error
    with source:
        sink.total = os.fstat(source.fileno()).st_size
        source.seek(sink.position)
        while chunk := source.read(_CHUNK):
            sink.write(chunk)


def _get(url: str, sink: _Sink) -> None:
    import requests
    import urllib3

    watchdog = _Watchdog(sink)
    # Compressed answers would break the byte positions.
    headers = {"Accept-Encoding": "identity"} | hub_headers(url)
    if sink.position:
        headers["Range"] = f"bytes={sink.position}-"
    try:
        with (
            watchdog,
            _watched_session(watchdog) as session,
            session.get(
                url, headers=headers, stream=True, timeout=_PATIENCE
            ) as response,
        ):
            # 200: the whole file, so the range was ignored.
            # 416: the server's file is shorter than the partial one.
            if response.status_code in (200, 416):
                sink.restart()
            response.raise_for_status()
            sink.total = _total_size(response)
            _read(response, sink)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = _UNFINISHED if watchdog.barked else _reason(error)
        raise TransferError(reason) from error
    if watchdog.barked and sink.position < sink.size:
        raise TransferError(_UNFINISHED)


class _Watchdog:
    """Breaks connections on which too little of the file arrives.

    A timeout is of one read of the socket. Headers that come a letter at a
    time, or what the HTTP stack reads and drops, never end that way.
    """

    def __init__(self, sink: _Sink) -> None:
        self.barked = False
        self.sockets: list[socket.socket] = []
        self._sink = sink
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        before = self._sink.received
        while not self._done.wait(2 * _PATIENCE):
            if self._sink.received - before < _LEAST:
                self.barked = True
                for one in self.sockets:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
            before = self._sink.received


def _watched_session(watchdog: _Watchdog) -> "requests.Session":
    """Returns a session whose connections a watchdog may break."""
    import requests

    class Adapter(requests.adapters.HTTPAdapter):
        def get_connection_with_tls_context(self, *arguments, **options):
            pool = super().get_connection_with_tls_context(
                *arguments, **options
            )

            class Connection(pool.ConnectionCls):
                def connect(self):
                    super().connect()
                    watchdog.sockets.append(self.sock)

            pool.ConnectionCls = Connection
            return pool

    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session


def _read(response: "requests.Response", sink: _Sink) -> None:
    """Passes on what comes as it comes, unless it comes too slowly."""
    since, received = time.monotonic(), 0
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        sink.write(chunk)
        received += len(chunk)
        now = time.monotonic()
        if received >= _LEAST:
            since, received = now, 0
        elif now - since > _PATIENCE:
            speed = received / (now - since)
            raise TransferError(f"the server sends {speed:,.0f} bytes a second")


def _total_size(response: "requests.Response") -> int | None:
    """Returns the size of the whole file that an answer is of, if it says."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        return None  # The length is that of the compressed bytes.
    if response.status_code == 200:
        total = headers.get("Content-Length", "")
    else:  # bytes 1000-1999/2000
        total = headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isascii() and total.isdigit() else None


def _reason(error: Exception) -> str:
    """Says what went wrong, without the HTTP stack's pools and retries."""
    import requests
    import urllib3

    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code} {response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"the server has sent nothing for {_PATIENCE} s"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection closed early"
    if isinstance(error, requests.TooManyRedirects):
        return "the server redirects without end"
    if isinstance(error, requests.ConnectionError):
        aborted = error.args and getattr(error.args[0], "args", ())
        cause = aborted[-1] if aborted else None
        if isinstance(cause, http.client.HTTPException) and not isinstance(
            cause, ConnectionError
        ):
            return "the server's answer is no HTTP"
        return "no connection to the server"
    return " ".join(str(error).split())


@contextlib.contextmanager
def _bar(
    name: str, size: int, progress: bool
) -> Iterator[Callable[[int], None]]:
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    with bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
        console=console,
        disable=not (progress and console.is_terminal),
    ) as bar:
        task = bar.add_task(name, total=size)
        yield lambda position: bar.update(task, completed=position)
