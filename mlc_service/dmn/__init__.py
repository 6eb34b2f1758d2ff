"""Decisions: DMN files in, rows out. `parse_dmn` once, `Decision.evaluate` as often as you like."""

from mlc_service.dmn.decision import Decision
from mlc_service.dmn.feel.scope import Scripts
from mlc_service.dmn.parse import Model, parse_dmn, read_model
from mlc_service.dmn.results import DecisionError, DecisionRecord, DecisionResult, InputValue, OutputValue
from mlc_service.dmn.service import DecisionService
from mlc_service.dmn.verdict import Verdict, verdict

__all__ = [
    "Decision",
    "DecisionError",
    "DecisionRecord",
    "DecisionResult",
    "DecisionService",
    "InputValue",
    "Model",
    "OutputValue",
    "Scripts",
    "Verdict",
    "parse_dmn",
    "read_model",
    "verdict",
]
