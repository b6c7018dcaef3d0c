"""docs/deploying.md: its settings are ones that the dashboard starts with, its files exist."""

import re
import subprocess

from analytics.settings import load_settings
from analytics.settings.sign_in import auth_section
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "deploying.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)


def test_its_settings_are_a_whole_and_safe_configuration() -> None:
    """As a shell reads the file, once what is left out is put in."""
    [block] = [each for each in BLOCKS if each.startswith("TINYBIRD_HOST=")]
    filled = block.replace("=...\n", "=0b5a1f9c7d3e8462a1c9e7f05b3d2846\n")
    read = subprocess.run(
        ["sh", "-c", f"set -a\n{filled}\nenv -0"], env={}, capture_output=True, text=True, check=True
    )
    settings = load_settings(dict(line.split("=", 1) for line in read.stdout.split("\0") if line))
    assert "&sslrootcert=" in settings.database_url.get_secret_value()
    assert str(auth_section(settings, {})["redirect_uri"]) in GUIDE


def test_its_files_exist() -> None:
    """What is copied."""
    files = re.findall(r"\b(docs/[\w.-]+)", "\n".join(BLOCKS))
    assert {"docs/nginx.conf", "docs/inbox-analytics.service", "docs/dashboard_reader.sql"} <= set(files)
    assert all((ROOT / each).is_file() for each in files)
