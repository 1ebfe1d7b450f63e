"""The steps of the wizard, in their order."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step: its mode's name, its number in the rail and its title."""

    id: str
    number: int
    title: str


STEPS = (
    Step("system", 1, "System"),
    Step("model", 2, "Model"),
    Step("pictures", 3, "Pictures"),
    Step("settings", 4, "Settings"),
    Step("train", 5, "Train"),
    Step("try", 6, "Try"),
)
HOME = "home"


def neighbour(step: str, distance: int) -> str:
    """The step `distance` after `step`, at most the last; before the first comes home."""
    order = [HOME, *(one.id for one in STEPS)]
    return order[min(max(order.index(step) + distance, 0), len(order) - 1)]
