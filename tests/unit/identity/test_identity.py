"""Who gets in, who does not, and what it costs."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from mlc_service.identity import (
    Account,
    Authenticated,
    Identity,
    InvalidToken,
    NotAuthenticated,
    OpenDoor,
    TooManyAttempts,
)
from mlc_service.identity import service as identity_service
from mlc_service.identity.tokens import ACCESS, REFRESH, TokenClaims, Tokens

HERE = "127.0.0.1"


class SettableClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class MemoryAccounts:
    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.secrets: dict[str, str] = {}

    def find(self, user_id: str) -> Account | None:
        return self.accounts.get(user_id)

    def save(self, account: Account) -> None:
        self.accounts[account.id] = account

    def add_first(self, account: Account) -> bool:
        if self.accounts:
            return False
        self.save(account)
        return True

    def delete(self, user_id: str) -> None:
        self.accounts.pop(user_id, None)

    def is_empty(self) -> bool:
        return not self.accounts

    def get_or_put(self, name: str, fresh: str) -> str:
        return self.secrets.setdefault(name, fresh)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def accounts() -> MemoryAccounts:
    return MemoryAccounts()


@pytest.fixture
def identity(accounts: MemoryAccounts, clock: SettableClock) -> Identity:
    identity = Identity(accounts, clock)
    identity.set_account("kermit", "frog", ["approvers"])
    return identity


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_the_first_start_makes_an_admin_with_a_random_password_once(accounts, clock):
    identity = Identity(accounts, clock)
    password = identity.first_start()
    assert password
    assert identity.first_start() is None
    caller = identity.authenticate(basic("admin", password), HERE)
    assert caller == Authenticated("admin", ("admin", "camunda-admin"))
    assert password not in accounts.accounts["admin"].password_hash
    assert accounts.accounts["admin"].password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_basic_and_bearer_lead_to_the_same_caller(identity):
    pair = identity.log_in("kermit", "frog", HERE)
    expected = Authenticated("kermit", ("approvers",))
    assert identity.authenticate(basic("kermit", "frog"), HERE) == expected
    assert identity.authenticate(f"Bearer {pair.access_token}", HERE) == expected
    assert identity.authenticate(f"bearer  {pair.access_token}", HERE) == expected


def test_a_password_may_hold_colons_and_umlauts(identity):
    identity.set_account("gonzo", "a:b:ü", [])
    assert identity.authenticate(basic("gonzo", "a:b:ü"), HERE).user_id == "gonzo"


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic %%%", "Basic a2VybWl0", "Digest x", "Bearer", "Bearer a.b.c", "Basic /w=="],
)
def test_unreadable_credentials_are_refused(identity, header):
    with pytest.raises(NotAuthenticated) as refused:
        identity.authenticate(header, HERE)
    assert refused.value.credentials_given is bool(header)


def test_a_wrong_password_and_an_unknown_user_are_told_alike(identity):
    with pytest.raises(NotAuthenticated) as wrong:
        identity.log_in("kermit", "pig", HERE)
    with pytest.raises(NotAuthenticated) as unknown:
        identity.log_in("piggy", "pig", HERE)
    assert str(wrong.value) == str(unknown.value)


def test_an_expired_token_is_refused(identity, clock):
    pair = identity.log_in("kermit", "frog", HERE)
    clock.advance(3599)
    identity.authenticate(f"Bearer {pair.access_token}", HERE)
    clock.advance(1)
    with pytest.raises(NotAuthenticated):
        identity.authenticate(f"Bearer {pair.access_token}", HERE)


def test_a_refresh_token_renews_but_opens_nothing_itself(identity, clock):
    pair = identity.log_in("kermit", "frog", HERE)
    with pytest.raises(NotAuthenticated):
        identity.authenticate(f"Bearer {pair.refresh_token}", HERE)
    with pytest.raises(NotAuthenticated):
        identity.refresh(pair.access_token)
    clock.advance(3700)
    renewed = identity.refresh(pair.refresh_token)
    assert identity.authenticate(f"Bearer {renewed.access_token}", HERE).user_id == "kermit"
    clock.advance(12 * 3600)
    with pytest.raises(NotAuthenticated):
        identity.refresh(pair.refresh_token)


def test_a_new_password_voids_tokens_and_remembered_passwords(identity):
    pair = identity.log_in("kermit", "frog", HERE)
    identity.set_account("kermit", "prince", [])
    for header in (f"Bearer {pair.access_token}", basic("kermit", "frog")):
        with pytest.raises(NotAuthenticated):
            identity.authenticate(header, HERE)


def test_a_deleted_account_is_out_within_seconds(identity, accounts, clock):
    pair = identity.log_in("kermit", "frog", HERE)
    accounts.delete("kermit")
    clock.advance(5)
    for header in (f"Bearer {pair.access_token}", basic("kermit", "frog")):
        with pytest.raises(NotAuthenticated):
            identity.authenticate(header, HERE)


def test_a_key_of_another_service_is_worth_nothing(identity, clock):
    stranger = Tokens(b"y" * 32, clock).issue(TokenClaims("kermit", ""))
    with pytest.raises(NotAuthenticated):
        identity.authenticate(f"Bearer {stranger.access_token}", HERE)


def test_a_restart_keeps_tokens_good(identity, accounts, clock):
    pair = identity.log_in("kermit", "frog", HERE)
    again = Identity(accounts, clock)
    assert again.authenticate(f"Bearer {pair.access_token}", HERE).user_id == "kermit"


def test_a_right_basic_password_is_hashed_once_a_minute(identity, clock, monkeypatch):
    calls = []
    real = identity_service.password_matches
    monkeypatch.setattr(identity_service, "password_matches", lambda h, p: calls.append(p) or real(h, p))
    for _ in range(5):
        identity.authenticate(basic("kermit", "frog"), HERE)
    assert calls == ["frog"]
    clock.advance(60)
    identity.authenticate(basic("kermit", "frog"), HERE)
    assert calls == ["frog", "frog"]
    with pytest.raises(NotAuthenticated):
        identity.authenticate(basic("kermit", "toad"), HERE)


def test_after_five_failures_even_the_right_password_waits(identity, clock):
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            identity.log_in("kermit", "pig", HERE)
    with pytest.raises(TooManyAttempts) as wait:
        identity.log_in("kermit", "frog", HERE)
    assert 0 < wait.value.retry_after_seconds <= 60
    assert identity.log_in("kermit", "frog", "10.0.0.9").access_token
    clock.advance(60)
    assert identity.log_in("kermit", "frog", HERE).access_token


def test_an_address_that_tries_many_users_is_stopped(identity):
    for number in range(50):
        with pytest.raises(NotAuthenticated):
            identity.log_in(f"user{number}", "pig", HERE)
    with pytest.raises(TooManyAttempts):
        identity.log_in("kermit", "frog", HERE)


def test_an_endless_password_is_refused_without_hashing_it(identity):
    with pytest.raises(NotAuthenticated):
        identity.log_in("kermit", "x" * 1_000_000, HERE)


def test_tokens_need_every_claim(clock):
    from joserfc import jwt
    from joserfc.jwk import OctKey

    key = b"k" * 32
    tokens = Tokens(key, clock)
    good = {"sub": "a", "kind": ACCESS, "exp": int(clock.now().timestamp()) + 60}
    assert tokens.check(jwt.encode({"alg": "HS256"}, good, OctKey.import_key(key)), ACCESS).user_id == "a"
    for missing in good:
        claims = {name: value for name, value in good.items() if name != missing}
        with pytest.raises(InvalidToken):
            tokens.check(jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key)), ACCESS)
    with pytest.raises(InvalidToken):
        tokens.check(jwt.encode({"alg": "HS256"}, good, OctKey.import_key(key)), REFRESH)


def test_the_open_door_lets_everybody_in_as_admin():
    door = OpenDoor()
    assert door.authenticate(None, HERE).user_id == "admin"
    assert door.authenticate("Bearer nonsense", HERE).user_id == "admin"
    assert door.log_in("x", "y", HERE).access_token
    assert door.refresh("z").access_token
