"""Groovy for the tests that need it: installed once per machine, by the service's own installer."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from mlc_service.language.groovy_install import InstallFailed, install
from mlc_service.language.walls import why_no_wall


@pytest.fixture(scope="session")
def groovy_folder() -> Path:
    """A folder with Groovy, kept between runs; skips where none can be had."""
    folder = Path(os.environ.get("MLC_TEST_GROOVY") or Path.home() / ".cache/mlc-test-groovy")
    folder.mkdir(parents=True, exist_ok=True)
    # one pytest process installs, its siblings wait and find it done
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            installed = install(folder)
        except InstallFailed as failure:
            pytest.skip(f"no Groovy: {failure}")
    problem = installed.problem or why_no_wall("landlock")
    if problem:
        pytest.skip(f"no Groovy: {problem}")
    return folder
