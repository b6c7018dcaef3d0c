"""The doctor as a whole: a healthy stack, wrong settings, dead sources, spool and state."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics.commands.doctor import as_json
from analytics.ingest.deletes.receipts import DatasourcePurge, Ledger, Purge
from analytics.ingest.emitter import Emitter
from analytics.operations.doctor import examine
from analytics.settings import Settings
from tests.conftest import LocalStack
from tests.operations.doctor.clinic import closed_port, environment, found, of

SECRET = "p.a-token-that-must-stay-secret"


def test_a_healthy_stack_has_no_problem(local_stack: LocalStack) -> None:
    """Nothing but events is missing on an empty stack, and only that is a warning."""
    report = examine(environment(local_stack))
    bad = [
        each
        for each in report.findings
        if each.level != "ok" and each.area not in {"events", "websites", "quarantine"}
    ]
    assert bad == []
    assert report.verdict != "problem"
    areas = [
        "settings",
        "tinybird",
        "tokens",
        "pipes",
        "data sources",
        "postgres",
        "store",
        "clocks",
        "events",
        "websites",
        "quarantine",
    ]
    assert list(dict.fromkeys(each.area for each in report.findings)) == [*areas, "spool", "state"]


def test_no_secret_is_said(local_stack: LocalStack) -> None:
    """Neither a token nor the password of the database, in text or JSON."""
    finding = as_json(examine(environment(local_stack)))
    password = local_stack.database_url.split(":")[2].split("@")[0]
    for secret in (local_stack.read_token, local_stack.append_token, local_stack.admin_token, password):
        assert secret not in finding
    assert json.loads(finding)["verdict"] in {"ok", "warning"}


@pytest.mark.parametrize("value", [SECRET, f"postgresql://a:{SECRET}@127.0.0.1:1/b"], ids=["word", "address"])
def test_no_setting_that_is_a_secret_is_said(value: str) -> None:
    """Each that the settings hide, whatever its name, usable or not."""
    secrets = {
        str(field.validation_alias): value
        for field in Settings.model_fields.values()
        if "SecretStr" in str(field.annotation)
    }
    assert {"DATABASE_URL", "INBOX_ANALYTICS_COOKIE_SECRET"} <= set(secrets)
    assert SECRET not in as_json(examine({"TINYBIRD_HOST": f"http://127.0.0.1:{closed_port()}", **secrets}))


def test_each_variable_has_its_line(local_stack: LocalStack) -> None:
    """Set, missing and unusable are distinguished, without the value of a secret."""
    settings = found(
        environment(
            local_stack,
            TINYBIRD_DAILY_QUERIES="many",
            TINYBIRD_APPEND_TOKEN="two words " + SECRET,
            DATABASE_URL="",
        ),
        "settings",
    )
    assert settings["TINYBIRD_HOST"] == ("ok", f"set: {local_stack.host} ")
    assert settings["TINYBIRD_READ_TOKEN"] == ("ok", "set ")
    assert settings["INBOX_ANALYTICS_GRACE_DAYS"] == ("ok", "not set, 30 is taken ")
    assert settings["INBOX_ANALYTICS_OIDC_VERIFIED_ISSUERS"] == ("ok", "not set ")
    assert settings["INBOX_ANALYTICS_TRUSTED_PROXIES"] == ("ok", "not set, 127.0.0.0/8, ::1/128 is taken ")
    assert settings["TINYBIRD_DAILY_QUERIES"][0] == "problem"
    assert settings["TINYBIRD_APPEND_TOKEN"][0] == "problem"
    assert settings["DATABASE_URL"][0] == "problem"
    assert "is missing" in settings["DATABASE_URL"][1]
    assert SECRET not in str(settings)


def test_an_empty_environment_is_reported_variable_by_variable() -> None:
    """Nothing is asked, nothing fails in its own way: what could not be checked says why."""
    report = examine({})
    assert report.verdict == "problem"
    problems = {each.subject for each in report.findings if each.level == "problem"}
    assert problems == {"TINYBIRD_HOST", "TINYBIRD_READ_TOKEN", "DATABASE_URL"}
    assert {each.level for each in report.findings if each.area in {"pipes", "tokens", "events"}} == {
        "not checked"
    }


def test_the_store_is_examined_where_one_is_set(local_stack: LocalStack) -> None:
    """None is no problem; one that is not migrated, or away, is, with what to do."""
    environ = environment(local_stack)
    level, said = found(environ, "store")["tables"]
    assert (level, "is not set: there are no goals" in said) == ("ok", True)
    environ["INBOX_ANALYTICS_STORE_URL"] = local_stack.store_url
    assert found(environ, "store")["tables"] == ("ok", "answers, and its tables are of this version ")
    level, said = found({**environ, "INBOX_ANALYTICS_STORE_SCHEMA": "no_such_schema"}, "store")["tables"]
    assert (level, "inbox-analytics store migrate" in said) == ("problem", True)
    away = f"postgresql://a:{SECRET}@127.0.0.1:{closed_port()}/b"
    level, said = found({**environ, "INBOX_ANALYTICS_STORE_URL": away}, "store")["tables"]
    assert (level, "cannot be reached" in said, SECRET in said) == ("problem", True, False)
    level, _ = found({**environ, "INBOX_ANALYTICS_STORE_URL": "mysql://a"}, "store")["tables"]
    assert level == "not checked"


def test_a_tinybird_that_is_down_is_one_problem(local_stack: LocalStack) -> None:
    """Every other check of it says that it was not done; Postgres is examined all the same."""
    report = examine(environment(local_stack, TINYBIRD_HOST=f"http://127.0.0.1:{closed_port()}"))
    assert [each.subject for each in report.findings if each.level == "problem"] == ["API"]
    for area in ("tokens", "pipes", "data sources", "events", "quarantine"):
        assert of(report, area) == {
            "all": ("not checked", "not checked, because Tinybird cannot be reached ")
        }
    assert {level for level, _ in of(report, "postgres").values()} == {"ok"}


def test_a_postgres_that_is_down_is_one_problem(local_stack: LocalStack) -> None:
    """Tinybird is examined all the same."""
    url = f"postgresql://reader:{SECRET}@127.0.0.1:{closed_port()}/product"
    report = examine(environment(local_stack, DATABASE_URL=url))
    assert [each.subject for each in report.findings if each.level == "problem"] == ["connection"]
    assert of(report, "postgres")["tables"][0] == "not checked"
    assert of(report, "clocks")["postgres"][0] == "not checked"
    assert {level for level, _ in of(report, "pipes").values()} == {"ok"}
    assert SECRET not in str(report)


def test_without_an_admin_token_the_newest_events_come_from_the_pipe(local_stack: LocalStack) -> None:
    """Only the quarantine cannot be read then; with Postgres down the websites are not known either."""
    without = environment(local_stack, TINYBIRD_ADMIN_TOKEN="")
    report = examine(without)
    assert of(report, "quarantine")["all"][0] == "not checked"
    assert of(report, "tokens")["TINYBIRD_ADMIN_TOKEN"][0] == "ok"
    down = examine({**without, "DATABASE_URL": f"postgresql://a:b@127.0.0.1:{closed_port()}/x"})
    assert "Postgres" in of(down, "events")["all"][1]


def test_neither_append_nor_admin_token(local_stack: LocalStack) -> None:
    """The data sources cannot be listed: not checked, and no problem."""
    report = examine(environment(local_stack, TINYBIRD_ADMIN_TOKEN="", TINYBIRD_APPEND_TOKEN=""))
    assert of(report, "data sources")["all"][0] == "not checked"
    assert report.verdict == "warning"


@pytest.mark.parametrize("host", ["http://127.0.0.1:9/v0", "http://127.0.0.1:9"])
def test_an_address_that_is_no_tinybird(local_stack: LocalStack, host: str) -> None:
    """A closed port is a problem with a remedy, with or without a path."""
    [(level, finding)] = found(environment(local_stack, TINYBIRD_HOST=host), "tinybird").values()
    assert level == "problem"
    assert "TINYBIRD_HOST" in finding


def test_an_unfinished_purge_is_reported(local_stack: LocalStack, tmp_path: Path) -> None:
    """With the command that continues it; a broken journal is a problem."""
    state = str(tmp_path)
    begun = Purge(
        website_id="w1",
        website="Shop",
        reason="purge",
        by="ann",
        host="http://h",
        started_at=datetime.now(UTC),
        datasources=(DatasourcePurge(datasource="visitor_events", rows_found=1),),
    )
    Ledger(tmp_path).keep(begun)
    level, finding = found(environment(local_stack, INBOX_ANALYTICS_STATE_DIR=state), "state")["purges"]
    assert (level, "w1" in finding, "purge --yes" in finding) == ("warning", True, True)
    (tmp_path / "purges" / "w1.json").write_text("{")
    assert found(environment(local_stack, INBOX_ANALYTICS_STATE_DIR=state), "state")["purges"][0] == "problem"


@pytest.mark.parametrize(("hours", "level"), [(0, "ok"), (3, "warning")], ids=["just now", "for hours"])
def test_waiting_events_of_a_spool_are_reported(
    local_stack: LocalStack, tmp_path: Path, hours: int, level: str
) -> None:
    """Events that wait for minutes are a warning; just accepted ones and an empty directory are ok."""
    environ = environment(local_stack, INBOX_ANALYTICS_SPOOL_DIR=str(tmp_path))
    assert found(environ, "spool")["events"][0] == "ok"
    at = datetime.now(UTC) - timedelta(hours=hours)
    with Emitter(f"http://127.0.0.1:{closed_port()}", "token", tmp_path) as emitter:
        emitter.page_view(website_id="w1", visitor_id="v1", at=at)
    finding = found(environ, "spool")["events"]
    assert (finding[0], finding[1].startswith("1 events wait")) == (level, True)
    assert ("the oldest 3 h old" in finding[1]) == (hours == 3)


def test_refused_events_of_a_spool_are_reported(local_stack: LocalStack, tmp_path: Path) -> None:
    """With the commands that show why and send again; a damaged file counts as refused too."""
    folder = tmp_path / "refused" / "visitor_events"
    folder.mkdir(parents=True)
    (folder / "1-1.ndjson").write_bytes(b"\xff not json\n")
    level, finding = found(environment(local_stack, INBOX_ANALYTICS_SPOOL_DIR=str(tmp_path)), "spool")[
        "events"
    ]
    assert (level, "1 refused" in finding, "spool resend" in finding) == ("warning", True, True)


def test_cut_values_of_a_spool_are_reported(local_stack: LocalStack, tmp_path: Path) -> None:
    """Field, reason and how often, as a warning; nothing was cut in a new spool."""
    environ = environment(local_stack, INBOX_ANALYTICS_SPOOL_DIR=str(tmp_path))
    assert found(environ, "spool")["descriptive values"][0] == "ok"
    with Emitter(local_stack.host, local_stack.append_token, tmp_path) as emitter:
        for number in range(3):
            emitter.page_view(website_id="cut", visitor_id=f"v{number}", browser="x" * 200)
    level, finding = found(environ, "spool")["descriptive values"]
    assert (level, "browser: too long, cut (3)" in finding) == ("warning", True)


def test_unreadable_files_of_a_spool_are_reported(local_stack: LocalStack, tmp_path: Path) -> None:
    """What this user may not read is in no count: a warning with what to do."""
    (tmp_path / "visitor_events" / "0.ndjson").mkdir(parents=True)
    level, finding = found(environment(local_stack, INBOX_ANALYTICS_SPOOL_DIR=str(tmp_path)), "spool")[
        "events"
    ]
    assert (level, "1 files this user may not read" in finding, "chown" in finding) == ("warning", True, True)


def test_a_spool_that_is_no_directory(local_stack: LocalStack, tmp_path: Path) -> None:
    """A problem with the variable's name."""
    (tmp_path / "file").write_text("")
    spool = {"INBOX_ANALYTICS_SPOOL_DIR": str(tmp_path / "file" / "below")}
    level, finding = found(environment(local_stack, **spool), "spool")["events"]
    assert (level, "INBOX_ANALYTICS_SPOOL_DIR" in finding) == ("problem", True)
