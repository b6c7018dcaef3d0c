"""Runs the Tinybird-compatible server on a socket it inherits. Knows nothing of Postgres or of demo data.

Started by `local_stack.py` as `python -m analytics.local.tinybird.server.process FD PROJECT_DIR DATA_DIR [ORIGIN ...]`: the stack binds the socket,
so that a taken port is found before anything starts, and a request sent early waits instead of failing.
"""

import socket
import sys
from pathlib import Path

import uvicorn

from analytics.local.tinybird.project.datafile import DatafileError
from analytics.local.tinybird.project.tokens import load_tokens
from analytics.local.tinybird.server.app import MAX_ADDRESS_BYTES, create_app
from analytics.local.tinybird.storage.clickhouse import DirectoryUnusable

SHUTDOWN_SECONDS = 3


def main(arguments: list[str]) -> int:
    """Serves until SIGTERM; returns 0 then, and 1 when the server could not start (the reason is printed)."""
    descriptor, project_dir, data_dir = int(arguments[0]), Path(arguments[1]), Path(arguments[2])
    try:
        app = create_app(project_dir, data_dir, load_tokens(data_dir), web_origins=arguments[3:])
    except (DatafileError, DirectoryUnusable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    config = uvicorn.Config(
        app,
        access_log=False,  # addresses may carry tokens
        log_level="warning",
        ws="none",
        h11_max_incomplete_event_size=MAX_ADDRESS_BYTES,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[socket.socket(fileno=descriptor)])
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
