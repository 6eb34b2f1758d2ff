"""npm's `feelin`, the FEEL of bpmn.io, to measure and compare ours with: installed once, run by node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

VERSION = "8.2.0"
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlc-service" / f"feelin-{VERSION}"

_PACKAGE = FOLDER / "node_modules" / "feelin" / "package.json"


class NotHere(Exception):
    """feelin cannot be run here; the message says why."""


def run(script: str, given: Any, *, timeout_seconds: float = 600) -> Any:
    """What the ES module answers as JSON on its standard output; it finds `given` as JSON on its input.

    Raises NotHere if there is no node, or feelin is not in the cache and npm cannot fetch it.
    """
    folder = _installed()
    asked = json.dumps(given).encode()
    with tempfile.NamedTemporaryFile("w", suffix=".mjs", dir=folder) as module:
        module.write(script)
        module.flush()
        command = ["node", "--stack-size=2000", module.name]
        done = subprocess.run(command, input=asked, capture_output=True, timeout=timeout_seconds)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return json.loads(done.stdout)


def is_here() -> bool:
    """Whether feelin can be run without fetching anything."""
    return shutil.which("node") is not None and _PACKAGE.is_file()


def _installed() -> Path:
    node = shutil.which("node")
    if node is None:
        raise NotHere("there is no node")
    if not _PACKAGE.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise NotHere("there is no npm to install feelin with")
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(FOLDER), f"feelin@{VERSION}"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise NotHere(f"npm could not install feelin {VERSION}: {error}") from None
    return FOLDER
