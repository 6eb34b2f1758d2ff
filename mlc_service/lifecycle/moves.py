"""Which state may follow which, for everything in the life cycle that has a state."""

from __future__ import annotations

from collections.abc import Mapping

from mlc_service.lifecycle.errors import IllegalMove

Moves = Mapping[str, frozenset[str]]

# A job that is RUNNING when its worker dies stays RUNNING: the next worker takes it over.
MODEL_JOB: Moves = {
    "CREATED": frozenset({"WAITING", "ERROR", "CANCELLED"}),
    "WAITING": frozenset({"RUNNING", "ERROR", "CANCELLED"}),
    "RUNNING": frozenset({"COMPLETE", "ERROR", "CANCELLED"}),
    "COMPLETE": frozenset(),
    "ERROR": frozenset(),
    "CANCELLED": frozenset(),
}

DEPLOYED_MODEL: Moves = {
    "DEPLOYED": frozenset({"SUPERSEDED", "UNDEPLOYED"}),
    "SUPERSEDED": frozenset(),
    "UNDEPLOYED": frozenset(),
}

# INIT: free. RUNNING: serves a model. ERROR: its process was lost. STOPPED: its process ended in good order.
ENGINE: Moves = {
    "INIT": frozenset({"RUNNING", "ERROR", "STOPPED"}),
    "RUNNING": frozenset({"INIT", "ERROR", "STOPPED"}),
    "ERROR": frozenset({"INIT", "STOPPED"}),
    "STOPPED": frozenset({"INIT"}),
}

USABLE_ENGINE_STATES = frozenset({"INIT", "RUNNING"})


def is_final(moves: Moves, state: str) -> bool:
    """True if nothing follows."""
    return not moves[state]


def check_move(moves: Moves, what: str, state: str, wanted: str) -> None:
    """Nothing happens, or IllegalMove is raised."""
    allowed = moves.get(state, frozenset())
    if wanted not in allowed:
        raise IllegalMove(what, state, wanted, allowed)
