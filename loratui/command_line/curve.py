"""A loss curve in one line of text."""

from collections.abc import Mapping
from itertools import pairwise

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*%#"


def curve(values: Mapping[int, float], width: int = 60, *, unicode: bool = True) -> str:
    """Draw `values` by step, each column the mean of its share of the steps, from lowest to highest.

    Args:
        values: Finite numbers by step, in the order of the steps.
        width: Columns at most.
        unicode: Draw with blocks; else with ASCII characters of rising weight.
    """
    losses = list(values.values())
    if not losses:
        return ""
    columns = min(width, len(losses))
    edges = [column * len(losses) // columns for column in range(columns + 1)]
    means = [sum(losses[a:b]) / (b - a) for a, b in pairwise(edges)]
    lowest, highest = min(means), max(means)
    levels = _BLOCKS if unicode else _ASCII
    span = (highest - lowest) or 1.0
    return "".join(levels[min(int((mean - lowest) / span * len(levels)), len(levels) - 1)] for mean in means)
