"""The job table: who may do which work when. Every state move is one UPDATE that must touch its row.

    ready    -> running  claim (by a worker, under a lease and a new `attempt`)
    running  -> ready    release (handed back untouched), retry (failed, tries left), expiry (the lease ran out)
    running  -> failed   no tries left, or too many expired leases; an incident says so
    failed   -> ready    a person set retries
    running  -> gone     done
    running  -> ready    wait_again (done, to be run again later)
    any      -> gone     the instance does not need it any more

`attempt` is the fencing number. Whoever wants to commit the outcome of a job shows the attempt it was claimed under;
if somebody claimed it since, LeaseLost ends the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from mlc_service import metrics
from mlc_service.store.columns import Json, UtcDateTime
from mlc_service.store.errors import IllegalMove, LeaseLost, NotFound
from mlc_service.store.executions import of_execution
from mlc_service.store.row_writes import DeleteRows, InsertRows
from mlc_service.store.rows import CONTINUATION, JOBS, JobRow
from mlc_service.store.selecting import ALL, Page, equals, one_of, paged
from mlc_service.store.subscriptions import SubscriptionFilter, subscription_conditions
from mlc_service.store.tables import event_subscriptions, historic_activity_instances, jobs, process_definitions
from mlc_service.store.transaction import Statement, Transaction


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Conditions a job must meet, all of them; None asks for nothing.

    `executable` means: retries left, due by `executable_at`, not suspended.
    """

    id: str | None = None
    ids: Sequence[str] | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    execution_id: str | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    activity_id: str | None = None
    # the activity of a job that has failed at least once
    failed_activity_id: str | None = None
    # whether the activity instance of a continuation has begun: it then waits behind it. Says nothing about others.
    has_begun: bool | None = None
    kinds: Sequence[str] | None = None
    state: str | None = None
    with_retries_left: bool | None = None
    with_exception: bool | None = None
    exception_message: str | None = None
    due_before: datetime | None = None
    due_after: datetime | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None
    priority_at_least: int | None = None
    priority_at_most: int | None = None
    suspended: bool | None = None
    executable_at: datetime | None = None
    # these conditions, too
    within: JobFilter | None = None


EVERY = JobFilter()


class DueJob(NamedTuple):
    """Enough of a job that is due to tell a worker of it."""

    id: str
    queue: str
    priority: int


_READY = jobs.c.state == "ready"
_RUNNING = jobs.c.state == "running"
_AS_DUE = (jobs.c.id, jobs.c.queue, jobs.c.priority)
_FREE: dict[str, Any] = {"state": "ready", "worker": None, "lease_until": None, "announced": None}

# built once: putting a statement together takes longer than running it
_FINISH = Statement(
    delete(jobs)
    .where(jobs.c.id == bindparam("of"), jobs.c.attempt == bindparam("claimed"), _RUNNING)
    .returning(jobs.c.id),
    holds=True,
)
_INSERT = InsertRows(jobs)
_DELETE = DeleteRows(jobs)
_NEXT_DUE = select(jobs.c.due).where(_READY, jobs.c.suspended.is_(False)).order_by(jobs.c.due).limit(1)
_TO_RUNNING = (
    update(jobs)
    .values(
        state="running", worker=bindparam("new_worker"), lease_until=bindparam("new_lease"), attempt=jobs.c.attempt + 1
    )
    .returning(*jobs.c)
)


def _due_priorities() -> Select[tuple[int]]:
    """Priorities in which a ready job is due, the highest first, without looking at every job.

    From each priority the index leads to the next lower one, and to the job of it that is due first.
    """
    highest = select(func.max(jobs.c.priority)).where(_READY).scalar_subquery()
    found = select(highest.label("priority")).cte("priorities", recursive=True)
    lower = select(func.max(jobs.c.priority)).where(_READY, jobs.c.priority < found.c.priority).scalar_subquery()
    found = found.union_all(select(lower).where(found.c.priority.is_not(None)))
    first_due = (
        select(jobs.c.due)
        # <=, where = would do, leaves PostgreSQL only the index in which it is the first
        .where(_READY, jobs.c.priority <= found.c.priority)
        .order_by(jobs.c.priority.desc(), jobs.c.due)
        .limit(1)
        .scalar_subquery()
    )
    return select(found.c.priority).where(first_due <= bindparam("now")).order_by(found.c.priority.desc())


