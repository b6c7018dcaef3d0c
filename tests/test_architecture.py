"""The rules that hold the architecture: who may import whom, how long a file may be, and what no page may do."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from pages.components.page import url_state

ROOT: Final = Path(__file__).resolve().parent.parent
ANALYTICS: Final = ROOT / "analytics"

# From the bottom up. A module imports from layers below its own, and from its own only where the second part says so.
LAYERS: Final[tuple[frozenset[str], ...]] = (
    frozenset(
        {"errors", "clock", "comparison", "periods", "intervals", "mix", "budget", "sun", "tally", "exports"}
    )
    | {"buckets", "weeks"}
    | {"countries", "country_codes", "bounded_answer", "bounded_connection", "received"}
    | {"loopback", "demo_mode", "complaint", "scrubbing", "product_link"},
    frozenset({"telemetry"}),
    frozenset(
        {
            "identity",
            "settings",
            "tiers",
            "satisfaction",
            "wire",
            "schemas",
            "readings",
            "places",
            "presence",
            "totals",
        }
    ),
    frozenset({"verdicts"}),
    frozenset({"access", "metrics", "sign_in", "views", "tinybird", "postgres", "health", "selection"}),
    frozenset({"sources", "connections", "timeseries", "attribution", "conversations", "website_flow"}),
    frozenset({"board", "distributions", "audience", "web"}),
    frozenset({"audit"}),
    frozenset({"ingest"}),
    frozenset({"operations"}),
    frozenset({"cached"}),
)
PACKAGES: Final = ("cached", "ingest", "operations", "schemas", "sources", "web")
"""Modules that are split, by page or by noun."""

SAME_LAYER: Final = {
    ("views", "access"),
    ("clock", "weeks"),
    ("periods", "clock"),
    ("periods", "weeks"),
    ("buckets", "clock"),
    ("buckets", "periods"),
    ("comparison", "buckets"),
    ("comparison", "clock"),
    ("comparison", "periods"),
    ("mix", "intervals"),
    ("countries", "country_codes"),
    ("bounded_answer", "loopback"),
    ("demo_mode", "errors"),
    ("demo_mode", "loopback"),
}

PURE: Final = frozenset(
    {
        "access",
        "attribution",
        "audience",
        "board",
        "buckets",
        "budget",
        "clock",
        "comparison",
        "conversations",
        "country_codes",
        "distributions",
        "exports",
        "health",
        "identity",
        "intervals",
        "loopback",
        "metrics",
        "mix",
        "periods",
        "places",
        "presence",
        "readings",
        "received",
        "satisfaction",
        "scrubbing",
        "selection",
        "tally",
        "tiers",
        "timeseries",
        "totals",
        "verdicts",
        "views",
        "weeks",
        "wire",
    }
)
IMPURE_PACKAGES: Final = frozenset(
    {"httpx2", "sqlalchemy", "psycopg", "streamlit", "requests", "socket", "urllib"}
)

RUNS_ON_IMPORT: Final = {
    ("clock", "zoneinfo.reset_tzpath(to=())"),
    ("clock", "ZoneInfo.clear_cache()"),
}
"""Statements that act on import: with the timezones of the system every local day could be another one."""

LOCAL: Final = (
    "tinybird.project",
    "tinybird.storage",
    "tinybird.query",
    "tinybird.engine",
    "tinybird.server",
    "stack",
    "demo.content",
    "demo",
)
"""The folders of the local stack; none imports a later one."""

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


def top_modules() -> list[Path]:
    """The modules and layered packages in analytics/, but the command line, which may import everything."""
    modules = [path for path in ANALYTICS.glob("*.py") if path.stem not in {"__init__", "cli"}]
    return sorted([*modules, *(ANALYTICS / name for name in PACKAGES)], key=lambda path: path.stem)


def files_of(module: Path) -> list[Path]:
    """A module's file, or the files of a package."""
    return python_files(module) if module.is_dir() else [module]


def own_imports(path: Path) -> set[str]:
    """The analytics modules that a file imports, by their first name."""
    names = {name.split(".")[1] for name in imported(path) if name.startswith("analytics.")}
    return {name for name in names if (ANALYTICS / f"{name}.py").exists() or (ANALYTICS / name).is_dir()}


def test_every_module_has_a_layer() -> None:
    """A new module is placed on purpose; a deleted one leaves the list."""
    assert sorted(name for layer in LAYERS for name in layer) == [path.stem for path in top_modules()]


def test_imports_go_down() -> None:
    """errors, periods ← settings, schemas ← tinybird, postgres ← sources ← cached, and nothing back."""
    for path in top_modules():
        level = next(number for number, layer in enumerate(LAYERS) if path.stem in layer)
        below = frozenset().union(*LAYERS[:level])
        allowed = below | {other for name, other in SAME_LAYER if name == path.stem}
        for file in files_of(path):
            assert own_imports(file) - {path.stem} <= allowed, file


def users_of(*packages: str, among: Iterable[Path]) -> list[str]:
    """The files that import one of the packages, or something in it."""
    return short(
        path
        for path in among
        if any(name == each or name.startswith(f"{each}.") for name in imported(path) for each in packages)
    )


def test_only_cached_knows_streamlit() -> None:
    """Everything else runs in a notebook."""
    others = [path for path in python_files(ANALYTICS) if path.parent != ANALYTICS / "cached"]
    assert users_of("streamlit", among=others) == []


