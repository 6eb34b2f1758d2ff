"""Who is calling: accounts, passwords, tokens. What a caller may do is decided elsewhere.

Public door of the room. `Gate` is what the edge asks; `Identity` checks real accounts, `OpenDoor` lets
everybody in.
"""

from mlc_service.identity.accounts import Account, Accounts, AccountStore, Secrets
from mlc_service.identity.gate import Authenticated, Gate, NotAuthenticated, OpenDoor
from mlc_service.identity.login_limit import TooManyAttempts
from mlc_service.identity.service import Identity
from mlc_service.identity.stored_accounts import StoredAccounts
from mlc_service.identity.tokens import InvalidToken, TokenPair

__all__ = [
    "Account",
    "AccountStore",
    "Accounts",
    "Authenticated",
    "Gate",
    "Identity",
    "InvalidToken",
    "NotAuthenticated",
    "OpenDoor",
    "Secrets",
    "StoredAccounts",
    "TokenPair",
    "TooManyAttempts",
]
