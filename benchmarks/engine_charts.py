"""The charts of `benchmarks/engine.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from benchmarks.engine import Comparison, Curve, Windows

_COLUMNS = 2
_PER_PANEL = (7.5, 4.6)
_OURS, _STOCK = "#1f6feb", "#d1570b"


def draw(
    folder: Path, curves: Sequence[Curve], windows: Sequence[Windows], comparisons: Sequence[Comparison]
) -> list[Path]:
    """The charts there are data for; answers their files."""
    charts = []
    if curves:
        charts.append(_curves(folder / "engine_curves.png", curves))
    if windows:
        charts.append(_windows(folder / "engine_windows.png", windows))
    if comparisons:
        charts.append(_comparisons(folder / "engine_beside_stock.png", comparisons))
    return charts


def _curves(file: Path, curves: Sequence[Curve]) -> Path:
    """A panel for each group: time over size, both logarithmic, and what in proportion would look like."""
    groups = list(dict.fromkeys(curve.group for curve in curves))
    figure, panels = _panels(len(groups))
    for panel, group in zip(panels, groups, strict=False):
        inside = [curve for curve in curves if curve.group == group]
        for curve in inside:
            label = f"{curve.name} ({curve.exponent:.2f})"
            panel.loglog(curve.sizes, [time * 1000 for time in curve.seconds], marker="o", label=label)
        first = min(inside, key=lambda curve: curve.seconds[0])
        proportion = [first.seconds[0] * 1000 * size / first.sizes[0] for size in first.sizes]
        panel.loglog(first.sizes, proportion, linestyle="--", color="grey", label="in proportion")
        panel.set(title=group, xlabel="how many", ylabel="CPU milliseconds")
        panel.legend(fontsize=6.5)
    return _saved(figure, file, "Time over size; in brackets the exponent")


def _windows(file: Path, windows: Sequence[Windows]) -> Path:
    """What a turn costs in each thousand of ten thousand."""
    figure, (panel,) = _panels(1, columns=1)
    for one in windows:
        turns = [(position + 1) * 1000 for position in range(len(one.seconds))]
        panel.plot(turns, [seconds * 1000 for seconds in one.seconds], marker="o", label=one.name)
    panel.set(xlabel="turns", ylabel="CPU microseconds a turn")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=7)
    return _saved(figure, file, "What a turn of a loop costs, in windows of 1,000 turns")


def _comparisons(file: Path, comparisons: Sequence[Comparison]) -> Path:
    """A panel for each case: both engines."""
    names = list(dict.fromkeys((one.group, one.name) for one in comparisons))
    figure, panels = _panels(len(names), columns=3)
    for panel, name in zip(panels, names, strict=False):
        inside = [one for one in comparisons if (one.group, one.name) == name]
        ended = [one for one in inside if one.stock is not None]
        panel.loglog([one.size for one in inside], [one.ours * 1000 for one in inside], marker="o", color=_OURS,
                     label="ours")  # fmt: skip
        panel.loglog([one.size for one in ended], [(one.stock or 0) * 1000 for one in ended], marker="s", color=_STOCK,
                     label="stock")  # fmt: skip
        for one in ended:
            panel.annotate(
                f"{one.ratio:.0f}×", (one.size, (one.stock or 0) * 1000), fontsize=7, ha="right", va="bottom"
            )
        for one in inside:
            if one.stock is None:
                panel.annotate(
                    f"stock: {one.outcome[:40]}", (one.size, one.ours * 1000), fontsize=6, color=_STOCK, ha="right",
                    va="top",
                )  # fmt: skip
        panel.set_title(": ".join(name), fontsize=8)
        panel.set(xlabel=inside[0].counted, ylabel="CPU milliseconds")
        panel.legend(fontsize=7)
    return _saved(figure, file, "The same diagram on both engines")


def _panels(count: int, columns: int = _COLUMNS) -> tuple[Any, list[Any]]:
    rows = -(-count // columns)
    width, height = _PER_PANEL
    scale = _COLUMNS / columns if columns > 1 else 1
    figure, grid = plt.subplots(rows, columns, figsize=(width * scale * columns, height * scale * rows), squeeze=False)
    panels = list(grid.flat)
    for unused in panels[count:]:
        unused.set_visible(False)
    return figure, panels[:count]


def _saved(figure: Any, file: Path, title: str) -> Path:
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(file, dpi=130)
    plt.close(figure)
    return file
