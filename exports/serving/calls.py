"""What may go wrong in a call to a server, deadlines and repetitions."""

import contextlib
import numbers
import random
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

Result = TypeVar("Result")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LONGEST_TIMEOUT = 24 * 60 * 60
_MESSAGE = 1000
"""Letters of a message that are kept."""

LARGEST_ANSWER = 2**28
"""Bytes of an answer that are read at most."""


class ServingError(RuntimeError):
    """A server didn't answer as it should.

    Args:
        message: One line; what a server wrote may be part of it. Long ones
            are cut, and letters that a terminal would obey are spelt out.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


class UnavailableError(ServingError):
    """No server could be reached, or it can't answer now.

    Args:
        message: What was seen.
        retry_after: Seconds that the server asked to wait, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(ServingError, TimeoutError):
    """The answer didn't come in time."""


class ModelNotFoundError(ServingError, LookupError):
    """The server has no such model."""


class VersionNotFoundError(ModelNotFoundError):
    """The server has the model, but not this version of it."""


class RefusedError(ServingError, ValueError):
    """The server found the request wrong; the message is the server's."""


class Deadline:
    """A moment until which a call may last.

    Args:
        seconds: Positive number of seconds from now, at most a day.

    Raises:
        ValueError: If `seconds` is anything else.
    """

    def __init__(self, seconds: float):
        number = isinstance(seconds, numbers.Real)
        if (
            not number
            or isinstance(seconds, bool)
            or not 0 < seconds <= _LONGEST_TIMEOUT
        ):
            raise ValueError(
                "`timeout` must be a positive number of seconds, at most "
                f"{_LONGEST_TIMEOUT}. Received: timeout={seconds!r}"
            )
        seconds = float(seconds)
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Returns the seconds that are left.

        Raises:
            DeadlineError: If none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> DeadlineError:
        """Returns the error of a call that takes longer."""
        return DeadlineError(
            f"The server must answer in time. Received: no answer within "
            f"{self._seconds:g} s"
        )


def call(
    attempt: Callable[[], Result], deadline: Deadline, retries: int
) -> Result:
    """Calls, and again while the server is unavailable.

    Pauses grow twofold from 0.1 s to 5 s, each drawn evenly from zero to
    that ("full jitter"), so that clients don't come back in step. What the
    server asks for in `Retry-After` comes first. No other error is retried:
    it would come again, or the server has more to do than it can.

    Args:
        attempt: One call.
        deadline: Of all calls and pauses together.
        retries: How many times to call again at most.

    Raises:
        UnavailableError: If the last attempt did, or the next pause would
            pass the deadline.

    Reference: [Brooker, Exponential Backoff And Jitter, 2015](
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)
    """
    longest = _FIRST_PAUSE
    while True:
        try:
            return attempt()
        except UnavailableError as error:
            pause = error.retry_after
            if pause is None:
                pause = random.uniform(0, longest)
            if retries <= 0 or pause >= deadline.left():
                raise
        retries -= 1
        longest = min(2 * longest, _LONGEST_PAUSE)
        time.sleep(pause)


def failure(
    code: str, message: str, *, retry_after: float | None = None
) -> ServingError:
    """Returns the error of a gRPC status, or of an HTTP status like it.

    Args:
        code: Name of the gRPC status, as `"NOT_FOUND"`.
        message: The server's.
        retry_after: Seconds that the server asked to wait, if it did.
    """
    if code == "UNAVAILABLE":
        return UnavailableError(
            f"The server must be available. Received: {message}", retry_after
        )
    if code == "DEADLINE_EXCEEDED":
        return DeadlineError(
            f"The server must answer in time. Received: {message}"
        )
    if code == "NOT_FOUND":
        return ModelNotFoundError(message)
    if code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"):
        return RefusedError(f"The server refused the request: {message}")
    return ServingError(
        f"The server must answer the request. Received: {code}, {message}"
    )


def printable(text: str) -> str:
    """Returns a text in one line that a terminal only shows.

    Args:
        text: What a server may have written. Of a long text its begin and its
            end are kept: a traceback says most in its last lines.
    """
    text = "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape").decode()
        for letter in text
    )
    if len(text) > _MESSAGE:
        text = f"{text[: _MESSAGE // 2]} … {text[-_MESSAGE // 2 :]}"
    return text


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns what fails while an answer is read into a `ServingError`.

    Args:
        what: That the answer must hold.
    """
    try:
        yield
    except ServingError:
        raise
    except (
        AttributeError,
        ArithmeticError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ServingError(
            f"The answer must hold {what}. Received: {error!r:.200}"
        ) from error
