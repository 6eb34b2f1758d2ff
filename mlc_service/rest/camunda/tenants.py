"""Filters by tenant, while there are no tenants: everything belongs to none."""

from __future__ import annotations

from mlc_service.rest.camunda.query import Filter, ignored_flag, never


def tenant_filters(include: str | None = None) -> tuple[Filter, ...]:
    """`tenantIdIn` finds nothing, `withoutTenantId` everything; `include` names the flag that adds the tenantless."""
    flags = ("withoutTenantId", include) if include else ("withoutTenantId",)
    return (never("tenantIdIn"), *(ignored_flag(name) for name in flags))
