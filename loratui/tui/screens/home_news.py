"""Which runs ended since a person last saw Home: each end is told once, also the second of the same run.

Knows runs and what the session remembers; how the news are drawn is the rows' matter.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loratui.tui.screens.home_rows import when_of
from loratui.tui.session import Session

if TYPE_CHECKING:
    from loratui.runs.glance import Glance

_MOST_REMEMBERED = 500
_SEEN = "seen_ends"


class EndedMeanwhile:
    """The ends that a person has not heard of.

    Attributes:
        offers: The runs that they are of, the newest first.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.offers: list[Glance] = []

    def take(self, runs: "Sequence[Glance]", *, first: bool) -> None:
        """Remember what has ended by now; at the `first` look of a start, what nobody has seen is news."""
        ended = [run for run in runs if not run.is_busy][:_MOST_REMEMBERED]
        seen = self._session.recall(_SEEN)
        if first and isinstance(seen, dict):  # at the very first start nothing is news
            self.offers = [run for run in ended if seen.get(run.run.name) != _end_of(run)]
        self._session.remember(_SEEN, {run.run.name: _end_of(run) for run in ended})

    def heard(self, run: "Glance") -> None:
        """Offer a run no more."""
        self.offers = [offer for offer in self.offers if offer.run.path != run.run.path]


def _end_of(run: "Glance") -> list[str | float]:
    """What tells an end from another one of the same run."""
    return [run.state, when_of(run)]
