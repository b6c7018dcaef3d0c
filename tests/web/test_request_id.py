"""The id of a request: taken where it is one, made otherwise, found again by what runs for it."""

import asyncio
import re
from contextvars import copy_context

import pytest
from starlette.concurrency import run_in_threadpool

from analytics.web import request_id


@pytest.fixture(autouse=True)
def no_other_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test adds is asked."""
    monkeypatch.setattr(request_id, "_lookups", [])


@pytest.mark.parametrize("text", ["a", "7f3c-1:x.y_z", "f" * 64])
def test_an_id_of_a_proxy_is_taken(text: str) -> None:
    """Letters, digits and four other signs."""
    assert copy_context().run(request_id.begin, text) == text


@pytest.mark.parametrize("text", [None, "", "f" * 65, "a b", "a\n", 'a"', "é", "a,b", "<x>"])
def test_what_is_no_id_is_replaced(text: str | None) -> None:
    """By one of 32 hexadecimal digits, another each time."""
    made = {copy_context().run(request_id.begin, text) for _ in range(2)}
    assert len(made) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)


def test_a_thread_of_the_servers_pool_knows_it_and_other_tasks_do_not() -> None:
    """Each request has its own."""

    async def answer(name: str) -> tuple[str | None, str | None]:
        request_id.begin(name)
        await asyncio.sleep(0)
        return request_id.current(), await run_in_threadpool(request_id.current)

    async def both() -> list[tuple[str | None, str | None]]:
        return list(await asyncio.gather(answer("a"), answer("b")))

    assert asyncio.run(both()) == [("a", "a"), ("b", "b")]
    assert request_id.current() is None


def test_other_sources_are_asked_where_the_context_has_none() -> None:
    """In their order; the first answer counts, and the context's own counts before it."""
    for answer in (None, "run", "later"):
        request_id.add_lookup(lambda answer=answer: answer)  # type: ignore[misc]
    assert request_id.current() == "run"

    def within() -> str | None:
        request_id.begin("own")
        return request_id.current()

    assert copy_context().run(within) == "own"
