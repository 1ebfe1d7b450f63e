"""The loss of a training as it grows: what each step said, and a smoothed line through it.

Knows neither events nor how a curve is drawn.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

# The smoothed line looks back over this share of the training, and never over fewer steps than `_FEWEST`.
_SHARE = 1 / 40
_FEWEST = 10


@dataclass(frozen=True)
class Curve:
    """What a chart draws.

    Attributes:
        steps: In ascending order, with `raw` and `smoothed` loss at each.
        validation: Step and validation loss.
        last: The step at which the training will end; 0 while that is not known.
    """

    steps: Sequence[int] = ()
    raw: Sequence[float] = ()
    smoothed: Sequence[float] = ()
    validation: Sequence[tuple[int, float]] = ()
    last: int = 0


class GrowingCurve:
    """Collects losses in the order of the steps; what is taken again replaces what was taken before."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._raw: list[float] = []
        self._smoothed: list[float] = []
        # The smoothed line's weighted sum of losses, and of weights, after each step.
        self._sums: list[tuple[float, float]] = []
        self._validation: dict[int, float] = {}
        self._is_taken = False
        self.last = 0

    @property
    def latest(self) -> float | None:
        """The smoothed loss of the latest step."""
        return self._smoothed[-1] if self._smoothed else None

    @property
    def is_taken(self) -> bool:
        """Whether nothing was learnt since the curve was last taken."""
        return self._is_taken

    def add(self, step: int, loss: float) -> None:
        """Learn the loss of a step."""
        self._is_taken = False
        self.forget_after(step - 1)
        keep = 1 - 2 / (max(_FEWEST, self.last * _SHARE) + 1)
        total, weight = self._sums[-1] if self._sums else (0.0, 0.0)
        total, weight = total * keep + loss, weight * keep + 1
        self._steps.append(step)
        self._raw.append(loss)
        self._sums.append((total, weight))
        self._smoothed.append(total / weight)

    def add_validation(self, step: int, loss: float) -> None:
        """Learn the validation loss after a step."""
        self._is_taken = False
        self._validation[step] = loss

    def forget_after(self, step: int) -> None:
        """Forget the steps after `step`, which are taken again."""
        if self._steps and self._steps[-1] > step:
            self._is_taken = False
            place = bisect_left(self._steps, step + 1)
            for values in (self._steps, self._raw, self._smoothed, self._sums):
                del values[place:]
            self._validation = {at: loss for at, loss in self._validation.items() if at <= step}

    def taken(self) -> Curve:
        """The curve as it is now, which later steps do not change."""
        self._is_taken = True
        return Curve(
            tuple(self._steps),
            tuple(self._raw),
            tuple(self._smoothed),
            tuple(sorted(self._validation.items())),
            self.last,
        )