_DUE_PRIORITIES = _due_priorities()


@cache
def _claim(*, of_queue: bool, of_kinds: bool) -> ReturningUpdate[Any]:
    """Due jobs of one priority become running, passing over rows that somebody else is just claiming."""
    other = jobs.alias("other")
    # a CASE: as long as PostgreSQL has no statistics, it would go through all that is due for each candidate
    is_open = case((other.c.due <= bindparam("now"), and_(other.c.state == "ready", other.c.suspended.is_(False))))
    comes_first = (
        select(other.c.id)
        .where(
            other.c.instance_id == jobs.c.instance_id,
            other.c.exclusive,
            other.c.id != jobs.c.id,
            or_(other.c.state == "running", and_(is_open, other.c.number < jobs.c.number)),
        )
        .correlate(jobs)
        .exists()
    )
    candidates = (
        select(jobs.c.id)
        .where(_READY, jobs.c.suspended.is_(False), jobs.c.due <= bindparam("now"))
        .where(or_(~jobs.c.exclusive, jobs.c.instance_id.is_(None), ~comes_first))
    )
    if of_queue:
        candidates = candidates.where(jobs.c.queue == bindparam("of_queue"))
    if of_kinds:
        candidates = candidates.where(jobs.c.kind.in_(bindparam("of_kinds", expanding=True)))
    candidates = candidates.where(jobs.c.priority == bindparam("of_priority"))
    chosen = (
        candidates.order_by(jobs.c.due)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        # a CTE, because PostgreSQL may run a subquery with LIMIT more than once and so claim more than that
        .cte("candidates")
    )
    return _TO_RUNNING.where(jobs.c.id.in_(select(chosen.c.id)))


def _told(untold: ColumnElement[bool], first: ColumnElement[Any]) -> ReturningUpdate[Any]:
    """Due jobs of whom workers are to be told are announced, passing over rows that somebody else is just taking."""
    chosen = (
        select(jobs.c.id)
        .where(_READY, jobs.c.suspended.is_(False), jobs.c.due <= bindparam("now"), untold)
        .order_by(first)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("untold")
    )
    return (
        update(jobs)
        .where(jobs.c.id.in_(select(chosen.c.id)))
        .values(announced=bindparam("now"))
        .returning(*_AS_DUE, jobs.c.due)
    )


_NEVER_TOLD = _told(jobs.c.announced.is_(None), jobs.c.due)
_TOLD_BEFORE = _told(jobs.c.announced < bindparam("told_before"), jobs.c.announced)


