"""The one text field of a form: it stands over the value of its row and takes the keys while a row is edited."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from loratui.tui.widgets.completing_field import Complete
from loratui.tui.widgets.row_field import RowField


class Editor(RowField):
    """Tab completes, or goes on to the next row where nothing is to be completed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+tab", "leave(-1)", show=False, id="form.before"),
    ]
    DEFAULT_CSS = """
    Editor, Editor:focus {
        position: absolute;
        layer: editor;
    }
    """

    def __init__(self, text: str, complete: Complete | None = None, *, select: bool = True) -> None:
        super().__init__(text, complete, select=select)
        self.row_text = text  # the text that its row has already

    async def action_complete(self) -> None:
        """Complete, or leave."""
        if self._complete is None:
            self.action_leave(1)
        else:
            await super().action_complete()
