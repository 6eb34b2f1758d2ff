"""Units of work: the one place that begins and commits transactions.

    units = Units(database_url)
    units.run(lambda unit: tasks.claim(unit, around, task_id, "ann"))     # begins, commits, repeats after a deadlock

    with units.begin_read() as unit:
        open_tasks = unit.tasks.find(TaskFilter(assignee="ann"))

Use cases are given a unit and never commit. Reads go to the repositories directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import cached_property
from threading import Lock, get_ident
from typing import NoReturn, TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mlc_service import metrics
from mlc_service.store import schema
from mlc_service.store.board import BoardTickets
from mlc_service.store.database import database_clock, error_code, is_away, is_race, open_database
from mlc_service.store.decision_history import DecisionHistory
from mlc_service.store.definitions import DecisionDefinitions, Definitions, KnownDefinitions
from mlc_service.store.deployments import Deployments
from mlc_service.store.documents import Blobs, Documents
from mlc_service.store.errors import DatabaseUnavailable, UnstorableText
from mlc_service.store.executions import Executions
from mlc_service.store.external_tasks import ExternalTasks
from mlc_service.store.figures import Figures
from mlc_service.store.history import History
from mlc_service.store.incidents import Incidents
from mlc_service.store.instances import Instances
from mlc_service.store.jobs import DueJob, Jobs
from mlc_service.store.openings import TicketOpenings
from mlc_service.store.people import Settings, Users
from mlc_service.store.retention import Retention
from mlc_service.store.service_processes import Duties, ServiceProcesses
from mlc_service.store.subscriptions import Subscriptions
from mlc_service.store.tasks import Tasks
from mlc_service.store.transaction import Outdated, Transaction

T = TypeVar("T")
log = structlog.get_logger(__name__)

_MOST_TRIES = 5
# connections that are kept; under load there may be twice as many
POOL_SIZE = 16


class UnitOfWork:
    """One transaction and the repositories that work in it."""

    def __init__(
        self,
        transaction: Transaction,
        known_definitions: KnownDefinitions,
        announce_jobs: Callable[[Sequence[DueJob]], None],
        announce_external_tasks: Callable[[frozenset[str]], None],
    ) -> None:
        self._transaction = transaction
        self._known_definitions = known_definitions
        self._after_commit: list[Callable[[], None]] = []
        self._announce_jobs = announce_jobs
        self._announce_external_tasks = announce_external_tasks
        self._topics: set[str] = set()
        self._due_jobs: list[DueJob] | None = None

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(self._transaction)

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(self._transaction, self._known_definitions)

    @cached_property
    def decisions(self) -> DecisionDefinitions:
        return DecisionDefinitions(self._transaction)

    @cached_property
    def external_tasks(self) -> ExternalTasks:
        return ExternalTasks(self._transaction, self._new_external_tasks)

    @cached_property
    def instances(self) -> Instances:
        return Instances(self._transaction)

    @cached_property
    def executions(self) -> Executions:
        return Executions(self._transaction)

    @cached_property
    def tasks(self) -> Tasks:
        return Tasks(self._transaction)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self._transaction, self._new_jobs, self.after_commit)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(self._transaction)

    @cached_property
    def incidents(self) -> Incidents:
        return Incidents(self._transaction, self.after_commit)

    @cached_property
    def history(self) -> History:
        return History(self._transaction)

    @cached_property
    def decision_history(self) -> DecisionHistory:
        return DecisionHistory(self._transaction)

    @cached_property
    def retention(self) -> Retention:
        return Retention(self._transaction)

    @cached_property
    def users(self) -> Users:
        return Users(self._transaction)

    @cached_property
    def settings(self) -> Settings:
        return Settings(self._transaction)

    @cached_property
    def blobs(self) -> Blobs:
        return Blobs(self._transaction)

    @cached_property
    def board_tickets(self) -> BoardTickets:
        return BoardTickets(self._transaction)

    @cached_property
    def ticket_openings(self) -> TicketOpenings:
        return TicketOpenings(self._transaction)

    @cached_property
    def service_processes(self) -> ServiceProcesses:
        return ServiceProcesses(self._transaction)

    @cached_property
    def duties(self) -> Duties:
        return Duties(self._transaction)

    @cached_property
    def figures(self) -> Figures:
        return Figures(self._transaction)

    def documents(self, kind: str) -> Documents:
        """The life cycle's documents of one kind (any word will do; each has its own)."""
        return Documents(self._transaction, kind)

    def after_commit(self, hook: Callable[[], None]) -> None:
        """`hook` runs once this transaction is committed, and not at all if it is rolled back."""
        self._after_commit.append(hook)

    def lock_deployments(self) -> None:
        """Nobody else deploys until this transaction ends (versions of a key are counted one by one)."""
        if self._transaction.dialect.name == "postgresql":
            # 7217: any number of our own; SQLite writers queue for the one write lock anyway
            self._transaction.exec_driver_sql("SELECT pg_advisory_xact_lock(7217)")

    def _new_jobs(self, due: Iterable[DueJob]) -> None:
        if self._due_jobs is None:
            # told once, of all that are due when the transaction is committed
            self._due_jobs = []
            self._after_commit.append(lambda: self._announce_jobs(self._due_jobs or ()))
        self._due_jobs += due

    def _new_external_tasks(self, topics: Iterable[str]) -> None:
        if not self._topics:
            # told once, of all topics there are when the transaction is committed
            self._after_commit.append(lambda: self._announce_external_tasks(frozenset(self._topics)))
        self._topics.update(topics)

    def _committed(self) -> None:
        for hook in self._after_commit:
            hook()


