"""Many instances at once rest, or go on."""

from __future__ import annotations

from collections.abc import Iterable

from mlc_service.process.instances import set_instance_suspended
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.units import UnitOfWork


def set_instances_suspended(unit: UnitOfWork, around: Surroundings, ids: Iterable[str], suspended: bool) -> None:
    """Those of the instances that are alive rest with their tasks and jobs, or go on."""
    # in id order, as everybody who locks several
    for id in sorted(set(ids)):
        try:
            set_instance_suspended(unit, around, id, suspended)
        except NotFound:
            continue