class Jobs:
    """Jobs, most urgent first.

    `announce` is called when there is new work, to be passed on after the commit, with the jobs that are due at once.
    What becomes due otherwise is found by whoever looks for it, see `take_unannounced`.
    """

    def __init__(
        self,
        transaction: Transaction,
        announce: Callable[[Iterable[DueJob]], None],
        after_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        self._transaction = transaction
        self._announce = announce
        self._after_commit = after_commit

    def insert(self, rows: Sequence[JobRow]) -> None:
        if not rows:
            return
        ready = [row for row in rows if row.state == "ready"]
        due = [DueJob(row.id, row.queue, row.priority) for row in ready if row.due <= row.created]
        told = {one.id for one in due}
        marked = [row._replace(announced=row.created) if row.id in told else row for row in rows]
        self._transaction.later(_INSERT, [row._asdict() for row in marked])
        if ready:
            self._announce(due)

    def insert_receipts(
        self,
        wanted: SubscriptionFilter,
        kind: str,
        kind_of_starts: str,
        carried: Mapping[str, Any],
        now: datetime,
        retries: int,
    ) -> int:
        """There is a job, due now, for each subscription that is wanted; answers how many.

        Jobs for definitions that the event starts are of `kind_of_starts`. The payload is `carried` and, under
        `subscription`, the subscription's id. One statement, however many wait.
        """
        subscription, definition = event_subscriptions.c, process_definitions.c
        values = {
            jobs.c.id: _fresh_id(self._transaction),
            jobs.c.instance_id: subscription.instance_id,
            jobs.c.definition_id: subscription.definition_id,
            jobs.c.definition_key: definition.key,
            jobs.c.activity_id: subscription.activity_id,
            jobs.c.kind: case((subscription.instance_id.is_(None), kind_of_starts), else_=kind),
            jobs.c.payload: _with_subscription(self._transaction, carried),
            jobs.c.priority: literal(0),
            jobs.c.exclusive: literal(False),
            jobs.c.suspended: literal(False),
            jobs.c.state: literal("ready"),
            jobs.c.due: literal(now, UtcDateTime),
            jobs.c.attempt: literal(0),
            jobs.c.retries: literal(retries),
            jobs.c.expiries: literal(0),
            jobs.c.created: literal(now, UtcDateTime),
            jobs.c.queue: literal(JOBS),
            jobs.c.announced: literal(now, UtcDateTime),
        }
        chosen = (
            select(*values.values())
            .select_from(event_subscriptions.join(process_definitions, definition.id == subscription.definition_id))
            .where(*subscription_conditions(wanted))
        )
        made = self._transaction.execute(insert(jobs).from_select(list(values), chosen).returning(*_AS_DUE))
        due = [DueJob._make(row) for row in made]
        if due:
            self._announce(due)
        return len(due)

    def get(self, id: str) -> JobRow:
        """Raises NotFound."""
        row = self._transaction.execute(select(jobs).where(jobs.c.id == id)).first()
        if row is None:
            raise NotFound("job", id)
        return JobRow._make(row)

    def find(self, wanted: JobFilter = EVERY, page: Page = ALL) -> list[JobRow]:
        statement = paged(
            select(jobs).where(*job_conditions(wanted)), page, jobs.c, (jobs.c.priority.desc(), jobs.c.due, jobs.c.id)
        )
        return [JobRow._make(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: JobFilter = EVERY) -> int:
        statement = select(func.count()).select_from(jobs).where(*job_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()

    def next_due(self) -> datetime | None:
        """When the next ready job becomes due, or None if none is ready."""
        return self._transaction.execute(_NEXT_DUE).scalar()

    # --- what workers do --------------------------------------------------------------------------------------

    def claim(
        self,
        worker: str,
        now: datetime,
        lease_until: datetime,
        limit: int,
        queue: str | None = None,
        *,
        kinds: Sequence[str] = (),
    ) -> list[JobRow]:
        """Up to `limit` due jobs are this worker's until `lease_until`, most urgent first.

        Only those of a queue or of kinds, if any are named. Rows that somebody else is just claiming are passed over,
        not waited for. Of an instance's exclusive jobs only the first is given out, and only while none of them runs.
        """
        given: dict[str, Any] = {"now": now, "new_worker": worker, "new_lease": lease_until}
        if queue is not None:
            given["of_queue"] = queue
        if kinds:
            given["of_kinds"] = kinds
        statement = _claim(of_queue=queue is not None, of_kinds=bool(kinds))
        claimed: list[JobRow] = []
        # one priority after the other: no index has the due ones of all priorities in the order wanted
        for priority in self._transaction.execute(_DUE_PRIORITIES, {"now": now}).scalars().all():
            claimed += self._claimed(statement, given | {"of_priority": priority, "most": limit - len(claimed)})
            if len(claimed) == limit:
                break
        return claimed

    def _claimed(self, statement: ReturningUpdate[Any], given: Mapping[str, Any]) -> list[JobRow]:
        claimed = [JobRow._make(row) for row in self._transaction.execute(statement, given)]
        return sorted(claimed, key=lambda job: (-job.priority, job.due, job.id))

    def claim_one(self, id: str, worker: str, lease_until: datetime) -> JobRow:
        """This job is the worker's, due or not, suspended or not, also after its last try.

        Raises NotFound, or IllegalMove if it is running or another exclusive job of its instance is.
        """
        job = self.get(id)
        if job.exclusive and job.instance_id is not None:
            other = select(jobs.c.id).where(
                jobs.c.instance_id == job.instance_id, jobs.c.id != id, _RUNNING, jobs.c.exclusive
            )
            if self._transaction.execute(other).first() is not None:
                raise IllegalMove("job", id, "waiting for another job of its instance", "running")
        row = self._transaction.execute(
            _TO_RUNNING.where(jobs.c.id == id, jobs.c.state.in_(("ready", "failed"))),
            {"new_worker": worker, "new_lease": lease_until},
        ).first()
        if row is None:
            raise IllegalMove("job", id, self.get(id).state, "running")
        return JobRow._make(row)

    def finish(self, id: str, attempt: int) -> None:
        """The job is done and gone. Raises LeaseLost if it is not held under that attempt."""
        if not self._transaction.ask(_FINISH, of=id, claimed=attempt):
            raise LeaseLost(id, attempt)

    def held(self, claimed: Sequence[tuple[str, int]]) -> set[str]:
        """Ids of those of these (id, attempt) that are still held, and stay so until the transaction ends."""
        statement = (
            select(jobs.c.id)
            .where(_RUNNING, tuple_(jobs.c.id, jobs.c.attempt).in_(claimed))
            .order_by(jobs.c.id)
            .with_for_update()
        )
        return set(self._transaction.execute(statement).scalars())

    def check_held(self, id: str, attempt: int) -> None:
        """The job is held under that attempt and stays so until the transaction ends. Raises LeaseLost."""
        statement = select(jobs.c.id).where(*_held(id, attempt)).with_for_update()
        if self._transaction.execute(statement).first() is None:
            raise LeaseLost(id, attempt)

    def renew(self, worker: str, held: Sequence[tuple[str, int]], lease_until: datetime) -> None:
        """What the worker still holds of these (id, attempt) stays its own until `lease_until`."""
        for id, attempt in sorted(held):
            self._transaction.execute(
                update(jobs).where(*_held(id, attempt), jobs.c.worker == worker).values(lease_until=lease_until)
            )

    def release(self, held: Sequence[tuple[str, int]]) -> None:
        """What is still held of these (id, attempt) is ready for anybody, as if it had not been claimed."""
        free: list[DueJob] = []
        for id, attempt in sorted(held):
            row = self._transaction.execute(
                update(jobs).where(*_held(id, attempt)).values(**_FREE).returning(*_AS_DUE)
            ).first()
            if row is not None:
                free.append(DueJob._make(row))
        if free:
            self._announce(free)

    def hand_over(self, id: str, attempt: int, queue: str, due: datetime) -> None:
        """The job is ready in that queue, due then, as if it had not been claimed. Raises LeaseLost."""
        self._end_lease(id, attempt, state="ready", queue=queue, due=due)
        self._announce(())

    def recall(self, served: Sequence[str]) -> int:
        """What waits in the queue of a runtime that is not among those served is any worker's; answers how many."""
        back = self._transaction.execute(
            update(jobs)
            .where(_READY, jobs.c.queue != JOBS, jobs.c.queue.not_in([JOBS, *served]))
            .values(queue=JOBS, announced=None)
        )
        if back.rowcount:
            self._announce(())
        return back.rowcount

    def wait_again(self, id: str, attempt: int, due: datetime, **fields: Any) -> None:
        """The job has run and waits for its next run, with these values in these columns. Raises LeaseLost.

        For jobs that are there for ever; `attempt` goes on counting.
        """
        self._end_lease(
            id, attempt, state="ready", due=due, expiries=0, exception_message=None, stacktrace=None, **fields
        )
        self._announce(())

    def take_unannounced(self, now: datetime, told_before: datetime, limit: int) -> list[DueJob]:
        """Up to `limit` due jobs that nobody was told of since `told_before`, longest due first.

        They count as told now: whoever takes them tells the workers. Others that ask at the same time get others. If
        there are more, those that nobody was ever told of come first, then those of whom longest ago.
        """
        taken = self._tell(_NEVER_TOLD, now, {"most": limit})
        if len(taken) < limit:
            taken += self._tell(_TOLD_BEFORE, now, {"most": limit - len(taken), "told_before": told_before})
        taken.sort(key=lambda row: row.due)
        return [DueJob(row.id, row.queue, row.priority) for row in taken]

    def _tell(self, statement: ReturningUpdate[Any], now: datetime, given: Mapping[str, Any]) -> list[Any]:
        return list(self._transaction.execute(statement, {"now": now, **given}))

    def retry(self, id: str, attempt: int, due: datetime, message: str, stacktrace: str) -> None:
        """One try is used up and the job waits until `due`. Raises LeaseLost."""
        self._end_lease(
            id, attempt, state="ready", due=due, retries=jobs.c.retries - 1,
            exception_message=message, stacktrace=stacktrace,
        )  # fmt: skip
        self._announce(())

    def fail(self, id: str, attempt: int, message: str, stacktrace: str) -> None:
        """No try is left; the job stays until a person sets retries. Raises LeaseLost."""
        self._end_lease(id, attempt, state="failed", retries=0, exception_message=message, stacktrace=stacktrace)

    def _end_lease(self, id: str, attempt: int, **values: Any) -> None:
        moved = self._transaction.execute(
            update(jobs).where(*_held(id, attempt)).values(worker=None, lease_until=None, announced=None, **values)
        )
        if not moved.rowcount:
            raise LeaseLost(id, attempt)

    def expire(self, now: datetime, most_expiries: int, message: str) -> list[JobRow]:
        """Every lease that ran out by `now` is over; answers the jobs that thereby failed.

        A job whose leases ran out `most_expiries` times has failed: it would bring down one worker after the other.
        """
        late = (
            select(jobs.c.id)
            .where(_RUNNING, jobs.c.lease_until < now)
            .order_by(jobs.c.id)
            .with_for_update(skip_locked=True)
        )
        return self._expire(jobs.c.id.in_(late), most_expiries, message)

    def expire_all(self, most_expiries: int, message: str) -> list[JobRow]:
        """Every lease is over. Only for a service that owns the database alone and has just started."""
        return self._expire(_RUNNING, most_expiries, message)

    def _expire(self, which: ColumnElement[bool], most_expiries: int, message: str) -> list[JobRow]:
        ended = {"worker": None, "lease_until": None, "announced": None, "expiries": jobs.c.expiries + 1}
        failed = self._transaction.execute(
            update(jobs)
            .where(which, jobs.c.expiries + 1 >= most_expiries)
            .values(state="failed", retries=0, exception_message=message, **ended)
            .returning(*jobs.c)
        ).all()
        back = self._transaction.execute(
            update(jobs).where(which).values(state="ready", **ended).returning(jobs.c.kind)
        ).all()
        for job in (*failed, *back):
            self._after_commit(metrics.LEASES_EXPIRED.labels(job.kind).inc)
        if back:
            self._announce(())
        return [JobRow._make(row) for row in failed]

    # --- what commands and people do --------------------------------------------------------------------------

    def delete(self, ids: Sequence[str]) -> None:
        """The jobs are gone, whoever holds them; a worker that holds one will find out when it wants to commit."""
        self._transaction.later(_DELETE, [{"id": id} for id in ids])

    def delete_starts(self, definition_ids: Sequence[str]) -> None:
        """These definitions are not started by timers any more."""
        if definition_ids:
            self._transaction.execute(
                delete(jobs).where(jobs.c.instance_id.is_(None), jobs.c.definition_id.in_(definition_ids))
            )

    def set_starts_suspended(self, definition_id: str, suspended: bool) -> None:
        """Timers that start this definition rest, or go on."""
        self._transaction.execute(
            update(jobs)
            .where(jobs.c.instance_id.is_(None), jobs.c.definition_id == definition_id)
            .values(suspended=suspended)
        )
        self._announce(())

    def set_retries(self, id: str, retries: int) -> None:
        """The job has that many tries. More than none makes a failed one ready, none makes a ready one failed.

        Raises NotFound, or IllegalMove while it runs.
        """
        state = "ready" if retries > 0 else "failed"
        moved = self._transaction.execute(
            update(jobs)
            .where(jobs.c.id == id, jobs.c.state.in_(("ready", "failed")))
            .values(state=state, retries=retries, expiries=0, announced=None)
        )
        if not moved.rowcount:
            raise IllegalMove("job", id, self.get(id).state, state)
        self._announce(())

    def set_due(self, id: str, due: datetime) -> None:
        """Raises NotFound."""
        if not self._transaction.execute(update(jobs).where(jobs.c.id == id).values(due=due, announced=None)).rowcount:
            raise NotFound("job", id)
        self._announce(())

    def change(self, id: str, **fields: Any) -> None:
        """The job has these values in these columns, whoever holds it."""
        self._transaction.execute(update(jobs).where(jobs.c.id == id).values(announced=None, **fields))
        self._announce(())

    def set_priority(self, id: str, priority: int) -> None:
        """Raises NotFound."""
        if not self._transaction.execute(update(jobs).where(jobs.c.id == id).values(priority=priority)).rowcount:
            raise NotFound("job", id)

    def set_suspended(self, id: str, suspended: bool) -> None:
        """Raises NotFound."""
        if not self._transaction.execute(update(jobs).where(jobs.c.id == id).values(suspended=suspended)).rowcount:
            raise NotFound("job", id)
        self._announce(())


def _fresh_id(transaction: Transaction) -> ColumnElement[str]:
    """A random UUID as text, a new one for each row."""
    if transaction.dialect.name == "postgresql":
        return cast(func.gen_random_uuid(), Text)
    digits = func.lower(func.hex(func.randomblob(16)))
    # version and variant as in any random UUID
    parts = (func.substr(digits, 1, 8), "-", func.substr(digits, 9, 4), "-4", func.substr(digits, 14, 3), "-a",
             func.substr(digits, 18, 3), "-", func.substr(digits, 21, 12))  # fmt: skip
    return reduce(lambda left, right: left.concat(right), parts[1:], type_coerce(parts[0], Text))


def _with_subscription(transaction: Transaction, carried: Mapping[str, Any]) -> ColumnElement[Any]:
    """A JSON object: what is carried, and the id of the subscription."""
    what = literal(dict(carried), Json)
    if transaction.dialect.name == "postgresql":
        return what.op("||")(func.jsonb_build_object("subscription", event_subscriptions.c.id))
    return func.json_set(what, "$.subscription", event_subscriptions.c.id)


def _held(id: str, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return (jobs.c.id == id, jobs.c.attempt == attempt, _RUNNING)


def job_conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on the columns of the job table."""
    columns = jobs.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.activity_id, wanted.activity_id),
            (columns.state, wanted.state),
            (columns.exception_message, wanted.exception_message),
        )
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.instance_id, wanted.instance_ids)
    found += one_of(columns.kind, wanted.kinds)
    if wanted.execution_id is not None:
        waits_itself = and_(columns.kind == CONTINUATION, columns.id == wanted.execution_id)
        waits_inside = of_execution(columns.instance_id, columns.activity, wanted.execution_id)
        found.append(or_(waits_itself, and_(columns.kind != CONTINUATION, waits_inside)))
    if wanted.within is not None:
        found += job_conditions(wanted.within)
    if wanted.has_begun is not None:
        begun = exists().where(
            historic_activity_instances.c.instance_id == columns.instance_id,
            historic_activity_instances.c.number == columns.activity,
        )
        found.append(or_(columns.kind != CONTINUATION, begun if wanted.has_begun else ~begun))
    if wanted.failed_activity_id is not None:
        found += [columns.activity_id == wanted.failed_activity_id, columns.exception_message.is_not(None)]
    if wanted.with_retries_left is not None:
        found.append(columns.retries > 0 if wanted.with_retries_left else columns.retries == 0)
    if wanted.with_exception is not None:
        has_exception = columns.exception_message.is_not(None)
        found.append(has_exception if wanted.with_exception else ~has_exception)
    if wanted.suspended is not None:
        found.append(columns.suspended.is_(wanted.suspended))
    if wanted.executable_at is not None:
        found += [columns.retries > 0, columns.due <= wanted.executable_at, columns.suspended.is_(False)]
    for column, low, high in (
        (columns.due, wanted.due_after, wanted.due_before),
        (columns.created, wanted.created_after, wanted.created_before),
    ):
        if low is not None:
            found.append(column > low)
        if high is not None:
            found.append(column < high)
    if wanted.priority_at_least is not None:
        found.append(columns.priority >= wanted.priority_at_least)
    if wanted.priority_at_most is not None:
        found.append(columns.priority <= wanted.priority_at_most)
    return found
