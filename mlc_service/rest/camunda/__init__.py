"""Camunda 7's REST API on the wire, and nothing but the wire.

`application.py` of the room above mounts `routes.ROUTES`. A resource declares its fields, filters and sort keys once
(`query.py`, `fields.py`); list, count, POST query and the API description come from that declaration.
"""
