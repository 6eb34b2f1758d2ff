"""Decisions: DMN files in, rows out. `parse_dmn` once, `Decision.evaluate` as often as you like."""

from mlc_service.dmn.decision import Decision
from mlc_service.dmn.parse import parse_dmn
from mlc_service.dmn.results import DecisionError, DecisionResult
from mlc_service.dmn.verdict import Verdict, verdict

__all__ = ["Decision", "DecisionError", "DecisionResult", "Verdict", "parse_dmn", "verdict"]
