"""The first lines a worker's process runs: puts up the wall that the order asks for, then is the worker.

Standard input and output are the worker's lines. What goes wrong before the worker is there is told as one line.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from . import wall


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    try:
        os.chdir("/")
        limit_resources()
        if order["worker"] == "python":
            serve_python(order)
        else:
            become_program(order)
    except Exception as wrong:
        print(json.dumps({"refused": f"{type(wrong).__name__}: {wrong}"}), flush=True)
        sys.exit(1)


def limit_resources() -> None:
    wall.limit(resource.RLIMIT_CORE, 0)
    wall.limit(resource.RLIMIT_FSIZE, 0)
    wall.limit(resource.RLIMIT_NOFILE, 256)


def become_program(order: dict[str, Any]) -> None:
    """A program with threads of its own: the whole wall stands before it starts."""
    command: list[str] = order["command"]
    if order["files_closed"]:
        wall.close_files(order["readable"], order["listable"])
    if order["calls_closed"]:
        wall.drop_rights()
        name = wall.close_calls(command[0])
        assert name is not None
        wall.become(name, command, order["environ"])
    os.execve(command[0], command, order["environ"])  # noqa: S606


def serve_python(order: dict[str, Any]) -> None:
    """Full Python: what scripts may import is loaded, files are closed; each script's own process closes the rest."""
    from . import python_worker

    python_worker.load_modules()
    if order["files_closed"]:
        wall.close_files(order["readable"], order["listable"])
    if order["calls_closed"]:
        wall.drop_rights()
    python_worker.serve(closes_calls=order["calls_closed"])
