"""The data sources and pipes of a Tinybird project, by name, with the rights of each role."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from analytics.local.tinybird.project.datafile import (
    DatafileError,
    Datasource,
    Grant,
    Pipe,
    Scope,
    load_datasource,
    load_pipe,
)
from analytics.local.tinybird.project.tokens import Role

QUARANTINE = "_quarantine"
_NAMESPACE = uuid.UUID("6f1ad0cd-6c6d-4bd3-9d3d-0a2e2f0a7c11")

_SCOPES: dict[Role, Scope] = {"read": "READ", "append": "APPEND"}


def identifier(kind: str, name: str) -> str:
    """A stable id for a resource.

    >>> identifier("pipe", "a") == identifier("pipe", "a") != identifier("datasource", "a")
    True
    """
    return f"t_{uuid.uuid5(_NAMESPACE, f'{kind}:{name}').hex}"


@dataclass(frozen=True)
class Project:
    """Every resource of a project directory."""

    datasources: Mapping[str, Datasource]
    pipes: Mapping[str, Pipe]

    @cached_property
    def _names_by_id(self) -> dict[str, str]:
        return {
            identifier(kind, name): name
            for kind, resources in (("datasource", self.datasources), ("pipe", self.pipes))
            for name in resources
        }

    def name_of(self, name_or_id: str) -> str:
        """The name of a resource given by its name or id; an unknown one unchanged."""
        return self._names_by_id.get(name_or_id, name_or_id)

    @property
    def names(self) -> frozenset[str]:
        """Every name that a query may read, quarantines included."""
        return frozenset({*self.datasources, *self.pipes, *(name + QUARANTINE for name in self.datasources)})

    def may(self, role: Role, scope: Scope, name: str) -> bool:
        """Whether a role has a scope on a resource: as declared, everything for the admin, nothing on unknown names.

        READ on a data source includes its quarantine; no role may append to a quarantine.
        """
        resource = self.pipes.get(name) or self.datasources.get(name.removesuffix(QUARANTINE))
        if resource is None or name not in self.names or (scope == "APPEND" and name not in self.datasources):
            return False
        return role == "admin" or any(_SCOPES[role] == grant.scope == scope for grant in resource.grants)

    def grants(self) -> tuple[tuple[str, Grant], ...]:
        """Every `TOKEN` line as (resource, grant), by resource name."""
        resources: list[Datasource | Pipe] = [*self.datasources.values(), *self.pipes.values()]
        return tuple(
            (resource.name, grant)
            for resource in sorted(resources, key=lambda resource: resource.name)
            for grant in resource.grants
        )


def load_project(directory: Path) -> Project:
    """The resources in `directory`, folders below included.

    Raises:
        DatafileError: a file that cannot be run, two resources of one name, or no resource at all.
    """
    datasources: dict[str, Datasource] = {}
    pipes: dict[str, Pipe] = {}
    for path in sorted(directory.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(directory).parts):
            continue
        if path.stem in {*datasources, *pipes} and path.suffix in {".datasource", ".pipe"}:
            raise DatafileError(f"{path}:1: another resource is called {path.stem}")
        if path.suffix == ".datasource":
            datasources[path.stem] = load_datasource(path)
        elif path.suffix == ".pipe":
            pipes[path.stem] = load_pipe(path)
        elif path.suffix == ".connection":
            raise DatafileError(f"{path}:1: connections do not run here")
    if not datasources:
        raise DatafileError(
            f"{directory}:1: no .datasource file here: is this the Tinybird project's directory?"
        )
    return Project(datasources, pipes)
