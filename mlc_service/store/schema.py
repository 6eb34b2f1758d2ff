"""Is the database at the schema this service needs, and getting it there."""

from __future__ import annotations

from enum import Enum
from functools import cache
from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from mlc_service.clock import SystemClock
from mlc_service.store.database import open_database
from mlc_service.store.people import Settings
from mlc_service.store.transaction import Transaction


class SchemaState(Enum):
    """How a database stands to this version of the service."""

    EMPTY = "empty"
    OUTDATED = "outdated"
    UP_TO_DATE = "up to date"
    # a newer version has upgraded it, and says that this one can go on with it
    NEWER = "newer, and good for this version"
    UNKNOWN = "newer, or not ours"


def migrations_folder() -> Path:
    """Alembic's folder: inside the package in a wheel, beside the package in the repository."""
    package = Path(str(resources.files("mlc_service")))
    for folder in (package / "shipped" / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise FileNotFoundError("the migrations folder is neither in the package nor beside it")


def configuration(database_url: str) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.attributes["database_url"] = database_url
    return config


# Code of this revision and later works on the newest schema: an upgrade lets it go on, and start again, meanwhile.
# A migration that takes something away moves this up to the first revision that does not need it.
SERVES_SINCE = "0004"
_SERVES = "schema_serves_since"


def upgrade(database_url: str) -> None:
    """The database has the newest schema; it and its folder are made if need be (SQLite). Safe to repeat.

    Processes of the version before may run meanwhile.
    """
    command.upgrade(configuration(database_url), "head")
    database = open_database(database_url, pool_size=1, commits_each=True)
    with database.connect() as connection:
        transaction = Transaction(connection)
        Settings(transaction).put(_SERVES, SERVES_SINCE, SystemClock().now())
        transaction.commit()
    database.dispose()


@cache
def newest_revision() -> str:
    """The revision that this version of the service needs."""
    head = ScriptDirectory.from_config(configuration("")).get_current_head()
    assert head is not None, "there are no migrations"
    return head


def found_revision(database: Engine) -> str | None:
    with database.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def state_of(database: Engine) -> SchemaState:
    found = found_revision(database)
    if found is None:
        return SchemaState.EMPTY
    if found == newest_revision():
        return SchemaState.UP_TO_DATE
    known = {script.revision for script in ScriptDirectory.from_config(configuration("")).walk_revisions()}
    if found in known:
        return SchemaState.OUTDATED
    return SchemaState.NEWER if _serves_since(database) in known else SchemaState.UNKNOWN


def _serves_since(database: Engine) -> str | None:
    with database.connect() as connection:
        try:
            return Settings(Transaction(connection, reads_only=True)).get(_SERVES)
        except DBAPIError:
            # not a database of ours at all
            return None
