"""What a server installs besides the project: its licences, the audit of it, the list of it."""

import json
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

from tests.conftest import ROOT

# The ways in which packages write the licences that a closed product may use as they are.
ALLOWED = re.compile(
    r"MIT(-0|-CMU)?( License)?|(0BSD|BSD|3-Clause BSD)( License)?|BSD-[23]-Clause|PSF-2\.0|Zlib|CC0-1\.0"
    r"|Apache(-2\.0| Software License| License 2\.0)|MPL-2\.0|LGPL-3\.0-only"
)
AUDIT_TOOLS = ROOT / ".venv-audit"


@cache
def locked() -> set[tuple[str, str]]:
    """Name and version of each package of requirements.lock, on every platform."""
    lines = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert len(lines) > 40
    return set(lines)


def licences(name: str) -> list[str]:
    """What a package says of its licence, word for word, alternatives and parts apart.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    said = metadata(name)

    def one(field: str) -> str:
        return str((said.get_all(field) or [""])[0])

    classified = [
        each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or [] if "License ::" in each
    ]
    expression = one("License-Expression") or (classified or [one("License")])[0]
    return re.split(
        r" (?:AND|OR) ", re.sub(r"Mozilla Public License 2\.0 \(MPL 2\.0\)", "MPL-2.0", expression)
    )


def test_every_package_of_a_server_has_a_licence_that_allows_it() -> None:
    """MIT, BSD, Apache, PSF, and MPL and LGPL for what is used unchanged; no GPL, none that says nothing."""
    seen = 0
    for name, _ in locked():
        try:
            found = licences(name)
        except PackageNotFoundError:
            continue  # of another platform
        seen += 1
        assert all(ALLOWED.fullmatch(each) for each in found), f"{name}: {found}"
    assert seen > 40


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("requirements*.lock")))
def test_every_package_of_every_lock_has_a_version_and_hashes(lock: str) -> None:
    """And no address of an index."""
    lines = re.sub(r"\\\n", " ", (ROOT / lock).read_text()).splitlines()
    assert lines
    assert all(re.match(r"\S+==\S+.* --hash=sha256:[0-9a-f]{64}", line) for line in lines if line.strip())


@pytest.mark.parametrize(
    ("tool", "code", "sentence"),
    [
        ("exit 0", 0, "No known vulnerability in what requirements.lock names."),
        ("echo 'pandas 3.1.1 CVE-1' > $out; exit 1", 2, "pandas 3.1.1 CVE-1"),
        ("echo 'ERROR: no route' >&2; exit 1", 2, "Not audited: "),
    ],
    ids=["nothing known", "one known", "data out of reach"],
)
def test_an_audit_says_what_it_found_and_whether_it_could_look(
    tmp_path: Path, tool: str, code: int, sentence: str
) -> None:
    """A vulnerability and an index without such data are distinguished, and both fail."""
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done; out=$2\n{tool}\n')
    program.chmod(0o755)
    (tmp_path / ".installed").touch()
    done = subprocess.run(
        ["make", "--no-print-directory", "audit", f"AUDIT={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, sentence in done.stdout) == (code, True), done.stdout + done.stderr


@pytest.mark.skipif(not (AUDIT_TOOLS / ".installed").exists(), reason="`make sbom` was never run here")
def test_the_list_of_what_a_server_installs_is_whole_and_always_the_same() -> None:
    """Each package of the lock with its version and hashes; made twice, the same bytes."""
    made = []
    for _ in range(2):
        subprocess.run(["make", "sbom"], cwd=ROOT, check=True, capture_output=True)
        made.append((ROOT / "dist" / "sbom.cdx.json").read_bytes())
    assert made[0] == made[1]
    components = json.loads(made[0])["components"]
    assert {(each["name"], each["version"]) for each in components} == locked()
    assert all(each["externalReferences"][0]["hashes"] for each in components)
