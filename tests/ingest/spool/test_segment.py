"""A file of the spool: whatever is done to it, only what was touched is lost."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ingest.spool.queue import Queue
from analytics.ingest.spool.segment import HEADER_BYTES, Segment, sound_lines, waiting_in
from analytics.ingest.spool.settings import SpoolSettings

NAME = "visitor_events"
lines = st.lists(
    st.dictionaries(st.text(max_size=3), st.text(max_size=12) | st.integers(), max_size=3), max_size=6
)


def written(directory: Path, bodies: list[bytes], acknowledged: int = 0) -> Path:
    """An abandoned file, with some of its lines confirmed."""
    segment = Segment.create(directory / NAME)
    for body in bodies:
        segment.append(body)
    for body in bodies[:acknowledged]:
        segment.acknowledge(len(body))
    segment.close()
    return segment.path


def recovered(directory: Path) -> tuple[list[bytes], int]:
    """What the next process finds: lines, and how many are damaged. Nothing is left of the files then."""
    found, damaged = [], 0
    way = Queue(directory, NAME, is_durable=False)
    way.adopt()
    while (batch := way.take()) is not None:
        found += batch.body.splitlines(keepends=True)
        damaged += len(batch.damaged)
        way.confirm(batch)
    way.release()
    assert not list((directory / NAME).iterdir())
    return found, damaged


def as_lines(events: list[dict[str, str | int]]) -> list[bytes]:
    """Events as the emitter writes them."""
    from analytics.transports.tinybird_messages import ndjson_line

    return [ndjson_line(event) for event in events]


@pytest.mark.parametrize("acknowledged", [0, 1, 3])
def test_cut_at_every_byte(tmp_path: Path, acknowledged: int) -> None:
    """Every whole line before the cut is there, at most the cut one is damaged, and nothing is made up."""
    bodies = [b'{"n": 1}\n', b'{"text": "a\\nb"}\n', b'{"n": {"deep": 3}}\n']
    size = HEADER_BYTES + sum(map(len, bodies))
    for cut in range(size + 1):
        path = written(tmp_path, bodies, acknowledged)
        content = path.read_bytes()
        os.truncate(path, cut)
        found, damaged = recovered(tmp_path)
        whole = [
            body
            for end, body in _ends(bodies)
            if end <= cut or (content[cut : end - 1] == b"" and end - 1 == cut)
        ]
        assert [body for body in whole if body not in found] in ([], whole[:acknowledged])
        assert set(found) <= set(whole)
        assert damaged <= 1


def _ends(bodies: list[bytes]) -> list[tuple[int, bytes]]:
    """Where each line ends in the file."""
    end, ends = HEADER_BYTES, []
    for body in bodies:
        end += len(body)
        ends.append((end, body))
    return ends


@given(events=lines, garbage=st.binary(max_size=40), data=st.data())
@settings(max_examples=150)
def test_garbage_over_any_bytes_loses_the_lines_it_touches(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, str | int]],
    garbage: bytes,
    data: st.DataObject,
) -> None:
    """Whatever is written over a stretch of the file, all lines outside of it arrive."""
    directory = tmp_path_factory.mktemp("spool")
    bodies = as_lines(events)
    path = written(directory, bodies)
    content = path.read_bytes()
    start = data.draw(st.integers(HEADER_BYTES, len(content)))
    end = min(start + len(garbage), len(content))
    path.write_bytes(content[:start] + garbage[: end - start] + content[end:])
    found, _ = recovered(directory)
    for line_end, body in _ends(bodies):
        is_after_touched_newline = (
            line_end - len(body) == end and content[end - 1 : end] == b"\n" and end > start
        )
        if line_end <= start or (line_end - len(body) >= end and not is_after_touched_newline):
            assert body in found


@given(events=lines, length=st.integers(1, 60), data=st.data())
@settings(max_examples=150)
def test_bytes_that_never_reached_the_disk(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, str | int]],
    length: int,
    data: st.DataObject,
) -> None:
    """A stretch of NULs, as a power cut leaves it: all lines outside of it arrive, and it is noticed."""
    directory = tmp_path_factory.mktemp("spool")
    bodies = as_lines(events)
    path = written(directory, bodies)
    content = path.read_bytes()
    start = data.draw(st.integers(HEADER_BYTES, len(content)))
    end = min(start + length, len(content))
    path.write_bytes(content[:start] + b"\0" * (end - start) + content[end:])
    found, damaged = recovered(directory)
    untouched = [body for stop, body in _ends(bodies) if stop - 1 <= start or stop - len(body) >= end]
    assert [body for body in untouched if body not in found] == []
    assert (damaged > 0) == (end > start)


@given(header=st.binary(min_size=HEADER_BYTES, max_size=HEADER_BYTES))
def test_a_damaged_header_loses_nothing(tmp_path_factory: pytest.TempPathFactory, header: bytes) -> None:
    """Whatever it says: an offset that is not the end of a line is not believed."""
    directory = tmp_path_factory.mktemp("spool")
    bodies = [b'{"n":1}\n', b'{"n":2}\n']
    path = written(directory, bodies)
    path.write_bytes(header + path.read_bytes()[HEADER_BYTES:])
    found, damaged = recovered(directory)
    assert (found, damaged) == (bodies, 0)


def test_what_is_confirmed_is_not_read_again(tmp_path: Path) -> None:
    """The next process goes on where the last one was."""
    bodies = [b'{"n":1}\n', b'{"n":2}\n', b'{"n":3}\n']
    path = written(tmp_path, bodies, acknowledged=2)
    assert waiting_in(path)[0] == 1
    assert recovered(tmp_path) == ([b'{"n":3}\n'], 0)


def test_a_file_belongs_to_one_owner(tmp_path: Path) -> None:
    """A file that is owned, or just finished by its owner, is not adopted."""
    segment = Segment.create(tmp_path)
    assert Segment.adopt(segment.path) is None
    segment.close()
    first = Segment.adopt(segment.path)
    assert first is not None
    assert Segment.adopt(segment.path) is None
    first.remove()
    assert Segment.adopt(segment.path) is None


def test_a_file_without_a_lock_is_not_a_segment_yet(tmp_path: Path) -> None:
    """A new file is not adopted; one that was abandoned a minute ago is."""
    folder = tmp_path / NAME
    folder.mkdir()
    young, old = folder / "1.new", folder / "2.new"
    for path in (young, old):
        path.write_bytes(b"")
    an_hour_ago = time.time() - 3600
    os.utime(old, (an_hour_ago, an_hour_ago))
    Queue(tmp_path, NAME, is_durable=False).adopt()
    assert [path.name for path in folder.iterdir()] == ["1.new"]


def test_a_batch_holds_many_small_files_and_no_more_events_than_it_may(tmp_path: Path) -> None:
    """Five files of four events in batches of six: none is lost, none comes twice."""
    everything = []
    for number in range(5):
        bodies = [b'{"n":"%d-%s"}\n' % (number, b"x" * length) for length in (500, 1, 1, 1)]
        everything += bodies
        written(tmp_path, bodies)
    way = Queue(tmp_path, NAME, settings=SpoolSettings(batch_events=6))
    way.adopt()
    found: list[bytes] = []
    while (batch := way.take()) is not None:
        got = batch.body.splitlines(keepends=True)
        assert 0 < len(got) <= 6
        found += got
        way.confirm(batch)
    assert sorted(found) == sorted(everything)


def test_more_files_than_are_held_open_at_once(tmp_path: Path) -> None:
    """A thousand short lives do not take a thousand file descriptors; the rest follows at once."""
    bodies = [b'{"n":%d}\n' % number for number in range(10)]
    for body in bodies:
        written(tmp_path, [body])
    way, found = Queue(tmp_path, NAME, settings=SpoolSettings(max_adopted=3)), b""
    for _ in range(4):
        way.adopt()
        while (batch := way.take()) is not None:
            assert len(batch.parts) <= 3
            found += batch.body
            way.confirm(batch)
    assert found == b"".join(bodies)


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_to_be_judged(data: bytes) -> None:
    """What counts as sound is a JSON object a line; anything else is damage, and never an exception."""
    sound, _ = sound_lines(data)
    assert sound_lines(sound) == (sound, [])
