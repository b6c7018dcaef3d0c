"""Where PostgreSQL lives when root starts the stack: it refuses to run as root, and runs as `nobody` instead.

That account cannot enter a private directory, and no directory changes its mode for it. So the cluster is kept in
`/var/lib/inbox-analytics/cluster-<name>-<random>`, and the data directory holds a symbolic link to it. When `nobody` cannot
reach the installed server either (a clone in /root), a copy of it, of hard links where possible, is kept beside.
Both name where they belong (`belongs-to`), and every start removes those whose place has gone: a deleted data
directory takes its cluster along, one start later. Elsewhere than as root nothing of this happens.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from analytics.local.stack.failure import StackFailure

PLACE: Final = Path("/var/lib/inbox-analytics")
UNPRIVILEGED_USER: Final = "nobody"
_RECORD: Final = "belongs-to"


def cluster_of(link: Path, place: Path = PLACE) -> tuple[Path, str]:
    """(directory, account) of the Postgres cluster behind `link`; the directory may not exist yet.

    A cluster that is really there, made before by somebody else than root, stays there and runs as its owner.

    Raises:
        StackFailure: The cluster has gone, or belongs to another data directory.
    """
    if link.is_dir() and not link.is_symlink():
        return link, _owner(link)
    _make(place)
    if link.is_symlink():
        cluster = Path(os.readlink(link))
        if not cluster.parent.is_dir():
            raise StackFailure(
                f"The PostgreSQL data of {link.parent} was in {cluster}, which has gone.",
                f"Bring it back, or delete {link.parent} to start anew.",
            )
        other = _belongs_to(cluster.parent)
        if other != link and _leads_to(other, cluster):
            raise StackFailure(
                f"{link.parent} is a copy of {other.parent}: both have the PostgreSQL data in {cluster}.",
                f"Use the other one, or delete {link.parent} to start anew.",
            )
    else:
        home = Path(tempfile.mkdtemp(prefix=f"cluster-{link.parent.name}-", dir=place))
        home.chmod(0o711)
        cluster = home / "postgres"
        link.symlink_to(cluster)
    _write_record(cluster.parent, link)
    _remove_orphans(place)
    return cluster, UNPRIVILEGED_USER


def reachable(binaries: Path, user: str, place: Path = PLACE) -> Path:
    """`binaries` if `user` can run what is in it, else the same directory in a copy of the server."""
    if _can_run(binaries / "postgres", user):
        return binaries
    server = binaries.parent
    stamp = f"{server} {(binaries / 'postgres').stat().st_mtime_ns}"
    copy = place / f"server-{sha256(stamp.encode()).hexdigest()[:12]}"
    if not copy.exists():
        _make(place)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=place))
        package = unfinished / server.parent.name
        _copy(server, package / server.name)
        for libraries in (server.parent / ".dylibs", server.parent.with_name(f"{server.parent.name}.libs")):
            if libraries.is_dir():
                _copy(libraries, unfinished / libraries.relative_to(server.parent.parent))
        for directory in (unfinished, package):
            directory.chmod(0o755)
        _write_record(unfinished, binaries / "postgres")
        try:
            unfinished.rename(copy)
        except OSError:  # another stack was faster
            shutil.rmtree(unfinished)
    return copy / server.parent.name / server.name / binaries.name


def _make(place: Path) -> None:
    try:
        place.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise StackFailure(
            f"PostgreSQL does not run as root, and its place {place} cannot be made: {error.strerror}.",
            "Make that directory writable, or start this as another user.",
        ) from error


def _owner(directory: Path) -> str:
    account = (directory / "data").stat().st_uid
    return UNPRIVILEGED_USER if account == 0 else pwd.getpwuid(account).pw_name


def _can_run(program: Path, user: str) -> bool:
    account = pwd.getpwnam(user)
    try:
        ended = subprocess.run(  # noqa: S603 - the wheel's own program, no shell
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            check=False,
        )
    except PermissionError:
        return False
    return ended.returncode == 0


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _remove_orphans(place: Path) -> None:
    """Removes clusters that no data directory leads to any more, and copies of servers that were uninstalled.

    What was on a disk that is not there now is kept, and so is a cluster that runs.
    """
    for home in place.iterdir():
        owner = _belongs_to(home)
        if owner == home or _is_away(home, owner) or _runs(home / "postgres"):
            continue
        is_server = not home.name.startswith("cluster-")
        if not (owner.exists() if is_server else _leads_to(owner, home / "postgres")):
            shutil.rmtree(home, ignore_errors=True)


def _leads_to(link: Path, cluster: Path) -> bool:
    return link.is_symlink() and Path(os.readlink(link)) == cluster


def _runs(cluster: Path) -> bool:
    try:
        process = int((cluster / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, 0)
    except (OSError, ValueError, IndexError):
        return False
    return True


def _write_record(home: Path, owner: Path) -> None:
    record = {"path": str(owner), "device": owner.lstat().st_dev}
    unfinished = home / f"{_RECORD}.new"
    unfinished.write_text(json.dumps(record), encoding="utf-8")
    unfinished.replace(home / _RECORD)


def _read_record(home: Path) -> dict[str, object]:
    try:
        record = json.loads((home / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _belongs_to(home: Path) -> Path:
    """The path a home was made for; itself when it does not say, as while it is being made."""
    return Path(str(_read_record(home).get("path", home)))


def _is_away(home: Path, owner: Path) -> bool:
    """Whether the disk that `owner` was on is not mounted."""
    here = next(parent for parent in (owner, *owner.parents) if os.path.lexists(parent))
    return here.lstat().st_dev != _read_record(home).get("device")
