"""Repeats what is compared, one after the other, so that a machine that slows down slows both."""

import statistics
import time
from collections.abc import Callable, Sequence


def medians(runs: Sequence[Callable[[], object]], repeats: int) -> Sequence[float]:
    """Median seconds of each, after one run that is not counted; they take turns."""
    seconds: list[list[float]] = [[] for _ in runs]
    for repeat in range(repeats + 1):
        for run, taken in zip(runs, seconds, strict=True):
            began = time.perf_counter()
            run()
            if repeat:
                taken.append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in seconds]
