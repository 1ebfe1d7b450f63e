"""The list of findings: a sign, a name, what was found, and below it the one thing to do, all in sight at once.

A last row stays pinned below a rule while the others scroll. Draws and moves; what a finding means is not its matter.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from loratui.environment.finding import Finding, State
from loratui.safe_text import printable
from loratui.tui.fitting import cut, wrapped
from loratui.tui.glyphs import Glyphs

Part = Literal["cursor", "good", "warning", "bad", "name", "value", "todo", "line", "faint", "rule"]
Line = list[tuple[str, Part]]

_PARTS: tuple[Part, ...] = ("cursor", "good", "warning", "bad", "name", "value", "todo", "line", "faint", "rule")
_ALL = 1 << 20
_BEFORE_NAME = 4
_SHORTEST_NAME = 11
_LONGEST_NAME = 20


class Findings(Widget, can_focus=True):
    """Findings above, the pinned one below; arrows move, Enter chooses."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"findings--{part}" for part in _PARTS}
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Findings {
        height: 1fr;
        & > .findings--cursor { color: $text-accent; text-style: bold; }
        & > .findings--good { color: $text-success; }
        & > .findings--warning { color: $text-warning; }
        & > .findings--bad { color: $text-error; }
        & > .findings--todo { color: $text-warning; }
        & > .findings--faint { color: $faint; }
        & > .findings--rule { color: $rule; }
    }
    """
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
        self._lines: list[tuple[int, Line]] = []
        self._pinned_lines: list[Line] = []

    @property
    def finding(self) -> Finding:
        """The finding under the cursor."""
        return self._pinned if self._cursor is None else self._findings[self._cursor]

    @property
    def is_on_pinned(self) -> bool:
        """Whether the cursor is on the pinned row."""
        return self._cursor is None

    def show(self, findings: Sequence[Finding], note: str = "") -> None:
        """Show findings; the cursor stays on the one of the same name.

        Args:
            note: Stands behind the last one, as long as more are to come.
        """
        name = None if self._cursor is None else self._findings[self._cursor].name
        self._findings, self._note = tuple(findings), note
        places = [place for place, finding in enumerate(self._findings) if finding.name == name]
        self._cursor = places[0] if places else None
        self._lay_out()

    def pin(self, pinned: Finding) -> None:
        """Show another finding below the rule."""
        if pinned != self._pinned:
            self._pinned = pinned
            self._lay_out()

    def action_move(self, rows: int) -> None:
        """Go `rows` findings down; the pinned one is the last."""
        count = len(self._findings)
        place = count if self._cursor is None else self._cursor
        place = min(max(place + rows, 0), count)
        self._cursor = None if place == count else place
        self._lay_out()

    def action_choose(self) -> None:
        """Choose the finding under the cursor."""
        self.post_message(self.Chosen(self.finding, self.is_on_pinned))

    def on_resize(self) -> None:
        """Wrap to the new width."""
        self._lay_out()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Go to a finding; a click on the one under the cursor chooses it."""
        room, place = self._room, self._top + event.y
        if event.y > room:
            chosen: int | None = None
        elif event.y < room and place < len(self._lines) and self._lines[place][0] >= 0:
            chosen = self._lines[place][0]
        else:
            return
        if chosen == self._cursor:
            self.action_choose()
        else:
            self._cursor = chosen
            self._lay_out()

    def on_mouse_scroll_down(self) -> None:
        """Go on."""
        self.action_move(1)

    def on_mouse_scroll_up(self) -> None:
        """Go back."""
        self.action_move(-1)

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        room, width = self._room, self.size.width
        if y < room:
            number = self._top + y
            line = self._lines[number][1] if number < len(self._lines) else []
            return self._strip(line, at_cursor=number == self._cursor_line)
        if y == room:
            return self._strip(self._rule(width))
        line = self._pinned_lines[y - room - 1] if y - room - 1 < len(self._pinned_lines) else []
        return self._strip(line, at_cursor=y == room + 1 and self._cursor is None)

    @property
    def _cursor_line(self) -> int | None:
        """The first line of the finding under the cursor."""
        return next((line for line, (place, _) in enumerate(self._lines) if place == self._cursor), None)

    @property
    def _room(self) -> int:
        return max(0, self.size.height - 1 - len(self._pinned_lines))

    def _lay_out(self) -> None:
        width = self.size.width
        names = max((cell_len(finding.name) for finding in (*self._findings, self._pinned)), default=0)
        names = min(max(names, _SHORTEST_NAME), _LONGEST_NAME)
        self._lines = [
            (place, line)
            for place, finding in enumerate(self._findings)
            for line in finding_lines(finding, names, width, self._glyphs)
        ]
        if self._note:
            self._lines.append((-1, [(" " * _BEFORE_NAME + self._note, "faint")]))
        self._pinned_lines = finding_lines(self._pinned, names, width, self._glyphs)
        self._scroll()
        self.refresh()

    def _scroll(self) -> None:
        """Keep the finding under the cursor in sight, with the pinned row the last ones."""
        own = [line for line, (place, _) in enumerate(self._lines) if place == self._cursor]
        room = max(1, self._room)
        if own:
            self._top = min(self._top, own[0])
            self._top = max(self._top, min(own[-1] - room + 1, own[0]))
        self._top = max(0, min(self._top, len(self._lines) - room))

    def _rule(self, width: int) -> Line:
        end = self._top + self._room
        hidden = ((self._glyphs.up, self._lines[: self._top]), (self._glyphs.down, self._lines[end:]))
        places = [(sign, {place for place, _ in lines if place >= 0}) for sign, lines in hidden]
        more = "   ".join(f"{sign} {len(those)} more" for sign, those in places if those)
        trouble = any(self._findings[place].state != "good" for _, those in places for place in those)
        ending = f" {more} {self._glyphs.rule * 2}" if more else ""
        rule = f" {self._glyphs.rule * max(0, width - 2 - cell_len(ending))}"
        return [(rule, "rule"), (ending, "todo" if trouble else "rule")]

    def _strip(self, line: Line, at_cursor: bool = False) -> Strip:
        parts = list(line)
        if at_cursor and self.has_focus:
            parts = [(f"{self._glyphs.current} ", "cursor"), (parts[0][0][2:], parts[0][1]), *parts[1:]]
        segments = [Segment(text, self.get_component_rich_style(f"findings--{part}")) for text, part in parts]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)


