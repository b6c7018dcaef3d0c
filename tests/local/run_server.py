"""Serves a project for the tests: `python run_server.py FD PROJECT DATA QUERY_SECONDS [ORIGIN ...]`; tokens are fixed."""

import socket
import sys
from pathlib import Path

import uvicorn

from analytics.local.tinybird.project.datafile import DatafileError
from analytics.local.tinybird.project.tokens import Tokens
from analytics.local.tinybird.server.app import MAX_ADDRESS_BYTES, create_app
from analytics.local.tinybird.storage.clickhouse import DirectoryUnusable, Limits

TOKENS = Tokens(read="read-token", append="append-token", admin="admin-token")


def main(descriptor: str, project: str, data: str, query_seconds: str, *origins: str) -> None:
    """Serves until SIGTERM."""
    try:
        app = create_app(
            Path(project), Path(data), TOKENS, Limits(query_seconds=float(query_seconds)), web_origins=origins
        )
    except (DatafileError, DirectoryUnusable) as error:
        sys.exit(str(error))
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", ws="none", h11_max_incomplete_event_size=MAX_ADDRESS_BYTES
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main(*sys.argv[1:])
