"""PostgreSQL started by root: it runs as nobody, no directory is opened for it, and nothing is left behind for good."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest

from analytics.local.stack.failure import StackFailure
from analytics.local.stack.postgres import Postgres
from analytics.local.stack.postgres_account import UNPRIVILEGED_USER, cluster_of, reachable
from tests.local.stack.test_postgres import ORGANIZATION, running

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="others run PostgreSQL as themselves")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory that nobody else can enter."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    return private


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Instead of the place in /var/lib."""
    return tmp_path_factory.mktemp("lib") / "place"


@pytest.fixture
def link(private: Path) -> Path:
    """What a data directory holds instead of a cluster."""
    (private / "data").mkdir(mode=0o700)
    return private / "data" / "postgres"


def modes(path: Path) -> list[int]:
    """Of a directory and all above it."""
    return [stat.S_IMODE(each.stat().st_mode) for each in (path, *path.parents)]


def test_no_directory_changes_its_mode(private: Path) -> None:
    """The cluster lives where its account can reach it; a second start finds it."""
    before = modes(private)
    with (
        running(Postgres(private / "postgres", private / "log")) as first,
        psycopg.connect(first.owner_url) as connection,
    ):
        connection.execute(ORGANIZATION, ["o1", "Acme", "acme"])
        process = int((first.data / "postmaster.pid").read_text().splitlines()[0])
        assert Path(f"/proc/{process}").owner() == UNPRIVILEGED_USER
    assert modes(private) == before
    assert (private / "postgres").resolve().stat().st_mode & 0o777 == 0o700
    with (
        running(Postgres(private / "postgres", private / "log")) as second,
        psycopg.connect(second.owner_url) as connection,
    ):
        assert connection.execute("SELECT count(*) FROM organization").fetchone() == (1,)


def test_a_deleted_data_directory_takes_its_cluster_along(link: Path, place: Path) -> None:
    """One start later; a new data directory at the same path begins anew."""
    cluster, user = cluster_of(link, place)
    cluster.mkdir()
    assert user == UNPRIVILEGED_USER
    shutil.rmtree(link.parent)
    link.parent.mkdir()
    again, _user = cluster_of(link, place)
    assert again != cluster
    assert [path.name for path in place.iterdir()] == [again.parent.name]


def test_a_cluster_that_runs_is_kept(link: Path, place: Path) -> None:
    """Whoever deletes the directory of a running stack has not stopped it yet."""
    cluster, _user = cluster_of(link, place)
    (cluster / "data").mkdir(parents=True)
    (cluster / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    shutil.rmtree(link.parent)
    link.parent.mkdir()
    cluster_of(link, place)
    assert cluster.exists()


def test_a_moved_data_directory_keeps_its_cluster(link: Path, place: Path) -> None:
    """The link goes along, and the cluster learns its new owner."""
    cluster, _user = cluster_of(link, place)
    cluster.mkdir()
    moved = link.parent.rename(link.parent.with_name("moved")) / "postgres"
    assert cluster_of(moved, place)[0] == cluster
    assert cluster_of(moved, place)[0] == cluster


def test_a_copied_data_directory_is_refused(link: Path, place: Path) -> None:
    """Two servers on one cluster would destroy it."""
    cluster_of(link, place)[0].mkdir()
    copy = link.parent.with_name("copy")
    shutil.copytree(link.parent, copy, symlinks=True)
    with pytest.raises(StackFailure, match="is a copy of"):
        cluster_of(copy / "postgres", place)


def test_a_cluster_that_has_gone_is_named(link: Path, place: Path) -> None:
    """Nothing is made anew in silence: the events of the data directory belong to rows that are lost."""
    shutil.rmtree(cluster_of(link, place)[0].parent)
    with pytest.raises(StackFailure, match="which has gone") as raised:
        cluster_of(link, place)
    assert str(link.parent) in raised.value.remedy


def test_a_cluster_that_is_really_there_stays(link: Path, place: Path) -> None:
    """One that another account made runs as that account."""
    (link / "data").mkdir(parents=True)
    os.chown(link / "data", 1, 1)
    assert cluster_of(link, place) == (link, Path(link / "data").owner())
    assert not place.exists()


def test_a_server_out_of_reach_is_copied_once(private: Path, tmp_path: Path) -> None:
    """As in a clone below /root; the copy goes when the original has gone."""
    place = Path("/var/tmp") / f"inbox-analytics-{os.getpid()}"  # noqa: S108 - nobody has to reach it
    installed = Postgres(private / "postgres", private / "log")
    installed.prepare()
    wheel = installed.binaries
    hidden = private / "site-packages"
    for source in (wheel.parent.parent.with_name(f"{wheel.parent.parent.name}.libs"), wheel.parent):
        if source.is_dir():
            target = hidden / source.relative_to(wheel.parent.parent.parent)
            shutil.copytree(source, target, symlinks=True, copy_function=os.link)
    hidden_binaries = hidden / wheel.relative_to(wheel.parent.parent.parent)
    try:
        copy = reachable(hidden_binaries, UNPRIVILEGED_USER, place)
        assert copy.is_relative_to(place)
        assert reachable(hidden_binaries, UNPRIVILEGED_USER, place) == copy
        for program in ("postgres", "initdb"):
            subprocess.run([copy / program, "--version"], user=UNPRIVILEGED_USER, cwd="/", check=True)
        assert modes(private)[0] == 0o700
        shutil.rmtree(hidden)
        cluster_of(tmp_path / "postgres", place)
        assert not copy.exists()
    finally:
        shutil.rmtree(place, ignore_errors=True)
