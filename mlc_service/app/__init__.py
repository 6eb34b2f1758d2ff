"""Composition root: the one room that names concrete adapters and puts the others together.

`Service` is everything in one process; `production` has the processes of a service that is spread over several.
"""

from mlc_service.app.embedded import DataInUse, Service
from mlc_service.app.parts import OutdatedSchema

__all__ = ["DataInUse", "OutdatedSchema", "Service"]
