"""Password hashes: argon2id with the OWASP minimum (19 MiB, 2 passes, 1 lane), about 17 ms a check."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Checked in place of a missing account's hash, so that an unknown user costs as long as a wrong password.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))

# No letters or digits that look alike: this is read off a terminal by a person.
_READABLE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

MAX_PASSWORD_LENGTH = 1024


def hash_password(password: str) -> str:
    """The argon2id hash to store, parameters and salt included."""
    return _HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; None (no such account) takes as long and is False."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    try:
        matches = _HASHER.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def random_password(length: int = 20) -> str:
    """A password nobody chose, easy to read aloud; 20 characters hold about 115 bits."""
    return "".join(secrets.choice(_READABLE) for _ in range(length))
