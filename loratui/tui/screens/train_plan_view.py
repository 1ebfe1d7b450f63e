"""The plan of a training as it is drawn, and how far its start has come. Draws, decides nothing."""

from collections.abc import Mapping, Sequence

from loratui.orders.preparing import Order
from loratui.tui.fitting import cut
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.train_figures import progress_bar
from loratui.tui.screens.train_plan import Intention, plan_lines
from loratui.tui.screens.train_start import Stage
from loratui.tui.widgets.changing_lines import ChangingLines, Line, plain


class PlanView(ChangingLines):
    """Shows an order's intention.

    Attributes:
        order: The one that is looked at or shown.
    """

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._intention: Intention | None = None
        self._stage: Stage | None = None
        self._unmet: Mapping[str, Sequence[str]] = {}
        self._is_held = False
        self.order: Order | None = None

    @property
    def is_looking(self) -> bool:
        """Whether it is still being found out what the order would come to."""
        return self._intention is None

    @property
    def is_refused(self) -> bool:
        """Whether the order cannot be trained as it is."""
        return self._intention is not None and self._intention.refusal is not None

    def look(self, order: Order) -> None:
        """Another order is being looked at; what was shown stays until that is done."""
        if self.order != order:
            self._intention = None
        self.order = order
        self.draw()

    def intend(self, intention: Intention) -> None:
        """Show what the order would come to."""
        self._intention = intention
        self.draw()

    def lack(self, unmet: Mapping[str, Sequence[str]]) -> None:
        """Show by step what the steps before this one still lack."""
        if unmet != self._unmet:
            self._unmet = unmet
            self.draw()

    def hold(self, is_held: bool) -> None:
        """Say that the order starts as soon as it is looked at, or no more."""
        if is_held != self._is_held:
            self._is_held = is_held
            self.draw()

    def stage(self, stage: Stage | None) -> None:
        """Show what a start is busy with."""
        self._stage = stage
        self.draw()

    def draw(self) -> None:
        """Draw everything for the present size."""
        width, height = self.size
        if not width:
            return
        lines: list[Line] = []
        foot = self._foot(width)
        rows = max(0, height - len(foot) - 1)
        if self._intention is not None:
            lines = plan_lines(self._intention, self._unmet, width, rows - 1, self._glyphs)
        body = [(), *lines][:rows]
        self.show([*body, (), *foot])

    def plain(self) -> str:
        """Everything as text."""
        return plain(self.lines)

    def on_changing_lines_resized(self, message: ChangingLines.Resized) -> None:
        """Draw for the new size."""
        message.stop()
        self.draw()

    def _foot(self, width: int) -> list[Line]:
        stage = self._stage
        if stage is None and self._intention is None:
            stage = Stage("Looking at what would be trained" + (", which starts then" if self._is_held else ""))
        if stage is None:
            if self._unmet.get("settings") and not self.is_refused:
                rest = " Settings comes first: nothing starts while a value is not taken"
                return [(("4", "accent"), (rest, "text"))]
            verb = " looks again" if self.is_refused else " starts the training"
            return [(("Enter", "accent"), (verb, "text"))]
        lines: list[Line] = [((cut(stage.what, width, self._glyphs), "strong"),)]
        if stage.share is not None:
            lines.append(progress_bar(stage.share, width, self._glyphs))
        if stage.base:
            lines.append(
                (("x", "accent"), (" stops it; what has come is kept, and it goes on without this screen", "faint"))
            )
        return lines
