"""The line on top: the program, the open profile, the steps with their state, and the time."""

import time

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from loratui.safe_text import printable
from loratui.tui.fitting import cut
from loratui.tui.session import Session
from loratui.tui.steps import STEPS

_PROGRAM = "loratui"


class Rail(Static):
    """` loratui  emi   1 System✓ 2 Model✓ 3 Pictures! … 10:42`; `!` marks a step that lacks something."""

    def __init__(self, session: Session, step: str) -> None:
        super().__init__(id="rail", markup=False)
        self._session = session
        self._step = step
        self._drawn: Content | None = None

    def redraw(self) -> None:
        """Draw the line anew if it has changed."""
        line = self._line(self.size.width or 80)
        if line != self._drawn:
            self._drawn = line
            self.update(line)

    def on_resize(self) -> None:
        """Fit the name into the new width."""
        self.redraw()

    def on_mount(self) -> None:
        """Keep the clock right."""
        self.redraw()
        self.set_interval(20, self.redraw)

    def _line(self, width: int) -> Content:
        steps = self._steps()
        clock = time.strftime("%H:%M", time.localtime(self._session.now()))
        room = width - steps.cell_length - len(clock) - 3
        name = printable(self._session.name)
        with_program = f" {_PROGRAM}  {name}"
        left = with_program if cell_len(with_program) <= room else f" {name}"
        left = cut(left, room, self._session.glyphs)
        gap = max(1, width - cell_len(left) - steps.cell_length - len(clock) - 2)
        before = min(gap, 3)
        return Content.assemble(
            (left, "bold"), " " * before, steps, " " * max(1, gap - before + 1), (clock, "$faint"), " "
        )

    def _steps(self) -> Content:
        glyphs = self._session.glyphs
        parts: list[Content | tuple[str, str] | str] = []
        for step in STEPS:
            unmet = self._session.unmet(step.id)
            mark, style = " ", "$faint"
            if unmet:
                mark, style = glyphs.unmet, "$text-warning"
            elif unmet is not None:
                mark, style = glyphs.check, "$text"
            if step.id == self._step:
                mark, style = mark if unmet else glyphs.current, "bold $text-accent"
            parts += [(f"{step.number} {step.title}{mark}", style), " "]
        return Content.assemble(*parts[:-1])
