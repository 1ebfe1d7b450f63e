"""What the step that was left still lacks, said where a person has gone, until it is mended."""

from loratui.tui.frame import StepScreen
from loratui.tui.session import Session

# Where what a step lacks comes from, if that is another step.
_MENDED_IN = {"try": "train"}


class Reminder:
    """Says it, and takes it back."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._step = self._reason = ""
        self._screen: StepScreen | None = None

    def say(self, screen: StepScreen, step: str, reason: str) -> None:
        """Say on `screen` what `step` still lacks, unless it was mended meanwhile, or is mended on that screen."""
        self._take_back()
        if _MENDED_IN.get(step) == screen.STEP:
            return
        self._step, self._reason, self._screen = step, reason, screen
        if self._stands:
            screen.say(self._words, "warning")

    def reconsider(self) -> None:
        """Take it back where it was mended."""
        if self._step and not self._stands:
            self._take_back()

    def _take_back(self) -> None:
        if self._step and self._screen is not None:
            self._screen.unsay(self._words)
        self._step, self._screen = "", None

    @property
    def _stands(self) -> bool:
        return self._reason in (self._session.unmet(self._step) or ())

    @property
    def _words(self) -> str:
        return f"Still to do: {self._reason}"
