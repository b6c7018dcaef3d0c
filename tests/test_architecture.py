"""The rules that hold the architecture: who may import whom, how long a file may be, and what no page may do."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from pages.components.selection import url_state

ROOT: Final = Path(__file__).resolve().parent.parent
ANALYTICS: Final = ROOT / "analytics"

PURE: Final = ("scope", "kpis", "geo")
"""Packages that take the time as an argument and do no I/O; pyproject.toml says what they may import."""

LARGEST_FOLDER: Final = 15
"""Modules of a folder at most: a reader finds the room for a change by the names alone."""

RUNS_ON_IMPORT: Final = {
    ("scope/clock.py", "zoneinfo.reset_tzpath(to=())"),
    ("scope/clock.py", "ZoneInfo.clear_cache()"),
    ("store/migrations/env.py", "run()"),
}
"""Statements that act on import: with the timezones of the system every local day could be another one; Alembic's entry point is
imported in order to run."""

PAGE_LINES, MODULE_LINES, ENTRY_LINES = 120, 400, 60


def python_files(*folders: Path) -> list[Path]:
    """Every source file under the folders."""
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """The syntax tree of a file, every node."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def short(paths: Iterable[Path]) -> list[str]:
    """Paths as a failure shows them."""
    return [str(path.relative_to(ROOT)) for path in paths]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, as a dotted name; `from a import b` gives `a` and `a.b`."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SOURCES: Final = (*python_files(ANALYTICS, ROOT / "pages"), ROOT / "app.py", ROOT / "asgi_app.py")


def users_of(*packages: str, among: Iterable[Path]) -> list[str]:
    """The files that import one of the packages, or something in it."""
    return short(
        path
        for path in among
        if any(name == each or name.startswith(f"{each}.") for name in imported(path) for each in packages)
    )


def test_pure_packages_take_the_time_as_an_argument() -> None:
    """Data in, value out: no clock, no file; the countries' outlines are the one file, read when they are first asked for."""
    clocks = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "open"}
    for path in python_files(*(ANALYTICS / name for name in PURE)):
        calls = {ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
        assert calls & clocks == set(), path


def test_only_the_command_line_imports_the_local_stack() -> None:
    """Production installs neither engine."""
    others = [path for path in SOURCES if ANALYTICS / "local" not in path.parents]
    assert users_of("analytics.local", among=others) == ["analytics/cli.py"]


def test_only_clock_looks_up_a_timezone_by_name() -> None:
    """So that every local day comes from the pinned database."""
    others = [path for path in SOURCES if path != ANALYTICS / "scope" / "clock.py"]
    assert users_of("pytz", "dateutil", "zoneinfo.available_timezones", among=others) == []
    # A doctest may name a zone: by then its module has imported `clock`.
    lookups = {"ZoneInfo", "zoneinfo.ZoneInfo", "available_timezones"}
    for path in others:
        calls = {ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
        assert calls & lookups == set(), path


def test_the_command_line_imports_the_local_stack_inside_its_commands() -> None:
    """The other commands work without the extra."""
    tree = ast.parse((ANALYTICS / "cli.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "analytics.local" not in ast.unparse(node)


def test_pages_have_no_sql() -> None:
    """A page asks `cached`."""
    for path in [*python_files(ROOT / "pages"), ROOT / "app.py"]:
        texts = [
            node.value
            for node in nodes(path)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert [text for text in texts if "SELECT " in text and " FROM " in text] == [], path


def test_files_stay_short() -> None:
    """Past its limit a file is two things."""
    limits = {path: PAGE_LINES if path.parent == ROOT / "pages" else MODULE_LINES for path in SOURCES}
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert short(path for path, limit in limits.items() if lines[path] > limit) == []


def test_folders_stay_small() -> None:
    """Entry points and what every layer shares lie loose; everything else has a folder that says what it is."""
    folders = {path.parent for path in SOURCES} - {ROOT}
    modules = {
        folder: [each for each in folder.glob("*.py") if each.stem != "__init__"] for folder in folders
    }
    assert short(folder for folder, files in modules.items() if len(files) > LARGEST_FOLDER) == []
    assert len(modules[ANALYTICS]) <= 5


def test_the_entry_stays_short() -> None:
    """Sign-in, navigation, run."""
    assert len((ROOT / "app.py").read_text().splitlines()) <= ENTRY_LINES


def questions() -> list[ast.FunctionDef]:
    """The functions in cached/ that ask a source."""
    return [
        node
        for path in python_files(ANALYTICS / "cached")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator).startswith("question(") for decorator in node.decorator_list)
    ]


@pytest.mark.parametrize("function", questions(), ids=lambda function: function.name)
def test_arguments_are_the_whole_key(function: ast.FunctionDef) -> None:
    """A question depends on nothing else: no session state, no clock, no default that a caller could forget."""
    assert function.args.vararg is None
    assert function.args.kwarg is None
    assert not function.args.kwonlyargs
    assert not function.args.defaults
    text = ast.unparse(function)
    assert "session_state" not in text
    assert "now(" not in text


def test_importing_a_module_does_nothing() -> None:
    """No module reads the environment, opens a connection or prints when it is imported; clock chooses the zones."""
    for path in python_files(ANALYTICS):
        for node in ast.parse(path.read_text()).body:
            name = str(path.relative_to(ANALYTICS))
            if isinstance(node, ast.Expr) and (name, ast.unparse(node)) not in RUNS_ON_IMPORT:
                assert isinstance(node.value, ast.Constant), f"{name} runs {ast.unparse(node)} on import"


def test_no_blanket_except() -> None:
    """`except Exception` under a cache turns a failure into data; it may clean up and pass on, nothing else."""
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                caught = "" if node.type is None else ast.unparse(node.type)
                is_passed_on = ast.unparse(node.body[-1]) == "raise"
                assert is_passed_on or caught not in {"", "Exception", "BaseException"}, (
                    f"{path}:{node.lineno}"
                )


def test_waits_in_a_browser_are_functions() -> None:
    """An expression is compiled at every look, which the policy of our pages forbids: one that is not true at once fails."""
    for path in python_files(ROOT / "tests" / "browser"):
        for node in nodes(path):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith(".wait_for_function")
                and isinstance(node.args[0], ast.Constant)
            ):
                assert re.match(r"\(?\w*\)? => ", str(node.args[0].value)), f"{path.name}:{node.lineno}"


def test_every_module_of_a_pure_package_has_its_tests() -> None:
    """Tests mirror the tree."""
    modules = [path for path in python_files(*(ANALYTICS / name for name in PURE)) if path.stem != "__init__"]
    tests = {
        path: ROOT / "tests" / path.parent.relative_to(ANALYTICS) / f"test_{path.stem}.py" for path in modules
    }
    assert short(path for path, test in tests.items() if not test.exists()) == []


def test_every_url_parameter_has_its_word() -> None:
    """A copied link has those of `url_state.WORDS` alone, and a notice names one by its word."""
    used = {
        name
        for path in sorted((ROOT / "pages").rglob("*.py"))
        for name in re.findall(
            r'(?:url_state\.(?:read|write|follow|value)|switch\.draw_titled|\bread)\(\s*"([a-z]+)"',
            path.read_text("utf-8"),
        )
    }
    assert used >= {"website", "range", "response", "metric"}
    assert used - set(url_state.WORDS) == set()
