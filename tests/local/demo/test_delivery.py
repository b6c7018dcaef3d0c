"""Sends events to Tinybird in batches that the endpoint accepts."""

from analytics.local.demo.delivery import BATCH_BYTES, Batches


def test_batches_stay_below_the_limit_and_lose_nothing() -> None:
    """Lines are sent in order, per data source, and chunks are not split."""
    sent: list[tuple[str, list[str]]] = []
    batches = Batches(lambda datasource, lines: sent.append((datasource, lines)))
    half, small = ["x" * (BATCH_BYTES // 2)], ["y"]
    for lines in (small, half, half, small):
        batches.add("one", list(lines))
        batches.add("other", list(small))
    batches.flush_all()
    assert [lines for datasource, lines in sent if datasource == "one"] == [[*small, *half], [*half, *small]]
    assert [lines for datasource, lines in sent if datasource == "other"] == [small * 4]
    assert all(sum(map(len, lines)) <= BATCH_BYTES for _datasource, lines in sent)


def test_nothing_is_sent_of_nothing() -> None:
    """A span without events makes no request."""
    sent: list[str] = []
    batches = Batches(lambda datasource, _lines: sent.append(datasource))
    batches.add("one", [])
    batches.flush_all()
    assert sent == []
