"""What authors write inside a diagram: JUEL expressions, scripts, timer texts."""

from mlc_service.language.errors import ExpressionError, ScriptError, TimerError

__all__ = ["ExpressionError", "ScriptError", "TimerError"]