def finding_lines(finding: Finding, name_width: int, width: int, glyphs: Glyphs) -> list[Line]:
    """The lines of a finding, each at most `width` cells: sign, name and value, what to do, and lines to copy."""
    indent = " " * (_BEFORE_NAME + name_width + 1)
    room = max(1, width - len(indent) - 1)
    values = wrapped(printable(finding.value), room) or [""]
    lines: list[Line] = [
        [
            (f"  {_sign(finding.state, glyphs)} ", finding.state),
            (cut(finding.name, name_width, glyphs, pad=True) + " ", "name"),
            (values[0], "value"),
        ]
    ]
    lines += [[(indent + value, "value")] for value in values[1:]]
    for number, todo in enumerate(wrapped(printable(finding.todo), room - 2)):
        before = f"{glyphs.arrow} " if number == 0 else "  "
        lines.append([(indent + before + todo, "faint" if finding.state == "good" else "todo")])
    for exact in finding.lines:
        lines += [[(f"{indent}  {line}", "line")] for line in wrapped(printable(exact), room - 2)]
    return lines


def plain_finding(finding: Finding, glyphs: Glyphs) -> str:
    """A finding as lines of text, nothing wrapped: what is to be copied stays whole."""
    lines = [f"{_sign(finding.state, glyphs)} {finding.name}: {finding.value}"]
    lines += [f"  {glyphs.arrow} {finding.todo}"] if finding.todo else []
    return "\n".join([*lines, *finding.lines])


def _sign(state: State, glyphs: Glyphs) -> str:
    return {"good": glyphs.check, "warning": glyphs.unmet, "bad": glyphs.cross}[state]
