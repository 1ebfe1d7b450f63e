"""What the step that was left still lacks, said where a person has gone, until it is mended."""

from loratui.tui.frame import StepScreen
from loratui.tui.session import Session


class Reminder:
    """Says it, and takes it back."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._step = self._reason = ""

    def say(self, screen: StepScreen, step: str, reason: str) -> None:
        """Say on `screen` what `step` still lacks, unless it was mended meanwhile."""
        self._step, self._reason = step, reason
        if self._stands:
            screen.say(self._words, "warning")

    def reconsider(self, screen: StepScreen) -> None:
        """Take it back where it was mended."""
        if self._step and not self._stands:
            screen.unsay(self._words)
            self._step = ""

    @property
    def _stands(self) -> bool:
        return self._reason in (self._session.unmet(self._step) or ())

    @property
    def _words(self) -> str:
        return f"Still to do: {self._reason}"
