"""What every pipe refuses: each bad parameter is a 400 that says which one. Pipes and parameters are those of the datafiles."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from analytics.local.tinybird.project.project import load_project
from analytics.local.tinybird.query.template import ParameterInfo, Template
from analytics.operations.doctor.workspace import promised_pipes
from tests.tinybird.website import LocalWebsite, ago


def _parameters() -> dict[str, dict[str, ParameterInfo]]:
    """The parameters of every endpoint and of the shared pipes it reads, by pipe and name."""
    pipes = load_project(Path(__file__).resolve().parents[2] / "tinybird").pipes
    found: dict[str, dict[str, ParameterInfo]] = {}
    for pipe in (pipe for pipe in pipes.values() if pipe.endpoint):
        found[pipe.name], read = {}, [pipe]
        for node in (node for each in read for node in each.nodes):  # grows by what it reads
            read += [pipes[name] for name in node.dependencies if name in pipes and pipes[name] not in read]
            for info in Template(node.sql).parameters if node.is_template else ():
                found[pipe.name][info["name"]] = max(found[pipe.name].get(info["name"], info), info, key=len)
    return found


PARAMETERS: Final = _parameters()
OF_ALL_WEBSITES: Final = "website_freshness"
OF_A_LIST: Final = "website_kpis"
"""The pipe of a list of websites, which a shared pipe lets name one as well."""

SAMPLES: Final = {
    "date_from": "2026-11-10 00:00:00",
    "date_to": "2026-11-12 00:00:00",
    "day_starts": "1794268800",
    "website_ids": "a,b",
}
"""A good value of each required parameter but `website_id`."""
COUPLED: Final = {
    "date_from": "date_to",
    "prev_date_from": "prev_date_to",
    "weekday": "hour",
    "rated_ids": "ratings",
    "open_ids": "open_changes",
}
GOOD: Final = SAMPLES | {
    "prev_date_from": "2026-11-01 00:00:00",
    "prev_date_to": "2026-11-02 00:00:00",
    "weekday": "1",
    "hour": "0",
    "rated_ids": "a",
    "ratings": "1",
    "open_ids": "a",
    "open_changes": "1794268800",
}
HOSTILE: Final = "x' OR '1'='1"


def _required(pipe: str) -> dict[str, str]:
    """Good values of what a pipe requires beside `website_id`."""
    required = {name for name, info in PARAMETERS[pipe].items() if info["required"]}
    return {name: value for name, value in SAMPLES.items() if name in required}


def _of(*names: str) -> list[str]:
    """The pipes that have all these parameters."""
    return [pipe for pipe, parameters in PARAMETERS.items() if set(names) <= set(parameters)]


def _ranges() -> Iterator[Any]:
    """Every whole number with its smallest and largest value, as its description says."""
    for pipe, parameters in PARAMETERS.items():
        for name, info in parameters.items():
            found = re.search(r"(\d+)(?: \w+)? to (\d+)", str(info.get("description")))
            if str(info["type"]).startswith("Int"):
                assert found, f"{pipe}: the description of {name} says no range"
                yield pytest.param(pipe, name, int(found[1]), int(found[2]), id=f"{pipe}-{name}")


def _choices() -> Iterator[Any]:
    """Every text that is one of a few, as its description says: `…: a, b or c`."""
    for pipe, parameters in PARAMETERS.items():
        for name, info in parameters.items():
            found = re.search(r": (\w+(?:, \w+)* or \w+)(?:;|$)", str(info.get("description")))
            if info["type"] == "String" and found:
                yield pytest.param(pipe, name, re.split(r", | or ", found[1]), id=f"{pipe}-{name}")


every_pipe = pytest.mark.parametrize("pipe", [pipe for pipe in _of("website_id") if pipe != OF_A_LIST])


def test_the_pipes_are_those_that_the_dashboard_reads() -> None:
    """Each endpoint is read, each that is read is here, and one alone is of all websites."""
    assert set(PARAMETERS) == {schema.resource for schema in promised_pipes()}
    assert set(PARAMETERS) - set(_of("website_id")) == {OF_ALL_WEBSITES}


@every_pipe
def test_website_id_is_required(website: LocalWebsite, pipe: str) -> None:
    """No pipe but website_freshness answers for all websites at once."""
    answer = website.request(pipe, **_required(pipe))

    assert answer.status_code == 400
    assert "website_id" in answer.json()["error"]


@every_pipe
def test_a_parameter_of_another_pipe_never_shows_another_website(website: LocalWebsite, pipe: str) -> None:
    """Each parameter of any pipe, with the id of a website that has data: refused, or the answer of the own one, which has none."""
    other = replace(website, id=f"site-{uuid4().hex}")
    other.visit("v1", ago(seconds=5))
    other.conversations((SAMPLES["date_from"], "conversation_started", "c1"))
    own = website.ask(pipe, **_required(pipe))
    for name in {name for parameters in PARAMETERS.values() for name in parameters} - {"website_id"}:
        given = _required(pipe) | {name: other.id}
        answer = website.request(pipe, **given, website_id=website.id)
        assert answer.status_code == 400 or answer.json()["data"] == own, name
        assert website.request(pipe, **given).status_code == 400, name


@every_pipe
def test_website_id_has_1_to_100_characters(website: LocalWebsite, pipe: str) -> None:
    """An empty or overlong id is refused before it reaches the engine."""
    for website_id in ("", "x" * 101):
        message = website.refusal(pipe, **_required(pipe), website_id=website_id)
        assert "website_id must be 1 to 100 characters long" in message


@every_pipe
def test_website_id_is_never_sql(website: LocalWebsite, pipe: str) -> None:
    """An id with a quote matches no website."""
    website.visit("v1", ago(seconds=5))
    website.conversations((SAMPLES["date_from"], "conversation_started", "c1"))

    answer = website.request(pipe, **_required(pipe), website_id=HOSTILE)

    assert answer.status_code == 200, answer.text
    counted = ("started", "visitors", "unique_visitors", "visitor_id", "events", "conversations", "total")
    assert not any(row.get(column) for row in answer.json()["data"] for column in counted)


@pytest.mark.parametrize(("pipe", "name"), [(pipe, name) for pipe in PARAMETERS for name in _required(pipe)])
def test_what_is_required_is_asked_for_by_name(website: LocalWebsite, pipe: str, name: str) -> None:
    """A period without one of its ends, or no days: refused, and the message names it."""
    given = {each: value for each, value in _required(pipe).items() if each != name}

    assert name in website.refusal(pipe, **given)


@pytest.mark.parametrize("pipe", _of("date_to"))
@pytest.mark.parametrize("value", ["", "yesterday", "2026-11-31 00:00:00", "2026-11-10", "1' OR 1"])
def test_dates_that_are_none_are_refused(website: LocalWebsite, pipe: str, value: str) -> None:
    """Garbage, half a timestamp and a day that does not exist are no instants."""
    website.refusal(pipe, **SAMPLES | {"date_to": value})


@pytest.mark.parametrize("pipe", _of("date_to"))
def test_periods_do_not_run_backwards(website: LocalWebsite, pipe: str) -> None:
    """An end before the start is a mistake and not an empty period."""
    for prefix in ("", "prev_") if "prev_date_to" in PARAMETERS[pipe] else ("",):
        swapped = {f"{prefix}date_from": GOOD["date_to"], f"{prefix}date_to": GOOD["date_from"]}
        message = website.refusal(pipe, **_required(pipe) | swapped)
        assert f"{prefix}date_from must not be after {prefix}date_to" in message


@pytest.mark.parametrize(
    ("pipe", "name"),
    [
        (pipe, name)
        for pair in COUPLED.items()
        for pipe in _of(*pair)
        for name in pair
        if name not in _required(pipe)
    ],
)
def test_half_of_two_that_belong_together_is_refused(website: LocalWebsite, pipe: str, name: str) -> None:
    """One end of a period, or an hour without its weekday, is never filled in by guessing."""
    assert "give both or neither" in website.refusal(pipe, **_required(pipe), **{name: GOOD[name]})


@pytest.mark.parametrize(("pipe", "name", "smallest", "largest"), list(_ranges()))
def test_whole_numbers_have_bounds(
    website: LocalWebsite, pipe: str, name: str, smallest: int, largest: int
) -> None:
    """Both ends of the described range are answered; beyond them, and what is no whole number, is refused by name."""
    pair = {name: other for one, two in COUPLED.items() for name, other in ((one, two), (two, one))}
    given = _required(pipe) | ({pair[name]: GOOD[pair[name]]} if name in pair else {})
    for value in (smallest, largest):
        website.ask(pipe, **given, **{name: value})
    for wrong in (str(smallest - 1), str(largest + 1), "99999999999", "ten", "1.5", ""):
        assert name in website.refusal(pipe, **given, **{name: wrong})


@pytest.mark.parametrize(("pipe", "name", "choices"), list(_choices()))
def test_a_choice_is_one_of_those_described(
    website: LocalWebsite, pipe: str, name: str, choices: list[str]
) -> None:
    """Each is answered; anything else, hostile text included, is a 400 that names the parameter."""
    for choice in choices:
        website.ask(pipe, **_required(pipe), **{name: choice})
    for wrong in ("unknown", "", HOSTILE):
        assert name in website.refusal(pipe, **_required(pipe), **{name: wrong})


@pytest.mark.parametrize(
    ("pipe", "name"),
    [
        (pipe, name)
        for pipe, parameters in PARAMETERS.items()
        for name, info in parameters.items()
        if info["type"] in {"Array(Int64)", "Array(UInt32)"}
    ],
)
def test_an_array_of_numbers_holds_whole_numbers(website: LocalWebsite, pipe: str, name: str) -> None:
    """Text, gaps and hostile text in an array of numbers are a 400 that names it."""
    too_small = ("-1",) if PARAMETERS[pipe][name]["type"] == "Array(UInt32)" else ()
    for wrong in ("", "yesterday", "1,,2", "1.5", "1 OR 1", "1); DROP TABLE x", *too_small):
        assert name in website.refusal(pipe, **_required(pipe) | {name: wrong})
