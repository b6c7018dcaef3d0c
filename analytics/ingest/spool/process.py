"""The running process: recognised by its id at each use, its end, and whether it can run threads.

A server written in C may fork without a word to Python, so no fork hook is relied on. What a process needs for itself
is made at its first use there; nothing of a parent's is locked, waited for or written to. Knows no event.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Final, Generic, TypeVar

T = TypeVar("T")

END_PRIORITY: Final = 0
"""`multiprocessing` calls this before it waits for the children of a process that ends."""


class PerProcess(Generic[T]):
    """One value per process. Safe to share between threads; takes no lock that a parent's thread could hold.

    Args:
        value: This process's.
        make: Makes the one of a forked child, at the first use there. Two threads may do so at once: the second value is
            dropped.
        forget: Called in a child with the value of its parent.
    """

    def __init__(
        self, value: T, make: Callable[[], T], forget: Callable[[T], None] = lambda _value: None
    ) -> None:
        self._make, self._forget = make, forget
        self._values = {os.getpid(): value}

    @property
    def value(self) -> T:
        """This process's value."""
        value = self._values.get(os.getpid())
        return self._begin() if value is None else value

    def _begin(self) -> T:
        process = os.getpid()
        value = self._values.setdefault(process, self._make())
        for other in [each for each in list(self._values) if each != process]:
            inherited = self._values.pop(other, None)
            if inherited is not None:
                self._forget(inherited)
        return value


def at_end(close: Callable[[], object]) -> Callable[[], object]:
    """Calls `close` once when this process ends, and not in its children. Returns a function that cancels it.

    That is the end of a program, of a `multiprocessing` child and of a child of celery's prefork pool. The latter two end
    with `os._exit`, past `atexit`; celery says it with a signal of its own.
    """
    finalizer, process = Finalize(None, close, exitpriority=END_PRIORITY), os.getpid()

    def end(**_what: object) -> None:
        if os.getpid() == process:
            finalizer()

    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(end, weak=False)
    return finalizer.cancel


def can_run_threads() -> bool:
    """Whether a thread that is started now goes on running, and does no harm to a child that is forked later.

    False in uWSGI until it has forked its workers, and in its master: a worker that is forked while another thread is
    about to run waits for ever. False in all of uWSGI where it runs Python without threads.
    """
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None:
        return True
    has_threads = getattr(uwsgi, "has_threads", True)
    return bool(has_threads) and (uwsgi.worker_id() > 0 or uwsgi.mule_id() > 0)
