"""The list of findings: a sign, a name, what was found, and below it the one thing to do, all in sight at once.

A last row stays pinned below a rule while the others scroll. Draws and moves; what a finding means is not its matter.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.environment.finding import Finding, State
from loratui.safe_text import printable
from loratui.tui.fitting import cut, wrapped
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.changing_lines import ChangingLines, Line, Role, in_bold

_ROLES: dict[State, Role] = {"good": "good", "warning": "warning", "bad": "error"}
_ALL = 1 << 20
_BEFORE_NAME = 4
_SHORTEST_NAME = 11
_LONGEST_NAME = 20


class Findings(ChangingLines, can_focus=True):
    """Findings above, the pinned one below; arrows move, Enter chooses."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, id="findings.up"),
        Binding("down", "move(1)", show=False, id="findings.down"),
        Binding("pageup", "move(-6)", show=False, id="findings.page_up"),
        Binding("pagedown", "move(6)", show=False, id="findings.page_down"),
        Binding("home", f"move({-_ALL})", show=False, id="findings.first"),
        Binding("end", f"move({_ALL})", show=False, id="findings.last"),
        Binding("enter", "choose", show=False, id="findings.choose"),
    ]

    class Chosen(Message):
        """Enter on a finding."""

        def __init__(self, finding: Finding, pinned: bool) -> None:
            super().__init__()
            self.finding = finding
            self.pinned = pinned

    def __init__(self, pinned: Finding, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pinned = pinned
        self._glyphs = glyphs
        self._findings: tuple[Finding, ...] = ()
        self._note = ""
        # None is the pinned row, where the cursor stays while findings come in above it.
        self._cursor: int | None = None
        self._top = 0
        self._rows: list[tuple[int, Line]] = []
        self._pinned_rows: list[Line] = []

    @property
    def finding(self) -> Finding:
        """The finding under the cursor."""
        return self._pinned if self._cursor is None else self._findings[self._cursor]

    @property
    def is_on_pinned(self) -> bool:
        """Whether the cursor is on the pinned row."""
        return self._cursor is None

    def show_findings(self, findings: Sequence[Finding], note: str = "") -> None:
        """Show findings; the cursor stays on the one of the same name.

        Args:
            note: Stands behind the last one, as long as more are to come.
        """
        name = None if self._cursor is None else self._findings[self._cursor].name
        self._findings, self._note = tuple(findings), note
        places = [place for place, finding in enumerate(self._findings) if finding.name == name]
        self._cursor = places[0] if places else None
        self._wrap()

    def pin(self, pinned: Finding) -> None:
        """Show another finding below the rule."""
        if pinned != self._pinned:
            self._pinned = pinned
            self._wrap()

    def action_move(self, rows: int) -> None:
        """Go `rows` findings down; the pinned one is the last."""
        count = len(self._findings)
        place = count if self._cursor is None else self._cursor
        place = min(max(place + rows, 0), count)
        self._cursor = None if place == count else place
        self._wrap()

    def action_choose(self) -> None:
        """Choose the finding under the cursor."""
        self.post_message(self.Chosen(self.finding, self.is_on_pinned))

    def on_resize(self) -> None:
        """Wrap to the new width."""
        self._wrap()

    def on_focus(self) -> None:
        """Show the cursor."""
        self._draw()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Go to a finding; a click on the one under the cursor chooses it."""
        room, place = self._room, self._top + event.y
        if event.y > room:
            chosen: int | None = None
        elif event.y < room and place < len(self._rows) and self._rows[place][0] >= 0:
            chosen = self._rows[place][0]
        else:
            return
        if chosen == self._cursor:
            self.action_choose()
        else:
            self._cursor = chosen
            self._wrap()

    def on_mouse_scroll_down(self) -> None:
        """Go on."""
        self.action_move(1)

    def on_mouse_scroll_up(self) -> None:
        """Go back."""
        self.action_move(-1)

    @property
    def _room(self) -> int:
        return max(0, self.size.height - 1 - len(self._pinned_rows))

    def _wrap(self) -> None:
        width = self.size.width
        names = max((cell_len(finding.name) for finding in (*self._findings, self._pinned)), default=0)
        names = min(max(names, _SHORTEST_NAME), _LONGEST_NAME)
        self._rows = [
            (place, line)
            for place, finding in enumerate(self._findings)
            for line in finding_lines(finding, names, width, self._glyphs)
        ]
        if self._note:
            self._rows.append((-1, [(" " * _BEFORE_NAME + self._note, "faint")]))
        self._pinned_rows = finding_lines(self._pinned, names, width, self._glyphs)
        self._scroll()
        self._draw()

    def _scroll(self) -> None:
        """Keep the finding under the cursor in sight, with the pinned row the last ones."""
        own = [line for line, (place, _) in enumerate(self._rows) if place == self._cursor]
        room = max(1, self._room)
        if own:
            self._top = min(self._top, own[0])
            self._top = max(self._top, min(own[-1] - room + 1, own[0]))
        self._top = max(0, min(self._top, len(self._rows) - room))

    def _rule(self, width: int) -> Line:
        end = self._top + self._room
        hidden = ((self._glyphs.up, self._rows[: self._top]), (self._glyphs.down, self._rows[end:]))
        places = [(sign, {place for place, _ in lines if place >= 0}) for sign, lines in hidden]
        more = "   ".join(f"{sign} {len(those)} more" for sign, those in places if those)
        trouble = any(self._findings[place].state != "good" for _, those in places for place in those)
        ending = f" {more} {self._glyphs.rule * 2}" if more else ""
        rule = f" {self._glyphs.rule * max(0, width - 2 - cell_len(ending))}"
        return [(rule, "rule"), (ending, "warning" if trouble else "rule")]

    def _draw(self) -> None:
        seen = self._rows[self._top : self._top + self._room]
        first = next((line for place, line in seen if place == self._cursor), None)
        above = [self._marked(line) if line is first else line for _, line in seen]
        pinned = [
            self._marked(line) if not row and self._cursor is None else line
            for row, line in enumerate(self._pinned_rows)
        ]
        self.show([*above, *[()] * (self._room - len(above)), self._rule(self.size.width), *pinned])

    def _marked(self, line: Line) -> Line:
        """The first line of the finding under the cursor."""
        if not self.has_focus_within:
            return line
        (text, role), *others = line
        return [*in_bold([(f"{self._glyphs.current} ", "accent")]), (text[2:], role), *others]


def finding_lines(finding: Finding, name_width: int, width: int, glyphs: Glyphs) -> list[Line]:
    """The lines of a finding, each at most `width` cells: sign, name and value, what to do, and lines to copy."""
    indent = " " * (_BEFORE_NAME + name_width + 1)
    room = max(1, width - len(indent) - 1)
    values = wrapped(printable(finding.value), room) or [""]
    lines: list[Line] = [
        [
            (f"  {_sign(finding.state, glyphs)} ", _ROLES[finding.state]),
            (cut(finding.name, name_width, glyphs, pad=True) + " ", "text"),
            (values[0], "text"),
        ]
    ]
    lines += [[(indent + value, "text")] for value in values[1:]]
    for number, todo in enumerate(wrapped(printable(finding.todo), room - 2)):
        before = f"{glyphs.arrow} " if number == 0 else "  "
        lines.append([(indent + before + todo, "faint" if finding.state == "good" else "warning")])
    for exact in finding.lines:
        lines += [[(f"{indent}  {line}", "text")] for line in wrapped(printable(exact), room - 2)]
    return lines


def plain_finding(finding: Finding, glyphs: Glyphs) -> str:
    """A finding as lines of text, nothing wrapped: what is to be copied stays whole."""
    lines = [f"{_sign(finding.state, glyphs)} {finding.name}: {finding.value}"]
    lines += [f"  {glyphs.arrow} {finding.todo}"] if finding.todo else []
    return "\n".join([*lines, *finding.lines])


def _sign(state: State, glyphs: Glyphs) -> str:
    return {"good": glyphs.check, "warning": glyphs.unmet, "bad": glyphs.cross}[state]
