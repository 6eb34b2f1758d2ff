"""Starts worker processes for scripts behind a wall, and says where that cannot be done.

`sandbox` is the setting that models have too: `landlock` puts up the whole wall or refuses; `rlimits` is an
administrator's word for a machine whose kernel cannot close files: calls are closed all the same on Linux.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlc_service.language.worker_side import wall

__all__ = ["SandboxKind", "Wall", "start", "why_no_wall"]

SandboxKind = Literal["landlock", "rlimits"]

_SIDE = Path(__file__).with_name("worker_side")
# by its place, not by sys.path: no name of ours may meet one of a script
_BOOTSTRAP = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "_mlc_worker_side", {str(_SIDE / "__init__.py")!r}, submodule_search_locations=[{str(_SIDE)!r}]
)
sys.modules["_mlc_worker_side"] = importlib.util.module_from_spec(spec)
from _mlc_worker_side.launch import main
main()
"""


@dataclass(frozen=True, slots=True)
class Wall:
    """What a worker may see: `readable` files and folders, and of `listable` folders the names only."""

    sandbox: SandboxKind
    readable: tuple[str, ...] = ()
    listable: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def why_no_wall(sandbox: SandboxKind) -> str | None:
    """Why scripts cannot be walled in on this machine, as a sentence; None if they can."""
    if sandbox == "rlimits":
        return None
    if not wall.knows_this_machine():
        return (
            "Script workers are walled in on Linux on x86_64 and aarch64 only. "
            "Set the sandbox to 'rlimits' to run them without a wall."
        )
    if wall.landlock_abi() < 1:
        return (
            "This kernel has no Landlock (Linux 5.13 or newer with Landlock enabled), so script workers cannot be kept "
            "from files. Set the sandbox to 'rlimits' to run them without that."
        )
    return None


def start(wall_around: Wall, command: Sequence[str] | None) -> subprocess.Popen[bytes]:
    """A worker's process under way: that program, or with None the full Python of this very interpreter."""
    order = {
        "worker": "python" if command is None else "program",
        "command": None if command is None else list(command),
        "environ": dict(wall_around.environ),
        "readable": list(wall_around.readable),
        "listable": list(wall_around.listable),
        "files_closed": wall_around.sandbox == "landlock",
        "calls_closed": wall_around.sandbox == "landlock" or wall.knows_this_machine(),
    }
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _BOOTSTRAP, json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LANG": "C.UTF-8", "TZ": "UTC", **wall_around.environ},
        start_new_session=True,
        bufsize=0,
    )
