"""The chart of `side_by_side.py`: how many times better, on a logarithmic axis, and where the bars are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

_MET, _MISSED, _BAR = "#1f6feb", "#d1570b", "#24292f"


def draw(file: Path, lines: Sequence[dict[str, Any]]) -> None:
    """A bar for each line that has a ratio; to the right is better for us, whatever is measured."""
    compared = [line for line in lines if line["ratio"] is not None]
    if not compared:
        return
    figure, panel = plt.subplots(figsize=(9, 1 + 0.45 * len(compared)), layout="constrained")
    for place, line in enumerate(compared):
        better, wanted = (
            (1 / line["ratio"], 1 / line["bar"]) if line["less_is_better"] else (line["ratio"], line["bar"])
        )
        panel.barh(place, better - 1, left=1, color=_MISSED if line["missed"] else _MET)
        panel.plot([wanted, wanted], [place - 0.4, place + 0.4], color=_BAR)
    panel.set_yticks(range(len(compared)), [line["scenario"] for line in compared])
    panel.invert_yaxis()
    panel.set_xscale("log")
    panel.axvline(1, color="grey", linewidth=0.8)
    panel.set_xticks([0.25, 0.5, 1, 2, 3, 5, 10], ["¼", "½", "1", "2", "3", "5", "10"])
    panel.set_xlabel("times as good as Camunda 7.24.0 (black: the bar; orange: missed)")
    figure.savefig(file, dpi=110)
    plt.close(figure)
