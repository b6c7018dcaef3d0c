"""A viewer of the real app without a browser: speaks Streamlit's WebSocket, keeps what a page shows, obeys its timers."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

MAIN: Final = 0
"""First number of the paths of everything outside the sidebar."""

CHARTS: Final = frozenset({"metric", "plotly_chart", "deck_gl_json_chart", "dataframe", "alert", "exception"})
"""Elements that are content: cards, charts, errors."""

CONTENT: Final = re.compile(r"hourglass|:material/inbox|^### |right now")
"""Content that is text."""

DEFECT: Final = "error in the dashboard"
LATE: Final = "hourglass_top"
STALE: Final = "Stale: from"
NOTHING: Final = ":material/inbox"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a page.

    Attributes:
        kind: Its kind, as in Streamlit's protocol.
        label: The label of a card.
        text: What it says; of a card, the value.
        run: The run that drew it.
        fragment: The fragment that it belongs to; empty for none.
    """

    kind: str
    label: str
    text: str
    run: str
    fragment: str


class Viewer:
    """One browser tab on a page.

    Its timers run on `clock`, in seconds.

    Attributes:
        elements: What the page shows, by path.
        first_seconds: From the request to the first card, chart or error; None before.
        settled_seconds: From the request to the end of its run; None before.
        runs: How often the page, or a part of it, was drawn.
    """

    def __init__(
        self, address: str, page: str, query: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        # Without a limit to what waits unread, as in a browser: a full queue also holds back the answers to pings and to `close`.
        self._socket = connect(
            f"ws://{address}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            max_queue=None,
        )
        self._query, self._page, self._page_hash, self._is_there = query, _url_path(page), "", False
        self._clock = clock
        self.elements: dict[tuple[int, ...], Element] = {}
        self._timers: dict[str, tuple[float, float]] = {}
        self._run, self._fragments, self._is_running = "", frozenset[str](), False
        self._began = time.monotonic()
        self.first_seconds: float | None = None
        self.settled_seconds: float | None = None
        self.runs = 0
        self._ask()

    def close(self) -> None:
        """Closes the tab."""
        self._socket.close()

    def go(self, page: str) -> None:
        """Opens another page in this tab; what still comes of the old one is left out."""
        self._page, self._page_hash, self._is_there = _url_path(page), "", False
        self.elements.clear()
        self._timers.clear()
        self._is_running = True
        self._began, self.first_seconds, self.settled_seconds = time.monotonic(), None, None
        self._ask()

    def again(self, query: str | None = None) -> None:
        """Draws the page again, with other parameters if given."""
        self._query = self._query if query is None else query
        self._is_running = True
        self._began, self.settled_seconds = time.monotonic(), None
        self._ask()

    def look(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Takes what comes and obeys the page's timers; whether the condition came true in time."""
        ends_at = time.monotonic() + seconds
        while not (is_so := until()) and (left := ends_at - time.monotonic()) > 0:
            self._fire()
            try:
                data = self._socket.recv(timeout=min(left, 0.1))
            except TimeoutError:
                continue
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            self._take(message)
        return is_so

    def due(self) -> float:
        """When the page's next timer is due, on the clock; now while the page is being drawn."""
        return (
            self._clock()
            if self._is_running
            else min((due for _, due in self._timers.values()), default=math.inf)
        )

    def is_settled(self) -> bool:
        """Whether the page's first run has ended."""
        return self.settled_seconds is not None

    def is_fresh(self) -> bool:
        """Whether the page shows something, and nothing of it is late, stale or failed."""
        is_drawn = self.is_settled() and self.first_seconds is not None
        return is_drawn and not (self.errors() or self.stale())

    def texts(self) -> Iterator[str]:
        """All that the main area says."""
        return (each.text for each in self.elements.values())

    def count(self, kind: str) -> int:
        """Elements of a kind."""
        return sum(each.kind == kind for each in self.elements.values())

    def numbers(self) -> dict[str, str]:
        """The values of the cards."""
        return {each.label: each.text for each in self.elements.values() if each.kind == "metric"}

    def errors(self) -> int:
        """Errors, and answers that are late."""
        return sum(each.kind == "alert" or LATE in each.text for each in self.elements.values())

    def stale(self) -> int:
        """Stale marks."""
        return sum(STALE in text for text in self.texts())

    def defects(self) -> int:
        """Mistakes in the dashboard."""
        return sum(each.kind == "exception" or DEFECT in each.text for each in self.elements.values())

    def empty(self) -> int:
        """Panels that say that there is nothing."""
        return sum(NOTHING in text for text in self.texts())

    def _ask(self, fragment: str = "") -> None:
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string = self._query
        rerun.page_name = "" if self._page_hash else self._page
        rerun.page_script_hash = self._page_hash
        rerun.context_info.timezone = "UTC"
        rerun.context_info.locale = "en"
        if fragment:
            rerun.fragment_id, rerun.is_auto_rerun = fragment, True
        self._socket.send(message.SerializeToString())

    def _fire(self) -> None:
        """Runs the fragment whose time has come, as the frontend does, which sends nothing while the page runs."""
        if self._is_running:
            return
        now = self._clock()
        for fragment, (interval, due) in self._timers.items():
            if now >= due:
                self._timers[fragment] = interval, now + interval
                self._is_running = True
                self._ask(fragment)
                return

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "navigation":
            pages = {each.page_script_hash: each.url_pathname for each in message.navigation.app_pages}
            self._is_there = pages[message.navigation.page_script_hash] == self._page
            self._page_hash = message.navigation.page_script_hash if self._is_there else ""
        elif kind == "new_session":
            run = message.metadata.run
            self._run, self._fragments = run.script_run_id, frozenset(run.fragment_ids)
            self._is_running = True
            self.runs += 1
            if not self._fragments:
                self._timers.clear()
        elif not self._is_there:
            return
        elif kind == "delta":
            self._draw(tuple(message.metadata.delta_path), message.delta)
        elif kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._timers[message.auto_rerun.fragment_id] = interval, self._clock() + interval
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._timers.pop(fragment, None)
        elif kind == "script_finished":
            self._finish(message.script_finished)

    def _finish(self, status: int) -> None:
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return  # the next run begins at once
        self._is_running = False
        is_all = not self._fragments
        self.elements = {
            path: each
            for path, each in self.elements.items()
            if each.run == self._run or not (is_all or each.fragment in self._fragments)
        }
        if is_all and self.settled_seconds is None:
            self.settled_seconds = time.monotonic() - self._began

    def _draw(self, path: tuple[int, ...], delta: Delta) -> None:
        if path[0] != MAIN:
            return
        if delta.WhichOneof("type") != "new_element":
            return
        for under in [each for each in self.elements if each[: len(path)] == path]:
            del self.elements[under]
        kind = delta.new_element.WhichOneof("type") or ""
        label, text = "", ""
        if kind == "metric":
            label, text = delta.new_element.metric.label, delta.new_element.metric.body
        elif kind == "alert":
            text = f"{delta.new_element.alert.title}: {delta.new_element.alert.body}"
        elif kind == "markdown":
            text = delta.new_element.markdown.body
        self.elements[path] = Element(kind, label, text, self._run, delta.fragment_id)
        if self.first_seconds is None and (kind in CHARTS or CONTENT.search(text)):
            self.first_seconds = time.monotonic() - self._began


def _url_path(page: str) -> str:
    return "" if page == "overview" else page
