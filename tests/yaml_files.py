"""Reads YAML by the reader that Tinybird's command line brings; the project itself needs none."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

BINARIES = Path(os.environ.get("TB_CLI", ROOT / ".venv-tinybird" / "bin" / "tb")).parent

needs_command_line = pytest.mark.skipif(
    not (BINARIES / "tb").exists(), reason="Tinybird's command line is not installed"
)


def documents(path: Path) -> list[dict[str, Any]]:
    """Every document of a file. The key `on` is named `True`, as YAML 1.1 reads it."""
    script = (
        "import json, sys, yaml; "
        "print(json.dumps([{str(k): v for k, v in each.items()} for each in yaml.safe_load_all(sys.stdin)]))"
    )
    done = subprocess.run(
        [str(BINARIES / "python"), "-c", script],
        input=path.read_text(),
        capture_output=True,
        text=True,
        check=True,
    )
    parsed: list[dict[str, Any]] = json.loads(done.stdout)
    return parsed
