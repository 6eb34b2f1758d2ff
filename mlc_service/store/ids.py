"""Ids for what is born outside an instance."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

_VERSION_4 = 0x4 << 76
_VARIANT = 0b10 << 62
_RANDOM_A = ((1 << 12) - 1) << 64
_RANDOM_B = (1 << 62) - 1


def new_id(now: datetime) -> str:
    """A fresh UUID as text. Ids of about the same time are neighbours, so that an index grows at one end.

    It says it is of version 4, the one that every client accepts; its first 48 bits are milliseconds since 1970.
    """
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    chance = secrets.randbits(80)
    return str(UUID(int=milliseconds << 80 | _VERSION_4 | chance & _RANDOM_A | _VARIANT | chance & _RANDOM_B))
