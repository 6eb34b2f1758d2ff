"""FEEL's built-in functions (DMN 1.5 §10.3.4), by theme; importing this package fills `FUNCTIONS`."""

from mlc_service.dmn.feel.functions import contexts, lists, numbers, ranges, temporal, texts
from mlc_service.dmn.feel.functions.registry import FUNCTIONS, invoke

__all__ = ["FUNCTIONS", "contexts", "invoke", "lists", "numbers", "ranges", "temporal", "texts"]
