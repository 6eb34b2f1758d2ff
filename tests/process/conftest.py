from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlc_service.settings import Settings
from tests.groovy import groovy_folder
from tests.process.world import World, running_world

__all__ = ["groovy_folder"]


@pytest.fixture(scope="session")
def environments() -> Path:
    """Where the environments of test models are cached between runs."""
    default = Path.home() / ".cache" / "mlc-test-environments"
    return Path(os.environ.get("MLC_TEST_ENVIRONMENTS", default))


@pytest.fixture
def world(database_url: str, tmp_path: Path, environments: Path) -> Iterator[World]:
    """A running service with the main process deployed and a board for tickets."""
    settings = Settings(
        data=tmp_path / "data",
        database_url=database_url,
        authentication=False,
        environments=environments,
        ticket_poll_seconds=0.1,
    )
    with running_world(settings) as running:
        running.deploy()
        yield running
