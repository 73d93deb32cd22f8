"""Errors that name the directory an export could not write."""

import contextlib
import pathlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def writing_to(path: pathlib.Path) -> Iterator[None]:
    """Turns a failure to write into one line that names the directory.

    Args:
        path: The user's directory. The body writes there and nowhere else.

    Raises:
        OSError: In place of the body's errors of the file system and of
            TensorFlow's ops.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        reason = reason.partition("\n")[0]
        raise OSError(
            f"The export directory must be writable ({reason}). "
            f"Received: path={str(path)!r}"
        ) from error
