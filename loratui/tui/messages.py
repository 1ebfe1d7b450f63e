"""What screens ask of the app: go somewhere, open a profile, show a run."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from loratui.runs.directory import RunDirectory


class Go(Message):
    """Show a step, or home."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step


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
