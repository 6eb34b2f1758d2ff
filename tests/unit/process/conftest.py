from __future__ import annotations

from typing import Any

import pytest

from mlc_service.store.units import Units
from tests.unit.process.service import Service


@pytest.fixture
def service(units: Units, clock: Any) -> Service:
    """The process room on a fresh database."""
    return Service(units, clock)
