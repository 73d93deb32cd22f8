"""What may go wrong in a call to a server, deadlines and repetitions."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_MESSAGE = 1000
"""Letters of a server's message that are kept."""


class ServingError(RuntimeError):
    """A server didn't answer as it should."""


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
        seconds: Positive number of seconds from now.

    Raises:
        ValueError: If `seconds` isn't positive.
    """

    def __init__(self, seconds: float):
        if not seconds > 0:
            raise ValueError(
                f"`timeout` must be positive. Received: timeout={seconds}"
            )
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
    if len(message) > _MESSAGE:  # A traceback says most in its last lines.
        message = f"{message[: _MESSAGE // 4]} … {message[-_MESSAGE // 2 :]}"
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
