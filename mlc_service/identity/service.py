"""Authentication against real accounts."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from mlc_service.clock import Clock
from mlc_service.identity.accounts import Account, AccountStore
from mlc_service.identity.gate import Authenticated, NotAuthenticated
from mlc_service.identity.login_limit import LoginLimit
from mlc_service.identity.passwords import hash_password, needs_rehash, password_matches, random_password
from mlc_service.identity.tokens import ACCESS, REFRESH, InvalidToken, TokenClaims, TokenPair, Tokens

SIGNING_KEY = "identity.signing_key"
FIRST_USER = "admin"
FIRST_GROUPS = ("admin", "camunda-admin")
# Both are how long a change made by another process may go unnoticed, traded against work per request.
_ACCOUNT_SECONDS = 5
_DIGEST_SECONDS = 60
_REMEMBERED = 10_000

Value = TypeVar("Value")


class _Remembered(Generic[Value]):
    """A bounded map whose entries end after a while."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._entries: OrderedDict[object, tuple[datetime, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object) -> Value | None:
        with self._lock:
            entry = self._entries.get(key)
            return entry[1] if entry is not None and self._clock.now() < entry[0] else None

    def put(self, key: object, value: Value) -> None:
        with self._lock:
            self._entries[key] = (self._clock.now() + self._life, value)
            self._entries.move_to_end(key)
            while len(self._entries) > _REMEMBERED:
                self._entries.popitem(last=False)

    def drop(self, key: object) -> None:
        with self._lock:
            self._entries.pop(key, None)


class Identity:
    """A `Gate` over stored accounts: Basic and bearer tokens of our own."""

    def __init__(
        self,
        accounts: AccountStore,
        clock: Clock,
        *,
        access_seconds: int = 3600,
        refresh_seconds: int = 12 * 3600,
        limit: LoginLimit | None = None,
    ) -> None:
        self._accounts = accounts
        self._limit = limit or LoginLimit(clock)
        key = bytes.fromhex(accounts.get_or_put(SIGNING_KEY, secrets.token_hex(32)))
        self._tokens = Tokens(key, clock, access_seconds=access_seconds, refresh_seconds=refresh_seconds)
        self._mark_key = hmac.digest(key, b"password mark", "sha256")
        # Known to this process only, so that what is remembered here is worthless anywhere else.
        self._digest_key = secrets.token_bytes(32)
        self._known: _Remembered[Account] = _Remembered(clock, _ACCOUNT_SECONDS)
        self._verified: _Remembered[bool] = _Remembered(clock, _DIGEST_SECONDS)

    def first_start(self, chosen: str | None = None) -> str | None:
        """`admin` exists, with the chosen password or a random one.

        Returns a random password if it was made up now, to be shown once; else None. Of processes that start at once
        one creates the account.
        """
        if not self._accounts.is_empty():
            return None
        password = chosen or random_password()
        first = Account(FIRST_USER, hash_password(password), groups=tuple(FIRST_GROUPS))
        return password if self._accounts.add_first(first) and not chosen else None

    def set_account(self, user_id: str, password: str, groups: Iterable[str] = ()) -> None:
        """The account exists with this password and these groups; tokens of an earlier password are void."""
        account = self._accounts.find(user_id) or Account(user_id, "")
        self._accounts.save(replace(account, password_hash=hash_password(password), groups=tuple(groups)))
        self._known.drop(user_id)

    def authenticate(self, authorization: str | None, address: str) -> Authenticated:
        """See `Gate`."""
        if not authorization:
            raise NotAuthenticated("Authentication is required.", credentials_given=False)
        scheme, _, credentials = authorization.strip().partition(" ")
        match scheme.lower():
            case "basic":
                user_id, password = _basic_credentials(credentials)
                return _caller(self._check_password(user_id, password, address))
            case "bearer":
                return _caller(self._check_token(credentials.strip(), ACCESS))
        raise NotAuthenticated("Use Basic or Bearer authentication.", credentials_given=True)

    def log_in(self, user_id: str, password: str, address: str) -> TokenPair:
        """See `Gate`."""
        return self._issue(self._check_password(user_id, password, address))

    def refresh(self, refresh_token: str) -> TokenPair:
        """See `Gate`."""
        return self._issue(self._check_token(refresh_token, REFRESH))

    def _issue(self, account: Account) -> TokenPair:
        return self._tokens.issue(TokenClaims(account.id, self._mark(account)))

    def _check_password(self, user_id: str, password: str, address: str) -> Account:
        account = self._find(user_id)
        seen = self._digest(account, password) if account else None
        if account is not None and self._verified.get(seen):
            return account
        self._limit.check(user_id, address)
        if not password_matches(account.password_hash if account else None, password) or account is None:
            self._limit.failed(user_id, address)
            raise NotAuthenticated("Unknown user or wrong password.", credentials_given=True)
        self._limit.succeeded(user_id, address)
        if needs_rehash(account.password_hash):
            account = replace(account, password_hash=hash_password(password))
            self._accounts.save(account)
            self._known.put(user_id, account)
        self._verified.put(self._digest(account, password), True)
        return account

    def _check_token(self, token: str, kind: str) -> Account:
        try:
            claims = self._tokens.check(token, kind)
        except InvalidToken as error:
            raise NotAuthenticated("The token is not valid or has expired.", credentials_given=True) from error
        account = self._find(claims.user_id)
        if account is None or not hmac.compare_digest(self._mark(account), claims.password_mark):
            raise NotAuthenticated("The token is not valid any more.", credentials_given=True)
        return account

    def _find(self, user_id: str) -> Account | None:
        if not user_id or "\x00" in user_id:
            return None
        account = self._known.get(user_id)
        if account is None:
            account = self._accounts.find(user_id)
            if account is not None:
                self._known.put(user_id, account)
        return account

    def _mark(self, account: Account) -> str:
        """Changes with the password, says nothing about it."""
        return hmac.digest(self._mark_key, account.password_hash.encode(), "sha256").hex()[:16]

    def _digest(self, account: Account, password: str) -> bytes:
        """What is remembered of a password that was right; worthless once the stored hash changes."""
        parts = (account.id, account.password_hash, password)
        message = b"".join(sha256(part.encode("utf-8", "surrogatepass")).digest() for part in parts)
        return hmac.digest(self._digest_key, message, "sha256")


def _caller(account: Account) -> Authenticated:
    return Authenticated(account.id, account.groups)


def _basic_credentials(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise NotAuthenticated("The Basic credentials cannot be read.", credentials_given=True) from error
    user_id, colon, password = text.partition(":")
    if not colon:
        raise NotAuthenticated("The Basic credentials cannot be read.", credentials_given=True)
    return user_id, password
