"""What a step lacks, found out without its screen: after a change elsewhere the rail shall not be silent for long.

Only what the disk says at once; pictures and the hub are asked by their own screens.
"""

from typing import TYPE_CHECKING

from textual.app import App

from loratui.errors import BaseModelError
from loratui.tui.background import threaded
from loratui.tui.messages import Judged
from loratui.tui.session import Session

if TYPE_CHECKING:
    from loratui.profile.schema import Profile

_MODEL = "model"


class Judging(App[int]):
    """The app as far as it judges steps.

    Attributes:
        session: Knows what is to be judged.
    """

    session: Session

    def judge(self) -> None:
        """Judge what was judged before a change, and not since."""
        if _MODEL in self.session.to_judge:
            self._judge_model(self.session.profile)

    @threaded(exclusive=True, group="judge", about=lambda _, profile: (profile.model.base,))
    def _judge_model(self, profile: "Profile") -> None:
        lacking = lacking_of_model(profile)
        if lacking is not None:
            self.post_message(Judged(_MODEL, profile, lacking))

    def on_judged(self, message: Judged) -> None:
        """Have the rail show it, unless the profile is another one or the screen has said it by now."""
        if message.profile is self.session.profile and message.step in self.session.to_judge:
            self.session.set_unmet(message.step, message.lacking)


def lacking_of_model(profile: "Profile") -> tuple[str, ...] | None:
    """What Model lacks with this profile; None where only the hub could tell."""
    from loratui.hub.presence import presence

    try:
        found = presence(profile.model.base)
    except BaseModelError as error:
        return (error.what,)
    except OSError:
        return None
    if not found.suits(profile.model):
        return (found.note,)
    return () if found.here else None
