"""What the API says about the project: data sources, pipes, tokens, jobs, the workspace. Shapes only, no decisions.

Field names are Tinybird's; the official command line reads them.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

from analytics.local.composition import Composer
from analytics.local.datafile import Datasource, Pipe
from analytics.local.engine import Size
from analytics.local.jobs import Job
from analytics.local.project import QUARANTINE, Project
from analytics.local.tokens import Role, Tokens

JsonObject = dict[str, object]

WORKSPACE = "inbox_analytics"
REGION = "local"
DELETE_JOB = "delete_data"
_NAMESPACE = uuid.UUID("6f1ad0cd-6c6d-4bd3-9d3d-0a2e2f0a7c11")
_SCOPE_TYPES = {
    ("pipe", "READ"): "PIPES:READ",
    ("datasource", "READ"): "DATASOURCES:READ",
    ("datasource", "APPEND"): "DATASOURCES:APPEND",
}


def identifier(kind: str, name: str) -> str:
    """A stable id for a resource.

    >>> identifier("pipe", "a") == identifier("pipe", "a") != identifier("datasource", "a")
    True
    """
    return f"t_{uuid.uuid5(_NAMESPACE, f'{kind}:{name}').hex}"


def datasource_info(datasource: Datasource, sizes: dict[str, Size]) -> JsonObject:
    """One data source with its columns and how much it holds."""
    changed = _changed(datasource.path)
    size = sizes.get(datasource.name, Size(0, 0))
    quarantine = sizes.get(datasource.name + QUARANTINE, Size(0, 0))
    engine = {
        "engine": datasource.engine,
        **{key.lower(): value for key, value in datasource.options.items()},
    }
    return {
        "id": identifier("datasource", datasource.name),
        "name": datasource.name,
        "description": datasource.description,
        "type": "ndjson",
        "service": "",
        "cluster": REGION,
        "tags": {},
        "created_at": changed,
        "updated_at": changed,
        "engine": engine,
        "columns": [
            {
                "name": column.name,
                "normalized_name": column.name,
                "type": column.type,
                "nullable": column.is_nullable,
                "codec": column.codec,
                "default_value": None if column.default is None else f"DEFAULT {column.default}",
                "jsonpath": "$" + "".join(step if step == "[:]" else f".{step}" for step in column.json_path),
            }
            for column in datasource.columns
        ],
        "statistics": {"row_count": size.rows, "bytes": size.bytes},
        "stats": {"row_count": size.rows, "bytes": size.bytes},
        "quarantine_rows": quarantine.rows,
        "used_by": [],
    }


def pipe_info(pipe: Pipe, composer: Composer, host: str) -> JsonObject:
    """One pipe with its nodes and the parameters of its endpoint."""
    changed = _changed(pipe.path)
    parameters = list(composer.parameters(pipe))
    node_ids = {node.name: identifier("node", f"{pipe.name}.{node.name}") for node in pipe.nodes}
    return {
        "id": identifier("pipe", pipe.name),
        "name": pipe.name,
        "description": pipe.description,
        "type": "endpoint" if pipe.endpoint else "default",
        "endpoint": node_ids[pipe.endpoint] if pipe.endpoint else None,
        "url": f"{host}/v0/pipes/{pipe.name}.json",
        "parameters": parameters,
        "created_at": changed,
        "updated_at": changed,
        "tags": {},
        "nodes": [
            {
                "id": node_ids[node.name],
                "name": node.name,
                "description": node.description,
                "sql": f"%\n{node.sql}" if node.is_template else node.sql,
                "node_type": "endpoint" if node.name == pipe.endpoint else "standard",
                "params": parameters if node.name == pipe.endpoint else [],
                "tags": {},
            }
            for node in pipe.nodes
        ],
    }


def job_info(job: Job, host: str) -> JsonObject:
    """One delete job."""
    info: JsonObject = {
        "id": job.id,
        "job_id": job.id,
        "job_url": f"{host}/v0/jobs/{job.id}",
        "kind": DELETE_JOB,
        "status": job.status,
        "created_at": _moment(job.created_at),
        "updated_at": _moment(job.updated_at),
        "started_at": _moment(job.created_at),
        "is_cancellable": False,
        "delete_condition": job.condition,
        "datasource": {"id": identifier("datasource", job.datasource), "name": job.datasource},
        "rows_affected": job.rows,
    }
    return info if job.error is None else {**info, "error": job.error}


def token_infos(project: Project, tokens: Tokens) -> list[JsonObject]:
    """The admin token, then every token that the datafiles declare with all its scopes."""
    infos: dict[tuple[str, Role], JsonObject] = {
        ("workspace admin token", "admin"): _token("workspace admin token", tokens.admin, [{"type": "ADMIN"}])
    }
    for resource, grant in project.grants():
        kind = "pipe" if resource in project.pipes else "datasource"
        role: Role = "read" if grant.scope == "READ" else "append"
        scope = {"type": _SCOPE_TYPES[kind, grant.scope], "resource": resource, "filter": ""}
        value = tokens.read if role == "read" else tokens.append
        info = infos.setdefault((grant.token_name, role), _token(grant.token_name, value, []))
        scopes = info["scopes"]
        if isinstance(scopes, list):
            scopes.append(scope)
    return list(infos.values())


def workspace_info(role: Role) -> JsonObject:
    """The one workspace."""
    owner = identifier("user", "owner")
    return {
        "id": str(uuid.uuid5(_NAMESPACE, WORKSPACE)),
        "name": WORKSPACE,
        "user_id": owner,
        "user_email": "local@localhost",
        "user_name": "local",
        "scope": "admin" if role == "admin" else "user",
        "role": "admin" if role == "admin" else "viewer",
        "main": None,
        "is_branch": False,
        "plan": "local",
        "releases": [],
        "members": [],
        "token": None,
        "organization": None,
    }


def _token(name: str, value: str, scopes: list[JsonObject]) -> JsonObject:
    return {
        "id": identifier("token", name),
        "name": name,
        "token": value,
        "scopes": scopes,
        "origin": {"type": "DF"},
        "host": "",
        "is_internal": False,
    }


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _changed(path: Path) -> str:
    return _moment(datetime.fromtimestamp(path.stat().st_mtime, UTC))