def test_what_moves_events_knows_no_page() -> None:
    """A service that emits, and a command, load neither the cached module nor the web app."""
    ingest = python_files(ANALYTICS / "ingest", ANALYTICS / "operations")
    commands = python_files(ANALYTICS / "commands")
    assert users_of("analytics.cached", "analytics.local", "pages", "app", among=[*ingest, *commands]) == []
    assert users_of("analytics.commands", among=ingest) == []


def test_pure_modules_touch_nothing() -> None:
    """Data in, value out: no network, no database, no clock."""
    pure = [file for module in top_modules() if module.stem in PURE for file in files_of(module)]
    assert users_of(*IMPURE_PACKAGES, among=pure) == []
    clocks = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "open"}
    for path in pure:
        assert {
            ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)
        } & clocks == set(), path


def test_only_the_command_line_imports_the_local_stack() -> None:
    """Production installs neither engine."""
    others = [path for path in SOURCES if ANALYTICS / "local" not in path.parents]
    assert users_of("analytics.local", among=others) == ["analytics/cli.py"]


def test_only_clock_looks_up_a_timezone_by_name() -> None:
    """So that every local day comes from the pinned database."""
    others = [path for path in SOURCES if path != ANALYTICS / "clock.py"]
    assert users_of("pytz", "dateutil", "zoneinfo.available_timezones", among=others) == []
    # A doctest may name a zone: by then its module has imported `clock`.
    lookups = {"ZoneInfo", "zoneinfo.ZoneInfo", "available_timezones"}
    for path in others:
        calls = {ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
        assert calls & lookups == set(), path


def test_folders_of_the_local_stack_import_in_one_direction() -> None:
    """Data moves from the datafiles up to HTTP; processes know neither queries nor what the demo holds."""
    for number, folder in enumerate(LOCAL):
        later = [name for name in LOCAL[number + 1 :] if not folder.startswith(f"{name}.")]
        place = ANALYTICS / "local" / folder.replace(".", "/")
        files = files_of(place if place.is_dir() else place.with_suffix(".py"))
        assert users_of(*(f"analytics.local.{name}" for name in later), among=files) == [], folder


def test_the_command_line_imports_the_local_stack_inside_its_commands() -> None:
    """The other commands work without the extra."""
    tree = ast.parse((ANALYTICS / "cli.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "analytics.local" not in ast.unparse(node)


def test_pages_have_no_sql_and_no_http() -> None:
    """A page asks `cached`; sources and transports are out of its reach, and so is everything that connects."""
    files = [*python_files(ROOT / "pages"), ROOT / "app.py"]
    forbidden = ("sources", "tinybird", "postgres", "connections", "wire", "board", "timeseries")
    assert users_of(*(f"analytics.{name}" for name in forbidden), among=files) == []
    assert users_of(*(IMPURE_PACKAGES - {"streamlit", "urllib"}), among=files) == []
    for path in files:
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


def test_the_entry_stays_short() -> None:
    """Sign-in, navigation, run."""
    assert len((ROOT / "app.py").read_text().splitlines()) <= ENTRY_LINES


def cached_functions() -> list[ast.FunctionDef]:
    """The functions in cached/ that Streamlit caches."""
    return [
        node
        for path in python_files(ANALYTICS / "cached")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any("cache_data" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


@pytest.mark.parametrize("function", cached_functions(), ids=lambda function: function.name)
def test_parameters_are_the_whole_key(function: ast.FunctionDef) -> None:
    """No parameter that Streamlit leaves out of the key, no session state, no clock; and entries are bounded."""
    arguments = [argument.arg for argument in function.args.args + function.args.kwonlyargs]
    assert arguments
    assert not [name for name in arguments if name.startswith("_")]
    assert function.args.vararg is None
    assert function.args.kwarg is None
    text = ast.unparse(function)
    assert "session_state" not in text
    assert "now(" not in text
    (decorator,) = function.decorator_list
    assert isinstance(decorator, ast.Call)
    assert {"ttl", "max_entries", "show_spinner"} <= {str(keyword.arg) for keyword in decorator.keywords}


def test_importing_the_package_does_nothing() -> None:
    """No module reads the environment, opens a connection or prints when it is imported; clock chooses the zones."""
    for path in (file for module in top_modules() for file in files_of(module)):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Expr) and (path.stem, ast.unparse(node)) not in RUNS_ON_IMPORT:
                assert isinstance(node.value, ast.Constant), f"{path.name} runs {ast.unparse(node)} on import"


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


def test_every_module_has_its_tests() -> None:
    """Tests mirror the tree."""
    names = {path.stem for path in top_modules()} - {"sun", "ingest", "operations", "web"}
    assert {name for name in names if not (ROOT / "tests" / f"test_{name}.py").exists()} == set()


def test_every_url_parameter_has_its_word() -> None:
    """A copied link has those of `url_state.WORDS` alone, and a notice names one by its word."""
    used = {
        name
        for path in sorted((ROOT / "pages").rglob("*.py"))
        for name in re.findall(
            r'(?:url_state\.(?:read|write|follow|value)|\bread)\(\s*"([a-z]+)"', path.read_text("utf-8")
        )
    }
    assert used >= {"website", "range", "response", "metric"}
    assert used - set(url_state.WORDS) == set()
