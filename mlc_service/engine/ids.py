"""Ids: the engine counts, the outside world reads UUIDs.

Everything an instance gives birth to (activity instances, tasks, jobs, subscriptions) has a number that is unique
within the instance. Together with the instance's own UUID that number makes a UUID, the same one every time.
"""

from __future__ import annotations

from uuid import UUID

_LOW_48_BITS = (1 << 48) - 1
_LAST_GROUP = len("01234567-89ab-cdef-0123-")


def derived_id(instance_id: UUID | str, number: int) -> str:
    """The UUID of thing `number` of an instance, as text; equal input gives equal output.

    A text must be as `str(UUID)` writes it.
    """
    owner = instance_id if isinstance(instance_id, str) else str(instance_id)
    # the last group of a UUID's text is its low 48 bits
    return f"{owner[:_LAST_GROUP]}{int(owner[_LAST_GROUP:], 16) ^ (number & _LOW_48_BITS):012x}"


def number_of(instance_id: UUID | str, derived: UUID | str) -> int | None:
    """The number that `derived_id` was given, or None if the id belongs to another instance."""
    owner = instance_id if isinstance(instance_id, UUID) else UUID(instance_id)
    other = derived if isinstance(derived, UUID) else UUID(derived)
    number = owner.int ^ other.int
    return number if number <= _LOW_48_BITS else None
