"""What steps and pictures of a run really took, remembered in place of what was measured before the run began.

The two steps of a preflight may have met a computer that was busy with something else.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from loratui.runs.measured import Measurement, remember

# With fewer of them a median says no more than the preflight did.
LEAST_STEPS = 20


class Pace:
    """The pace of one run.

    Args:
        facts: What decides the cost of a step: by them it is remembered.
        before: What was known before the run; None where nothing was, not even how much memory a step takes.
    """

    def __init__(self, facts: Sequence[str], before: Measurement | None) -> None:
        self._facts = tuple(facts)
        self._known = before
        self._steps: list[float] = []
        self._pictures: list[float] = []

    def step_took(self, seconds: float) -> None:
        """Count a step."""
        self._steps.append(seconds)

    def picture_took(self, seconds: float) -> None:
        """Count a picture, or what one of several took on average."""
        self._pictures.append(seconds)

    def keep(self) -> None:
        """Remember what was counted, where that is enough; what was not counted stays as it was known."""
        if self._known is None or len(self._steps) < LEAST_STEPS:
            return
        self._known = replace(self._known, seconds_per_step=median(self._steps))
        if self._pictures:
            self._known = replace(self._known, seconds_per_picture=median(self._pictures))
        remember(self._facts, self._known)
