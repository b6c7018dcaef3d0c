"""Builds the API's JSON about data sources, pipes, tokens, jobs and the workspace.

Field names are Tinybird's; the official command line reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from analytics.local.tinybird.engine import Size
from analytics.local.tinybird.project.datafile import Datasource, Pipe
from analytics.local.tinybird.project.project import QUARANTINE, Project, identifier
from analytics.local.tinybird.project.tokens import Role, Tokens
from analytics.local.tinybird.query.composer import Composer
from analytics.local.tinybird.server.deployment import CHECK_LIMITS, Checked
from analytics.local.tinybird.storage.jobs import Job

JsonObject = dict[str, object]

WORKSPACE = "inbox_analytics"
REGION = "local"
_ALWAYS_OF_DATASOURCE = frozenset(
    {"id", "name", "engine", "columns", "indexes", "new_columns_detected", "quarantine_rows"}
)
_ALWAYS_OF_PIPE = frozenset({"id", "name", "url"})
"""Fields that `attrs` does not take away; published clients (mcp-tinybird) rely on them."""

_SCOPE_TYPES = {
    ("pipe", "READ"): "PIPES:READ",
    ("datasource", "READ"): "DATASOURCES:READ",
    ("datasource", "APPEND"): "DATASOURCES:APPEND",
}


def datasource_info(datasource: Datasource, sizes: dict[str, Size]) -> JsonObject:
    """One data source with its columns and sizes."""
    changed = _changed(datasource.path)
    size = sizes.get(datasource.name, Size(0, 0))
    quarantine = sizes.get(datasource.name + QUARANTINE, Size(0, 0))
    options = {key.lower(): value for key, value in datasource.options.items()}
    ttl = options.pop("engine_ttl", "")
    engine = {
        "engine": datasource.engine,
        "engine_partition_key": "",
        "engine_primary_key": options["engine_sorting_key"],
        **options,
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
        "ttl": ttl,
        "indexes": [],
        "new_columns_detected": {},
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
                "dependencies": list(node.dependencies),
                "tags": {},
            }
            for node in pipe.nodes
        ],
    }


def example(pipe: Pipe, composer: Composer, host: str, token: str) -> str:
    """The address of an endpoint with the defaults of its parameters."""
    query = {each["name"]: each["default"] for each in composer.parameters(pipe) if "default" in each}
    return f"{host}/v0/pipes/{pipe.name}.json?{urlencode({**query, 'token': token})}"


def narrowed_datasource(info: JsonObject, fields: Mapping[str, str]) -> JsonObject:
    """The fields of a data source that `attrs` names, and those that are always sent; all without `attrs`."""
    return _narrowed(info, fields.get("attrs", ""), _ALWAYS_OF_DATASOURCE)


def narrowed_pipe(info: JsonObject, fields: Mapping[str, str]) -> JsonObject:
    """The fields of a pipe that `attrs` names, its nodes with those that `node_attrs` names; all without them."""
    nodes, node_attrs = info["nodes"], fields.get("node_attrs", "")
    if not node_attrs or not isinstance(nodes, list):
        return _narrowed(info, fields.get("attrs", ""), _ALWAYS_OF_PIPE)
    narrowed = [_narrowed(node, node_attrs, frozenset({"id", "name"})) for node in nodes]
    return {**_narrowed(info, fields.get("attrs", ""), _ALWAYS_OF_PIPE), "nodes": narrowed}


def _narrowed(info: JsonObject, attrs: str, always: frozenset[str]) -> JsonObject:
    """The fields of an object that a comma-separated list names.

    >>> _narrowed({"id": 1, "name": "a", "sql": "SELECT 1"}, "sql,nothing", frozenset({"id"}))
    {'id': 1, 'sql': 'SELECT 1'}
    """
    wanted = {name.strip() for name in attrs.split(",")} - {""}
    return {name: value for name, value in info.items() if not wanted or name in wanted | always}


def import_info(job: Job) -> JsonObject:
    """The result of a file import: counts of stored and quarantined rows, in the fields of each client."""
    counts = {
        "lines": job.rows,
        "quarantine": job.quarantined,
        "invalid_lines": job.malformed,
        "parser": "local",
    }
    return {
        "import_id": job.id,
        "successful_rows": job.rows,
        "quarantined_rows": job.quarantined,
        "quarantine_rows": job.quarantined,
        "invalid_lines": job.malformed,
        "blocks": [{"block_id": job.id, "process_return": [counts], "processing_time": 0}],
    }


def import_error(job: Job) -> str | bool:
    """The `error` of an import with quarantined rows, as the first version of the API words it; False without any."""
    if not job.quarantined:
        return False
    found = f"{job.quarantined} {'row' if job.quarantined == 1 else 'rows'} in quarantine"
    if job.malformed:
        found += f" and {job.malformed} invalid {'line' if job.malformed == 1 else 'lines'}"
    return f"There was an error with file contents: {found}."


def job_info(job: Job, host: str) -> JsonObject:
    """One delete or import job."""
    of_kind: JsonObject = (
        import_info(job)
        if job.kind == "import"
        else {"delete_condition": job.condition, "rows_affected": job.rows}
    )
    info: JsonObject = {
        "id": job.id,
        "job_id": job.id,
        "job_url": f"{host}/v0/jobs/{job.id}",
        "kind": job.kind,
        "status": job.status,
        "created_at": _moment(job.created_at),
        "updated_at": _moment(job.updated_at),
        "started_at": _moment(job.created_at),
        "is_cancellable": False,
        "datasource": {"id": identifier("datasource", job.datasource), "name": job.datasource},
        **of_kind,
    }
    return info if job.error is None else {**info, "error": job.error}


def deployment_info(started_at: datetime) -> JsonObject:
    """The one deployment there is."""
    return {
        "id": "1",
        "status": "data_ready",
        "live": True,
        "created_at": started_at.isoformat(),
        "updated_at": started_at.isoformat(),
        "errors": [],
        "feedback": [],
    }


def check_info(checked: Checked) -> JsonObject:
    """The result of a deployment check."""
    feedback = [] if checked.errors else [{"level": "WARNING", "resource": None, "message": CHECK_LIMITS}]
    deployment: JsonObject = {
        "id": "check",
        "status": "failed" if checked.errors else "calculating",
        "live": False,
        "errors": [{"filename": error.file, "error": error.reason} for error in checked.errors],
        "feedback": feedback,
    }
    for state, names in checked.changes.items():
        for kind, suffix in (("datasource", ".datasource"), ("pipe", ".pipe")):
            deployment[f"{state}_{kind}_names"] = [
                name.removesuffix(suffix) for name in names if name.endswith(suffix)
            ]
    is_changed = any(checked.changes.values())
    result = "failed" if checked.errors else "success" if is_changed else "no_changes"
    return {"result": result, "deployment": deployment}


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
    """The one workspace, as the first version of the API describes it."""
    return {
        **short_workspace_info(role),
        "user_name": "local",
        "role": "admin" if role == "admin" else "viewer",
        "owner": identifier("user", "owner"),
        "is_branch": False,
        "plan": "local",
        "releases": [],
        "members": [],
        "token": None,
        "organization": None,
    }


def short_workspace_info(role: Role) -> JsonObject:
    """The one workspace, with the fields that `/v1/workspace` has for Tinybird's SDKs, which refuse any other."""
    return {
        "id": "11e1449c-0fef-5c49-b87b-c9e04bb0ef07",
        "name": WORKSPACE,
        "user_id": identifier("user", "owner"),
        "user_email": "local@localhost",
        "scope": "admin" if role == "admin" else "user",
        "main": None,
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
