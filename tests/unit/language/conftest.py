"""Script runners that the tests of Groovy and of full Python share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlc_service.language.scripts import GroovySettings, ScriptRunner
from mlc_service.language.walls import why_no_wall
from tests.groovy import groovy_folder

__all__ = ["groovy_folder"]


@pytest.fixture(scope="module")
def groovy_runner(groovy_folder: Path) -> Iterator[ScriptRunner]:
    runner = ScriptRunner(groovy=GroovySettings(folder=groovy_folder))
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def full_runner() -> Iterator[ScriptRunner]:
    """A runner that allows full Python."""
    problem = why_no_wall("landlock")
    if problem:
        pytest.skip(problem)
    runner = ScriptRunner(full_python=True)
    yield runner
    runner.close()
