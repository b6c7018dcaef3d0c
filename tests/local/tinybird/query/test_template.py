"""The pipe language without a database: what it renders, what it refuses, what it says about parameters."""

import time
import tracemalloc

import pytest

from analytics.local.tinybird.query.expressions import TemplateSyntaxError
from analytics.local.tinybird.query.parameters import Binder, PipeError
from analytics.local.tinybird.query.template import Template


def _render(source: str, **arguments: str) -> tuple[str, list[str]]:
    binder = Binder()
    return Template(source).render(arguments, binder), list(binder.parameters.values())


@pytest.mark.parametrize(
    ("source", "arguments", "text", "values"),
    [
        ("{{ String(x) }}", {"x": "a'b\\c"}, "{tb_0:String}", ["a'b\\\\c"]),
        ("{{ String(x, 'd') }}", {}, "{tb_0:String}", ["d"]),
        ("{{ String(x, default='d', description='q', required=True) }}", {}, "{tb_0:String}", ["d"]),
        ("{{ x }}", {"x": "1; DROP"}, "{tb_0:String}", ["1; DROP"]),
        ("{{ Int32(x) }}", {"x": "-5"}, "toInt32({tb_0:String})", ["-5"]),
        ("{{ UInt64(x, 18446744073709551615) }}", {}, "toUInt64({tb_0:String})", ["18446744073709551615"]),
        ("{{ Int32(x, 4) + 1 }} {{ -Int32(x, 4) }}", {}, "5 -4", []),
        ("{{ Float64(x) }}", {"x": "1e3"}, "toFloat64({tb_0:String})", ["1000.0"]),
        ("{{ Boolean(x) }}{{ Boolean(y, True) }}", {"x": "false"}, "01", []),
        ("{{ DateTime(x) }}", {"x": "2026-01-01T00:00:00Z"}, "{tb_0:String}", ["2026-01-01T00:00:00Z"]),
        ("{{ Array(x, 'Int8') }}", {"x": "1,2"}, "[1,2]", []),
        ("{{ Array(x, 'String') }}", {"x": "a',b\\"}, "{tb_0:Array(String)}", ["['a\\'','b\\\\']"]),
        ("{{ column(x, 'd') }}", {"x": "a`b"}, "`a\\`b`", []),
        ("{{ columns(x, 'a,b') }}", {}, "`a`,`b`", []),
        ("{% if defined(x) %}yes{% else %}no{% end %}", {"x": ""}, "yes", []),
        ("{% if defined(x) and Int32(x) > 3 %}big{% elif defined(x) %}small{% else %}none{% end %}", {}, "none", []),
        ("{% if x == 'b' %}b{% elif x == 'a' %}a{% end %}", {"x": "a"}, "a", []),
        ("{% for a, b in enumerate(split_to_array(x)) %}{{ a }}{{ b }} {% end %}", {"x": "p"}, "0{tb_0:String} ", ["p"]),
        ("{% for a in Array(x, 'Int32', '1,2') %}{{ a }};{% end %}", {}, "1;2;", []),
        ("{% set y = String(x, 'q').upper() %}{{ y }}", {}, "{tb_0:String}", ["Q"]),
        ("{{ 'a' + String(x) }}", {"x": "b"}, "{tb_0:String}", ["ab"]),
        ("a {# {{ nothing }} #} b {{! c }}", {}, "a  b {{ c }}", []),
        ("{{ sql_and(a=Int8(x), b__in=Array(y), c=z) }}", {"x": "1", "y": "q"}, "`a` = toInt8({tb_0:String}) and `b` in {tb_1:Array(String)}", ["1", "['q']"]),
        ("{{ max_threads(3) }}SELECT 1", {}, "SELECT 1", []),
        ("{% if DateTime(x) < DateTime(y) %}before{% end %}", {"x": "2026-11-04 00:00:00+02:00", "y": "2026-11-03 23:00:00"}, "before", []),
        ("{% if DateTime(x) == DateTime(y) %}equal{% end %}", {"x": "2026-11-04T00:00:00Z", "y": "2026-11-04 00:00:00"}, "equal", []),
        ("{% if DateTime(x) in DateTime(x) %}text{% end %}", {"x": "2026-11-04 00:00:00"}, "text", []),
        ("{{ DateTime(x) }}{{ Date(y) }}", {"x": "2026-11-04 00:00:00", "y": "2026-11-04"}, "{tb_0:String}{tb_1:String}", ["2026-11-04 00:00:00", "2026-11-04"]),
    ],
)  # fmt: skip  # one case a line
def test_rendering_binds_every_value(
    source: str, arguments: dict[str, str], text: str, values: list[str]
) -> None:
    """Text has placeholders only; what a request sent stands in the bound values."""
    assert _render(source, **arguments) == (text, values)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("{{ String(website) }}", {}, "'website' is not defined"),
        ("{{ Int32(minutes, required=True) }}", {}, "'minutes' is not defined"),
        ("{{ Int32(minutes, None) }}", {}, "'minutes' is not defined"),
        ("{{ minutes }}", {}, "'minutes' is not defined"),
        ("{{ minutes + 1 }}", {}, "'minutes' is not defined"),
        ("{% if minutes > 1 %}{% end %}", {}, "'minutes' is not defined"),
        ("{% for a in minutes %}{% end %}", {}, "'minutes' is not defined"),
        ("{{ len(minutes) }}", {}, "'minutes' is not defined"),
        ("{{ Int32(minutes) }}", {"minutes": "abc"}, "'minutes' to type Int32"),
        ("{{ Int32(minutes) }}", {"minutes": ""}, "'minutes' to type Int32"),
        ("{{ Int32(minutes) }}", {"minutes": "1 OR 1=1"}, "'minutes' to type Int32"),
        ("{{ Int32(minutes) }}", {"minutes": "٣"}, "'minutes' to type Int32"),
        ("{{ Int8(minutes) }}", {"minutes": "128"}, "'minutes' to type Int8"),
        ("{{ UInt8(minutes) }}", {"minutes": "-1"}, "'minutes' to type UInt8"),
        ("{{ Int256(minutes) }}", {"minutes": "9" * 5000}, "'minutes' to type Int256"),
        ("{{ Float32(ratio) }}", {"ratio": "inf"}, "'ratio' to type Float32"),
        ("{{ DateTime(since) }}", {"since": "2026-02-30 00:00:00"}, "'since' to type DateTime"),
        ("{{ DateTime(since) }}", {"since": "now()"}, "'since' to type DateTime"),
        ("{{ DateTime(since) }}", {"since": "2026-01-01"}, "'since' to type DateTime"),
        ("{{ Date(day) }}", {"day": "2026-01-01 00:00:00"}, "'day' to type Date"),
        ("{{ Array(ids, 'Int32') }}", {"ids": "1,x"}, "'ids' to type Int32"),
        ("{{ column(name) }}", {"name": "a\n b"}, "is no column name"),
        ("{% if x > 3 %}{% end %}", {"x": "5"}, "cannot be compared"),
        ("{{ nothing(1) }}", {}, "Invalid function name: nothing"),
        ("{{ String() }}", {}, "cannot be called so"),
        ("{{ error('stop here') }}", {}, "stop here"),
        ("{{ range(200000) }}", {}, "too much data"),
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% end %}{% end %}", {}, "too much data"),
        ("{{ 2 * 10 * 9 / 0 }}", {}, "cannot be calculated"),
        ("{{ 'a' * 10 }}", {}, "is no number"),
        ("{{ {'a': 1} }}", {}, "no value that SQL can hold"),
        ("{{ x }}", {"x": "\ud800"}, "not valid Unicode"),
        ("{{ int('a') }}", {}, "cannot be called so"),
        ("{{ int(x) }}", {}, "'x' is not defined"),
        ("{{ int(float('inf')) }}", {}, "cannot be called so"),
        ("{{ range(1, 2, 0) }}", {}, "cannot be called so"),
        ("{{ ''.split('') }}", {}, "cannot be called so"),
        ("{{ min([]) }}", {}, "cannot be called so"),
        ("{{ list(5) }}", {}, "a list can only be made"),
        ("{{ custom_error({'a': float('nan')}, 500) }}", {}, "not finite"),
        ("{{ " + "-" * 900 + "1 }}", {}, "nested too deeply"),
        ("{{ String(x, y) }}", {}, "'x' is not defined"),
        ("{{ Array(x, 'String', y) }}", {}, "'x' is not defined"),
        ("{{ columns(x, y) }}", {}, "'x' is not defined"),
        ("{{ split_to_array(x, y) }}", {}, "'y' is not defined"),
        ("{{ String([y]) }}", {}, "no type String"),
        ("{{ Array([y]) }}", {}, "'y' is not defined"),
        ("{{ 'a' + x }}", {}, "'x' is not defined"),
        ("{{ error(x) }}", {"x": "\ud800"}, "\\ud800"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(source: str, arguments: dict[str, str], message: str) -> None:
    """The refusal names the parameter, or says what cannot be done."""
    with pytest.raises(PipeError) as caught:
        _render(source, **arguments)
    assert message in str(caught.value)
    assert caught.value.status == 400


_LONG = "x" * 1_900_000
_COMMAS = "," * 1_900_000


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        ("{% set a = 'x' %}{% for i in range(60) %}{% set a = a + a %}{% end %}{{ a }}", {}),
        ("{% set a = [1] %}{% for i in range(60) %}{% set a = [a, a] %}{% end %}{{ a }}", {}),
        ("{% set a = {'k': 'v'} %}{% for i in range(60) %}{% set a = {'k': a, 'l': a} %}{% end %}{{ a == a }}", {}),
        ("{% set a = [x, x, x, x, x] %}{{ error(a) }}", {"x": _LONG}),
        ("{% for i in range(9999) %}{{ x }}{% end %}", {"x": _LONG}),
        ("{% for i in range(9999) %}{{ x.upper() }}{% end %}", {"x": _LONG}),
        ("{% for i in range(9999) %}{% if x + 'a' == x %}{% end %}{% end %}", {"x": _LONG}),
        ("{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% end %}{% end %}", {}),
        ("{% for i in range(9999) %}{% if " + "1 == " * 100 + "1 %}{% end %}{% end %}", {}),
        ("{{ x.split(',') }}", {"x": _COMMAS}),
        ("{{ list(x) }}", {"x": _COMMAS}),
        ("{{ enumerate(x) }}", {"x": _COMMAS}),
        ("{{ Array(x) }}", {"x": _COMMAS}),
        ("{{ columns(x) }}", {"x": _COMMAS}),
        ("{{ split_to_array(x) }}", {"x": _COMMAS}),
        ("{{ JSON(x) }}", {"x": f"[{'[],' * 600_000}1]"}),
        ("{{ x }}", {"x": "x" * 9_000_000}),
    ],
)  # fmt: skip  # one case a line
def test_no_template_does_unbounded_work(source: str, arguments: dict[str, str]) -> None:
    """Text, lists, loops and values that grow end soon, with a refusal that names the template."""
    started = time.thread_time()
    tracemalloc.start()
    try:
        with pytest.raises(PipeError, match="the template of the query "):
            _render(source, **arguments)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()
    assert time.thread_time() - started < 10


