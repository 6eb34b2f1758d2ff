"""Bearer tokens: HS256 JWTs, one to call with and one to renew with."""

from __future__ import annotations

from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from mlc_service.clock import Clock

ACCESS = "access"
REFRESH = "refresh"
_ALGORITHMS = ["HS256"]


class InvalidToken(Exception):
    """The token is not ours, is over, or is of the wrong kind."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login answers; `expires_in` counts seconds of the access token."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a checked token says: whose it is and which password it was issued under."""

    user_id: str
    password_mark: str


class Tokens:
    """Issues and checks tokens with one key."""

    def __init__(
        self, key: bytes, clock: Clock, *, access_seconds: int = 3600, refresh_seconds: int = 12 * 3600
    ) -> None:
        self._key = OctKey.import_key(key)
        self._clock = clock
        self._seconds = {ACCESS: access_seconds, REFRESH: refresh_seconds}

    def issue(self, claims: TokenClaims) -> TokenPair:
        """A fresh pair; both name the user, neither holds anything secret."""
        return TokenPair(
            access_token=self._encode(claims, ACCESS),
            refresh_token=self._encode(claims, REFRESH),
            expires_in=self._seconds[ACCESS],
        )

    def check(self, token: str, kind: str) -> TokenClaims:
        """What the token says, if it is ours, of this kind and not over; else raises `InvalidToken`."""
        registry = jwt.JWTClaimsRegistry(
            now=self._now_seconds,
            sub={"essential": True},
            exp={"essential": True},
            kind={"essential": True, "value": kind},
        )
        try:
            claims = jwt.decode(token, self._key, algorithms=_ALGORITHMS).claims
            # decode() checks the signature only: an expired token passes it
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidToken(str(error)) from error
        return TokenClaims(user_id=claims["sub"], password_mark=str(claims.get("mark", "")))

    def _encode(self, claims: TokenClaims, kind: str) -> str:
        now = self._now_seconds()
        return jwt.encode(
            {"alg": "HS256"},
            {
                "sub": claims.user_id,
                "mark": claims.password_mark,
                "kind": kind,
                "iat": now,
                "exp": now + self._seconds[kind],
            },
            self._key,
            algorithms=_ALGORITHMS,
        )

    def _now_seconds(self) -> int:
        return int(self._clock.now().timestamp())
