"""The web app as a child answers no request before `serve`, and ends with its starter."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.local.stack.child import Child
from analytics.local.stack.local_stack import LocalStack
from analytics.local.stack.web_app import WebApp


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack of which nothing runs: the web app only takes its addresses."""
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    credentials = json.dumps({"owner": "o", "reader": "r"})
    (tmp_path / "data" / "postgres" / "credentials.json").write_text(credentials)
    (tmp_path / "app.py").write_text("import streamlit as st\nst.write('here')\n")
    with LocalStack(tmp_path / "data", "127.0.0.1", 0, is_demo=True) as made:
        yield made


def wait_for_answer(web_app: WebApp, child: Child, seconds: float = 30.0) -> None:
    """Returns when the web app answers; fails after a while, or when it has ended."""
    deadline = time.monotonic() + seconds
    while not web_app.is_ready():
        assert child.exit_code is None, child.last_lines()
        assert time.monotonic() < deadline, "the web app did not answer"
        time.sleep(0.05)


def test_it_answers_after_serve(stack: LocalStack, tmp_path: Path) -> None:
    """Until then the demo data may be half there, so there is nothing to connect to."""
    web_app = WebApp("127.0.0.1", 0, tmp_path / "app.py")
    child = web_app.start(stack)
    try:
        time.sleep(2)
        assert child.exit_code is None
        assert not web_app.is_ready()
        web_app.serve()
        wait_for_answer(web_app, child)
    finally:
        child.stop()
    assert "Traceback" not in stack.log("web").read_text()


def test_serve_after_its_end_raises_nothing(stack: LocalStack, tmp_path: Path) -> None:
    """`serve` raises nothing: the supervisor reports how the app ended."""
    web_app = WebApp("127.0.0.1", 0, tmp_path / "app.py")
    web_app.start(stack).stop()
    web_app.serve()
