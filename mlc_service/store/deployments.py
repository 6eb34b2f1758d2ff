"""Deployments and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select

from mlc_service.store.errors import NotFound
from mlc_service.store.rows import DeploymentRow, ResourceInfo, ResourceRow
from mlc_service.store.selecting import ALL, Page, equals, paged
from mlc_service.store.tables import deployments, resources
from mlc_service.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DeploymentFilter:
    """Conditions a deployment must meet, all of them; None asks for nothing. `name_like` is an SQL pattern."""

    id: str | None = None
    name: str | None = None
    name_like: str | None = None
    source: str | None = None
    before: datetime | None = None
    after: datetime | None = None


EVERY = DeploymentFilter()


class Deployments:
    """Deployments with their resources, latest first."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, deployment: DeploymentRow, files: Sequence[ResourceRow]) -> None:
        """The deployment and its files are stored."""
        self._transaction.execute(insert(deployments), deployment._asdict())
        if files:
            self._transaction.execute(insert(resources), [file._asdict() for file in files])

    def get(self, id: str) -> DeploymentRow:
        """Raises NotFound."""
        row = self._transaction.execute(select(deployments).where(deployments.c.id == id)).first()
        if row is None:
            raise NotFound("deployment", id)
        return DeploymentRow._make(row)

    def latest(self, name: str | None, source: str | None) -> DeploymentRow | None:
        """The youngest deployment of that name and source: what the duplicate filter compares with."""
        row = self._transaction.execute(
            select(deployments)
            .where(deployments.c.name.is_not_distinct_from(name), deployments.c.source.is_not_distinct_from(source))
            .order_by(deployments.c.deployed.desc(), deployments.c.id.desc())
            .limit(1)
        ).first()
        return None if row is None else DeploymentRow._make(row)

    def find(self, wanted: DeploymentFilter = EVERY, page: Page = ALL) -> list[DeploymentRow]:
        statement = paged(
            select(deployments).where(*_conditions(wanted)),
            page,
            deployments.c,
            (deployments.c.deployed.desc(), deployments.c.id),
        )
        return [DeploymentRow._make(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: DeploymentFilter = EVERY) -> int:
        statement = select(func.count()).select_from(deployments).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()

    def delete(self, id: str) -> None:
        """The deployment and its files are gone; its definitions must be gone before. Raises NotFound."""
        if not self._transaction.execute(delete(deployments).where(deployments.c.id == id)).rowcount:
            raise NotFound("deployment", id)

    def resources(self, deployment_id: str) -> list[ResourceRow]:
        """All files of a deployment with their bytes, by name."""
        statement = select(resources).where(resources.c.deployment_id == deployment_id).order_by(resources.c.name)
        return [ResourceRow._make(row) for row in self._transaction.execute(statement)]

    def resource_list(self, deployment_id: str) -> list[ResourceInfo]:
        """All files of a deployment without their bytes, by name."""
        statement = (
            select(resources.c.id, resources.c.deployment_id, resources.c.name)
            .where(resources.c.deployment_id == deployment_id)
            .order_by(resources.c.name)
        )
        return [ResourceInfo._make(row) for row in self._transaction.execute(statement)]

    def resource(self, deployment_id: str, id_or_name: str) -> ResourceRow:
        """One file of a deployment, by its id or else its name. Raises NotFound."""
        row = self._transaction.execute(
            select(resources).where(
                resources.c.deployment_id == deployment_id,
                (resources.c.id == id_or_name) | (resources.c.name == id_or_name),
            )
        ).first()
        if row is None:
            raise NotFound("resource", id_or_name)
        return ResourceRow._make(row)

    def files_like(self, name: str) -> list[ResourceRow]:
        """Files of all deployments whose name matches the SQL pattern, with their bytes, oldest deployment first."""
        statement = (
            select(resources)
            .join(deployments, deployments.c.id == resources.c.deployment_id)
            .where(resources.c.name.like(name))
            .order_by(deployments.c.deployed, deployments.c.id, resources.c.name)
        )
        return [ResourceRow._make(row) for row in self._transaction.execute(statement)]

    def latest_content(self, name: str | None, source: str | None, resource_name: str) -> bytes | None:
        """The bytes of a file as last deployed under that deployment name and source."""
        content: bytes | None = self._transaction.execute(
            select(resources.c.content)
            .join(deployments, deployments.c.id == resources.c.deployment_id)
            .where(
                resources.c.name == resource_name,
                deployments.c.name.is_not_distinct_from(name),
                deployments.c.source.is_not_distinct_from(source),
            )
            .order_by(deployments.c.deployed.desc(), deployments.c.id.desc())
            .limit(1)
        ).scalar()
        return content


def _conditions(wanted: DeploymentFilter) -> list[ColumnElement[bool]]:
    columns = deployments.c
    found = equals(((columns.id, wanted.id), (columns.name, wanted.name), (columns.source, wanted.source)))
    if wanted.name_like is not None:
        found.append(columns.name.like(wanted.name_like))
    if wanted.before is not None:
        found.append(columns.deployed < wanted.before)
    if wanted.after is not None:
        found.append(columns.deployed > wanted.after)
    return found
