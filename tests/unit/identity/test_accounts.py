"""Every place accounts are kept in does the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlc_service.identity import Account, Identity, StoredAccounts

KERMIT = Account("kermit", "hash", ("approvers", "frogs"), "Kermit", "Frog", "kermit@example.org")


@pytest.fixture
def accounts(units, clock):
    return StoredAccounts(units, clock)


def test_an_account_is_found_as_it_was_saved(accounts):
    assert accounts.is_empty()
    assert accounts.find("kermit") is None
    accounts.save(KERMIT)
    assert accounts.find("kermit") == KERMIT
    assert not accounts.is_empty()


def test_saving_again_replaces(accounts):
    accounts.save(KERMIT)
    changed = replace(KERMIT, password_hash="other", groups=())
    accounts.save(changed)
    accounts.save(changed)
    assert accounts.find("kermit") == changed


def test_deleting_is_safe_to_repeat(accounts):
    accounts.save(KERMIT)
    accounts.delete("kermit")
    accounts.delete("kermit")
    assert accounts.find("kermit") is None


def test_the_first_secret_wins(accounts):
    assert accounts.get_or_put("key", "first") == "first"
    assert accounts.get_or_put("key", "second") == "first"


def test_two_processes_on_one_database_accept_each_others_tokens(accounts, units, clock):
    one = Identity(accounts, clock)
    password = one.first_start()
    other = Identity(StoredAccounts(units, clock), clock)
    assert other.first_start() is None
    pair = one.log_in("admin", password, "here")
    assert other.authenticate(f"Bearer {pair.access_token}", "here").user_id == "admin"
