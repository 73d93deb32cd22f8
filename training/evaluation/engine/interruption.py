"""Lets Ctrl-C end a TensorFlow graph that runs for minutes."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ends the graphs that run inside the block soon after Ctrl-C.

    Python handles a signal between two of its own instructions. A graph that
    runs a whole attack is one instruction, so Ctrl-C would wait for its end.
    Inside the block, a thread reads the signal at once and cancels the graph,
    which ends at the next step of its innermost loop. Then Python raises
    `KeyboardInterrupt` as ever.

    Does nothing outside the main thread, which alone may take over signals,
    or if the program handles Ctrl-C in its own way.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    # TensorFlow doesn't export it.
    from tensorflow.python.eager import cancellation

    manager = cancellation.CancellationManager()
    interrupted = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch():
        while number := os.read(reader, 1):
            if before != -1:  # Another loop waits for signals, too.
                os.write(before, number)
            if number[0] == signal.SIGINT:
                interrupted.set()
                manager.start_cancel()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with cancellation.CancellationManagerContext(manager):
            yield
    except Exception:  # `KeyboardInterrupt` may get lost in TensorFlow's own.
        if interrupted.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        os.close(writer)  # Ends the watcher.
        watcher.join()
        os.close(reader)
