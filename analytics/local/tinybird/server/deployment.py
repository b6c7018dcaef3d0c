"""Checks datafiles that are sent for a deployment as the start of the server would. Deploys nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from analytics.local.tinybird.engine import Engine
from analytics.local.tinybird.project.datafile import (
    DatafileError,
    Datasource,
    Pipe,
    load_datasource,
    load_pipe,
)
from analytics.local.tinybird.project.project import Project

LARGEST_FILES_BYTES: Final = 10 * 1024 * 1024
CHECK_LIMITS: Final = (
    "the local server has read the datafiles and run nothing: what only a query, the rows kept or a real workspace "
    "can tell is not checked"
)
_LONGEST_REASON: Final = 500
_PROJECT: Final = "data_project://"
_CONTEXT: Final = "context://"
_SUFFIXES: Final = (".datasource", ".pipe")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in one file; `file` as it was sent."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check.

    Attributes:
        changes: File names that are `new`, `changed` or `deleted` beside the datafiles that the server runs.
    """

    errors: list[Problem]
    changes: dict[str, list[str]]


async def files_of(form: FormData) -> dict[str, bytes]:
    """The datafiles of a form by their paths.

    Raises:
        HTTPException: 400 when there is none, or a path leads out of the project.
    """
    files: dict[str, bytes] = {}
    for name, part in form.multi_items():
        if name == _CONTEXT or isinstance(part, str):
            continue
        path = part.filename or ""
        if name != _PROJECT:
            raise HTTPException(400, f"The part '{name[:100]}' is not supported by the local server")
        if not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
            raise HTTPException(400, f"The file '{path[:100]}' is not inside the project")
        files[path] = await part.read()
    if not files:
        raise HTTPException(400, "The form holds no datafiles")
    return files


def check(files: Mapping[str, bytes], engine: Engine) -> Checked:
    """Reads every datafile, then the pipes together with what they read."""
    with tempfile.TemporaryDirectory(prefix="datafiles-") as directory:
        root = Path(directory)
        problems: list[Problem] = []
        datasources: dict[str, Datasource] = {}
        pipes: dict[str, Pipe] = {}
        for name in sorted(files):
            try:
                resource = _read(root, name, files[name], {*datasources, *pipes})
            except DatafileError as error:
                problems.append(_problem(root, files, str(error)))
            else:
                if isinstance(resource, Pipe):
                    pipes[resource.name] = resource
                else:
                    datasources[resource.name] = resource
        if not problems:
            try:
                unresolved = list(engine.unresolved(Project(datasources, pipes)))
            except DatafileError as error:
                unresolved = [str(error)]
            problems = [_problem(root, files, text) for text in unresolved]
    return Checked(problems, _changes(files, engine.project))


def _read(root: Path, name: str, content: bytes, taken: set[str]) -> Datasource | Pipe:
    path = root / name
    if path.stem in taken:
        raise DatafileError(f"{path}:1: another resource is called {path.stem}")
    if path.suffix not in _SUFFIXES:
        raise DatafileError(f"{path}:1: only .datasource and .pipe files run here")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except (OSError, ValueError) as error:  # too long, a NUL, a folder of the same name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DatafileError(f"{path}:1: no file can have this name: {reason}") from None
    return load_pipe(path) if path.suffix == ".pipe" else load_datasource(path)


def _problem(root: Path, files: Iterable[str], text: str) -> Problem:
    """`file:line: reason` without the directory that the file was read in; a reason that repeats a whole file is cut.

    >>> _problem(Path("/tmp/x"), ["a:b.pipe", "c/a.pipe"], "/tmp/x/c/a.pipe:3: a pipe has one endpoint")
    Problem(file='c/a.pipe', reason='line 3: a pipe has one endpoint')
    """
    file = next(file for file in files if text.startswith(f"{root / file}:"))
    reason = f"line {text.removeprefix(f'{root / file}:')}"
    return Problem(file, reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…")


def _changes(files: Mapping[str, bytes], running: Project) -> dict[str, list[str]]:
    sent = {Path(name).name: content for name, content in files.items() if name.endswith(_SUFFIXES)}
    resources: list[Datasource | Pipe] = [*running.datasources.values(), *running.pipes.values()]
    current = {resource.path.name: resource.path.read_bytes() for resource in resources}
    return {
        "new": sorted(sent.keys() - current.keys()),
        "changed": sorted(name for name in sent.keys() & current.keys() if sent[name] != current[name]),
        "deleted": sorted(current.keys() - sent.keys()),
    }
