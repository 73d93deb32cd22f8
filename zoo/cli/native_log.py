"""Keeps the log of TensorFlow's C++ code out of standard error.

C++ code writes to file descriptor 2 before its logger is set up, so no log
level stops its first lines. A child process copies what comes there, but for
lines of the log that report no error. It outlives an abort of this process,
whose last words are shown. What Python writes goes past it.
"""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator

_RECORD = re.compile(
    rb"(?:(?P<absl>[IWEF])\d{4} \d\d:\d\d:\S+ +\d+"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: (?P<tsl>[IWEF])) \S+\] "
)
"""The head of a line that Abseil or TensorFlow logs, and its severity."""

_NO_GPU = re.compile(rb"failed call to cuInit|Unable to register cu\w+ factory")
"""Logged as errors, though a machine without a GPU is none."""

_BESIDE = (
    b"WARNING: All log messages before absl::InitializeLog() is called",
    b"To enable the following instructions:",
)
"""Lines that come with the first records."""


def hide_native_log() -> None:
    """Filters file descriptor 2 until the process ends.

    Does nothing where it is closed or processes cannot be forked.
    """
    if not hasattr(os, "fork") or sys.stderr is None:
        return
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    shown = os.dup(2)
    unfiltered, written = os.pipe()
    try:
        child = os.fork()
    except OSError:  # There are too many processes: the log is shown.
        return
    if child == 0:
        with _the_end_of_the_process():
            os.close(written)
            _copy(unfiltered, shown)
    os.close(unfiltered)
    os.dup2(written, 2)
    os.close(written)
    sys.stderr = sys.__stderr__ = open(
        shown,
        "w",
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        buffering=1,
    )


def is_noise(line: bytes) -> bool:
    """Returns whether a line of the log reports no error."""
    if line.startswith(_BESIDE):
        return True
    record = _RECORD.match(line)
    if record is None:
        return False
    severity = record["absl"] or record["tsl"]
    return severity in b"IW" or (
        severity == b"E" and _NO_GPU.search(line) is not None
    )


@contextlib.contextmanager
def _the_end_of_the_process() -> Iterator[None]:
    """Ends the process with its block, whatever happens there."""
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        for descriptor in (0, 1, 2):  # Others wait for their ends.
            with contextlib.suppress(OSError):
                os.close(descriptor)
        yield
    finally:
        os._exit(0)


def _copy(source: int, target: int) -> None:
    """Copies lines that are no noise, until all who write are gone."""
    rest = b""
    while chunk := os.read(source, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        shown = b"".join(line + b"\n" for line in lines if not is_noise(line))
        if shown:
            os.write(target, shown)
    if rest and not is_noise(rest):
        os.write(target, rest)
