"""Use cases on definitions, instances, tasks, signals, messages and jobs.

Every use case is a function of a unit of work (one transaction, committed by whoever opened it), the `Surroundings`
and what is wanted. Nothing here knows HTTP, and nothing here knows the life cycle. Lists are read from the unit's
repositories directly.
"""

from mlc_service.process.surroundings import Surroundings

__all__ = ["Surroundings"]
