"""Times functions in turns, so that other load falls on all alike."""

import statistics
import time
from collections.abc import Callable
from collections.abc import Mapping


def interleaved_medians(
    runners: Mapping[str, Callable[[], object]], *, rounds: int
) -> dict[str, float]:
    """Returns each function's median time, in seconds.

    The functions are called one after the other, round by round, so that
    other load on the machine falls on all alike. Before the first round each
    is called once, untimed.

    Args:
        runners: Functions that return when their work is done.
        rounds: Timed calls of each, 1 or more.

    Raises:
        ValueError: If `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be positive. Received: rounds={rounds}")
    for run in runners.values():
        run()
    seconds = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) for name, s in seconds.items()}
