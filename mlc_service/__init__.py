"""MLC Service: runs the life cycle of machine-learning models as BPMN processes, on record."""

__version__ = "0.1.0"
