"""Ctrl-C and SIGTERM are obeyed within seconds.

Python raises `KeyboardInterrupt` when the main thread comes back to it, which
may take minutes where TensorFlow runs one long graph. A thread waits a little
for that, then ends the process. SIGTERM, by which batch systems and containers
end one, is taken alike, so that nothing half-written stays behind.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from collections.abc import Sequence

_ENDING = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 3.0
"""Seconds that the main thread has to end by itself."""

_SHOW_CURSOR = "\x1b[?25h"


class Interruption:
    """Says once that the command was interrupted, and ends the process.

    Args:
        message: Returns what is said, given the notes of the exception.

    Attributes:
        status: The command's exit status, 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, message: Callable[[Sequence[str]], str]):
        self._message = message
        self._lock = threading.Lock()
        self._said = False
        self.status = 128 + signal.SIGINT

    def say(self, notes: Sequence[str] = ()) -> None:
        """Writes the message to standard error, the first time.

        Args:
            notes: Of the `KeyboardInterrupt`; none if it was not raised yet.
        """
        with self._lock:
            if not self._said:
                print(self._message(notes), file=sys.stderr, flush=True)
            self._said = True

    def watch(self) -> None:
        """Ends the process some seconds after the first signal, if need be.

        A second one ends it at once. Does nothing where signals cannot be
        watched.
        """
        if os.name != "posix":
            return
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, args=[heard], daemon=True).start()

    def _terminate(self, number: int, _) -> None:
        self.status = 128 + number
        raise KeyboardInterrupt

    def _wait(self, heard: int) -> None:
        self._next_interrupt(heard)
        ended = threading.Timer(_PATIENCE, self._end)
        ended.daemon = True
        ended.start()
        self._next_interrupt(heard)
        self._end()

    def _next_interrupt(self, heard: int) -> None:
        while (number := os.read(heard, 1)[0]) not in _ENDING:
            pass
        self.status = 128 + number

    def _end(self) -> None:
        if sys.stderr.isatty():  # A bar may have hidden it.
            print(_SHOW_CURSOR, end="", file=sys.stderr)
        self.say()
        os._exit(self.status)
