"""Every operation of the Camunda API, in the order in which paths are tried."""

from __future__ import annotations

from mlc_service.rest.camunda import (
    cleanup,
    conditions,
    decision_history,
    decisions,
    deployments,
    events,
    executions,
    external_tasks,
    forms,
    history,
    incidents,
    job_definitions,
    jobs,
    migration,
    modification,
    process_definitions,
    process_instances,
    restart,
    service,
    tasks,
    variable_instances,
)
from mlc_service.rest.camunda.call import Route


def routes() -> list[Route]:
    """All routes; a fixed path comes before one with a parameter in the same place."""
    found = [
        *service.ROUTES,
        *deployments.ROUTES,
        *process_definitions.ROUTES,
        *process_instances.ROUTES,
        *modification.ROUTES,
        *migration.ROUTES,
        *restart.ROUTES,
        *tasks.ROUTES,
        *forms.ROUTES,
        *events.ROUTES,
        *conditions.ROUTES,
        *executions.ROUTES,
        *jobs.ROUTES,
        *external_tasks.ROUTES,
        *job_definitions.ROUTES,
        *incidents.ROUTES,
        *variable_instances.ROUTES,
        *decisions.ROUTES,
        *history.ROUTES,
        *decision_history.ROUTES,
        *cleanup.ROUTES,
    ]
    # stable: `/task/count` before `/task/{id}`
    return sorted(found, key=lambda route: ["{" in part for part in route.path.split("/")])