def test_a_long_number_is_read_in_no_time() -> None:
    """A megabyte of digits that is no number is refused without trying every way to cut it."""
    started = time.thread_time()
    with pytest.raises(PipeError, match="'x' to type Float64"):
        _render("{{ Float64(x) }}", x="1" * 1_000_000 + "x")
    assert time.thread_time() - started < 1


def test_a_megabyte_of_text_is_a_value() -> None:
    """The limits leave room for one long parameter, and for a list of many."""
    assert len(_render("{{ String(x) }}", x="x" * 1_000_000)[1][0]) == 1_000_000
    assert _render("{{ Array(x, 'Int32') }}", x=",".join("1" * 50_000))[0].count("1") == 50_000


def test_custom_errors_choose_status_and_body() -> None:
    """`custom_error` answers with its own JSON and status."""
    with pytest.raises(PipeError) as caught:
        _render("{{ custom_error({'code': 7}, 422) }}")
    assert (caught.value.status, caught.value.body) == (422, {"code": 7})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ x.format }}",
        "{{ __import__('os') }}",
        "{{ (lambda: 1)() }}",
        "{{ [a for a in x] }}",
        "{{ f'{x}' }}",
        "{{ (x := 1) }}",
        "{{ *x }}",
        "{{ x[1:2] }}",
        "{{ String(**x) if x else y() ** 2 }}{{ }}",
        "{% import os %}",
        "{% from os import path %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% raw x %}",
        "{% module x() %}",
        "{% apply x %}{% end %}",
        "{% block x %}{% end %}",
        "{% while True %}{% end %}",
        "{% try %}{% except %}{% end %}",
        "{% set __x = 1 %}",
        "{% set x.y = 1 %}",
        "{% set x['a'] = 1 %}",
        "{% print(1) %}",
        "{% if x %}",
        "{% end %}",
        "{% else %}",
        "{{ x",
        "{{ String(x, }}",
        "{% for x %}{% end %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{% if 1 %}" * 2000 + "{% end %}" * 2000,
        "{{ " + "[" * 150 + "1" + "]" * 150 + " }}" + " " * 200_000,
        "{{ 0x" + "f" * 10_000 + " }}",
        "{{ 1j }}",
        "{{ b'x' }}",
    ],
)
def test_nothing_of_python_can_be_reached(source: str) -> None:
    """Attributes, imports, comprehensions, other blocks and broken templates do not even parse."""
    with pytest.raises(TemplateSyntaxError):
        Template(source)


def test_parameters_are_listed_with_what_the_template_says_of_them() -> None:
    """Each typed mention becomes a parameter, inside branches and loops too."""
    template = Template(
        "{% if defined(a) %}{{ Int32(a, 5, description='How many', format='x', example=3, enum=[1, 2]) }}{% end %}"
        "{% for b in split_to_array(c, 'x') %}{{ Array(d, 'String', default='q') }}{% end %}{{ String(e) }}"
    )
    assert list(template.parameters) == [
        {
            "name": "a",
            "type": "Int32",
            "default": 5,
            "description": "How many",
            "format": "x",
            "example": 3,
            "enum": [1, 2],
            "required": False,
        },
        {"name": "c", "type": "split_to_array", "default": "x", "required": False},
        {"name": "d", "type": "Array(String)", "default": "q", "required": False},
        {"name": "e", "type": "String", "required": True},
    ]
