"""The wheel: what it holds, and what of it works without extras."""

import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

COMMAND = "from analytics.cli import main; main()"
APP = ("app.py", "asgi_app.py", ".streamlit/config.toml", "pages", "static", "tinybird")
REFUSE = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = directory.glob("*.whl")
    with ZipFile(wheel) as files:
        files.extractall(directory / "installed")
    return directory / "installed"


@cache
def missing() -> set[str]:
    """The modules that an installation without extras does not bring, of those that are installed here."""
    todo: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = {"inbox-analytics"}
    while todo:
        requirement = Requirement(todo.pop())
        is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_needed and requirement.name not in found:
            found.add(requirement.name)
            todo += distribution(requirement.name).requires or []
    modules = packages_distributions().items()
    others = {module for module, names in modules if not {canonicalize_name(each) for each in names} & found}
    assert {"pandas", "streamlit", "sqlalchemy", "numpy"} <= others
    return others


def without_extras(installed: Path, *arguments: str, code: str = COMMAND) -> subprocess.CompletedProcess[str]:
    """Runs the command line, or code, on the files of the wheel and what an installation without extras brings."""
    return subprocess.run(
        [sys.executable, "-c", f"MISSING = {missing()}{REFUSE}{code}", *arguments],
        cwd=installed,
        env={"PYTHONPATH": str(installed), "HOME": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_holds_every_file_that_it_reads(installed: Path) -> None:
    """The package with its data, and the app beside it; no test."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "analytics", *APP]
    files = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    expected = {name if name.startswith("analytics/") else f"analytics/_app/{name}" for name in files}
    assert {"analytics/py.typed", "analytics/_app/static/countries.geojson"} <= expected
    held = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert {name for name in held if ".dist-info/" not in name} == expected


def test_a_service_can_emit_without_extras(installed: Path) -> None:
    """Neither Streamlit nor pandas is installed: an event is put on the disk, and the spool is shown."""
    code = """
from pathlib import Path
from analytics import ROOT
from analytics.ingest.emitter import Emitter

with Emitter("http://127.0.0.1:1", "token", Path("spool")) as emitter:
    print(emitter.page_view(website_id="w", visitor_id="v", page_url="https://shop.example"), ROOT)
"""
    emitted = without_extras(installed, code=code)
    assert emitted.stdout == f"True {installed / 'analytics' / '_app'}\n", emitted.stderr
    shown = without_extras(installed, "spool", "status", "--dir", "spool")
    assert "1 event" in shown.stdout, shown.stdout + shown.stderr


def test_a_command_that_needs_an_extra_says_which(installed: Path) -> None:
    """It is listed, and ends with two lines on stderr, whatever it is given."""
    listed = without_extras(installed, "--help")
    assert "  doctor     Needs inbox-analytics[dashboard].\n" in listed.stdout, listed.stderr
    refused = without_extras(installed, "doctor", "--json")
    assert refused.returncode == 1
    assert "`doctor` needs packages that are not installed, such as " in refused.stderr
    assert "pip install 'inbox-analytics[dashboard]'" in refused.stderr
