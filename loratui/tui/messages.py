"""What screens ask of the app: go somewhere, open a profile, show a run; and what it learns beside them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from loratui.profile.schema import Profile
    from loratui.runs.directory import RunDirectory
    from loratui.tui.frame import StepScreen


class Go(Message):
    """Show a step, or home, and then do something there."""

    def __init__(self, step: str, then: "Callable[[StepScreen], object] | None" = None) -> None:
        super().__init__()
        self.step = step
        self.then = then


class OpenProfile(Message):
    """Open the saved profile of that name, and show a step of it."""

    def __init__(self, name: str, step: str = "pictures") -> None:
        super().__init__()
        self.name = name
        self.step = step


class ShowRun(Message):
    """Show a run: on Train, or on Try."""

    def __init__(self, run: "RunDirectory", step: str = "train") -> None:
        super().__init__()
        self.run = run
        self.step = step


class Judged(Message):
    """What a step lacks with a profile was found out without its screen."""

    def __init__(self, step: str, profile: "Profile", lacking: Sequence[str]) -> None:
        super().__init__()
        self.step = step
        self.profile = profile
        self.lacking = lacking
