"""What all dialogs share: each is answered once, however quickly keys come."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A question in front of a screen."""

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Answer. A second answer, as two quick Enters give, would otherwise close what lies behind the dialog."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()