class _OneAtATime:
    """Lets the threads of this process write to SQLite in turn.

    SQLite would let them wait, too, but by polling with ever longer pauses: the unlucky ones wait for a second.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        if self._holder == get_ident():
            raise RuntimeError("a unit of work that writes was begun inside another one of the same thread")
        self._lock.acquire()
        self._holder = get_ident()

    def __exit__(self, *_: object) -> None:
        self._holder = None
        self._lock.release()


class Units:
    """Gives out units of work on one database. Safe to use from any number of threads."""

    def __init__(self, database_url: str, pool_size: int = POOL_SIZE) -> None:
        self.database_url = database_url
        self._database = open_database(database_url, pool_size, commits_each=True)
        self._reader = self._database.execution_options(mlc_reads_only=True)
        self._writers = _OneAtATime() if self._database.dialect.name == "sqlite" else nullcontext()
        self._known_definitions = KnownDefinitions()
        self._job_listeners: list[Callable[[Sequence[DueJob]], None]] = []
        self._external_task_listeners: list[Callable[[frozenset[str]], None]] = []

    @property
    def writers_queue(self) -> bool:
        """Whether there is one lock for all who write, as on SQLite: who only looks had better not write."""
        return isinstance(self._writers, _OneAtATime)

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        """One transaction: committed at the end of the block, rolled back if it is left by an exception.

        Raises DatabaseUnavailable.

        Prefer `run`, which repeats the work when the database says that two transactions stood in each other's way.
        """
        return self._begin(is_repeatable=False)

    @contextmanager
    def _begin(self, *, is_repeatable: bool) -> Iterator[UnitOfWork]:
        try:
            # left by an exception, the connection is given back without a commit and rolled back by that
            with self._writers, self._database.connect() as connection:
                unit = self._unit(Transaction(connection, is_repeatable=is_repeatable))
                yield unit
                unit._transaction.commit()
        except (StatementError, PoolTimeout) as error:
            _raise_by_our_name(error)
        unit._committed()

    @contextmanager
    def begin_read(self) -> Iterator[UnitOfWork]:
        """A transaction that is never committed. On SQLite it waits for nobody and sees one moment in time."""
        try:
            with self._reader.connect() as connection:
                yield self._unit(Transaction(connection, reads_only=True))
        except (StatementError, PoolTimeout) as error:
            _raise_by_our_name(error)

    def run(self, work: Callable[[UnitOfWork], T]) -> T:
        """Answers `work(unit)` after its commit; after a deadlock or the like it runs again, in a new transaction."""
        tries = 0
        while True:
            tries += 1
            try:
                # the last try takes nothing for granted
                with self._begin(is_repeatable=tries < _MOST_TRIES) as unit:
                    return work(unit)
            except Outdated:
                metrics.TRANSACTIONS_REPEATED.labels("outdated").inc()
            except DBAPIError as error:
                if tries == _MOST_TRIES or not is_race(error):
                    raise
                metrics.TRANSACTIONS_REPEATED.labels(error_code(error)).inc()
                log.info("transaction_repeated", tries=tries, cause=str(error.orig))

    def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Answers `work(unit)` of a unit that only reads."""
        with self.begin_read() as unit:
            return work(unit)

    def on_new_jobs(self, listener: Callable[[Sequence[DueJob]], None]) -> None:
        """`listener` is called, by the committing thread, whenever a commit may have made a job due sooner.

        It is given the new jobs that are due at once and are marked as announced; there may be others.
        """
        self._job_listeners.append(listener)

    def on_new_external_tasks(self, listener: Callable[[frozenset[str]], None]) -> None:
        """`listener` is called, by the committing thread, with the topics in which a commit may have freed a task."""
        self._external_task_listeners.append(listener)

    def schema_state(self) -> schema.SchemaState:
        """Whether the database is empty, outdated, up to date, or newer than this service."""
        try:
            return schema.state_of(self._database)
        except DBAPIError as error:
            _raise_by_our_name(error)

    def database_time(self) -> datetime:
        """What the database's clock says; that of a SQLite file is this machine's."""
        try:
            with self._reader.connect() as connection:
                return database_clock(connection)
        except (StatementError, PoolTimeout) as error:
            _raise_by_our_name(error)

    def instrument(self, instrument: Callable[[Engine], object]) -> None:
        """`instrument` has been given SQLAlchemy's engine, for tools that listen to what it does."""
        instrument(self._database)

    def close(self) -> None:
        """All connections are closed."""
        self._database.dispose()

    def _unit(self, transaction: Transaction) -> UnitOfWork:
        return UnitOfWork(transaction, self._known_definitions, self._announce_jobs, self._announce_external_tasks)

    def _announce_jobs(self, due: Sequence[DueJob]) -> None:
        for listener in self._job_listeners:
            listener(due)

    def _announce_external_tasks(self, topics: frozenset[str]) -> None:
        for listener in self._external_task_listeners:
            listener(topics)


def _raise_by_our_name(error: StatementError | PoolTimeout) -> NoReturn:
    """Nobody outside this room can name SQLAlchemy's errors."""
    if isinstance(error, PoolTimeout):
        raise DatabaseUnavailable("all connections are in use") from error
    if isinstance(error.orig, UnstorableText):
        raise error.orig from error
    if isinstance(error, DBAPIError) and is_away(error):
        raise DatabaseUnavailable(str(error.orig).strip()) from error
    raise error
