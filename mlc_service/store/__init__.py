"""Tables, queries and the unit of work: the only door to SQLAlchemy. Start reading at `units.py`."""
