"""The wizard without a terminal: the real app at a given size, with a clock that stands still, and waiting for it."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from rich.cells import cell_len
from textual.events import Paste
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, Static

from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from loratui.tui.app import Options, Wizard
from loratui.tui.background import BACKGROUND
from loratui.tui.session import Session
from loratui.tui.widgets.changing_lines import ChangingLines
from loratui.tui.widgets.form_view import RowsView
from loratui.tui.widgets.picture import Picture
from tests.patient_pilot import driven

# 22 November 2026, 10:42 in whatever zone the tests run in.
TEN_FORTY_TWO = time.mktime((2026, 11, 22, 10, 42, 0, 0, 0, -1))


def make_wizard(profile: str | None = None, mode: str = "home", **options: object) -> Wizard:
    """The app, with a saved profile open, beginning with the step `mode`."""
    session = Session(now=lambda: TEN_FORTY_TWO)
    if profile is not None:
        session.open(profile)
    return Wizard(session, Options(start=mode, **options))  # type: ignore[arg-type]


def new_session() -> Session:
    """A session with a new profile `emi` open."""
    new_profile("emi", Profile())
    session = Session()
    session.open("emi")
    return session


@asynccontextmanager
async def wizard(
    size: tuple[int, int] = (80, 24), profile: str | None = None, mode: str = "home", **options: object
) -> AsyncIterator[Pilot[int]]:
    """The running app, to be driven by keys."""
    app = make_wizard(profile, mode, **options)
    async with driven(app, size) as pilot:
        yield pilot


def screen_text(pilot: Pilot[int]) -> list[str]:
    """The lines of the screen as they are seen, dialogs included."""
    lines = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in lines]


def line_with(lines: list[str], text: str) -> str:
    """The first of the lines that has the text."""
    return next(line for line in lines if text in line)


def session_of(pilot: Pilot[int]) -> Session:
    """What the screens look at."""
    assert isinstance(pilot.app, Wizard)
    return pilot.app.session


async def until(
    pilot: Pilot[int], condition: Callable[[], object], seconds: float = 60.0, what: str = "what was waited for"
) -> None:
    """Wait for a condition; where it never comes the screen is told."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "\n".join([f"{what} never came:", *screen_text(pilot)])
        await pilot.pause(0.02)


async def see(pilot: Pilot[int], *texts: str) -> list[str]:
    """The screen's lines as soon as every text is in one of them."""
    lines: list[str] = []

    def are_there() -> bool:
        lines[:] = screen_text(pilot)
        return all(any(text in line for line in lines) for text in texts)

    await until(pilot, are_there, what=" and ".join(map(repr, texts)))
    return lines


async def see_line(pilot: Pilot[int], text: str) -> str:
    """The line that has the text, as soon as there is one."""
    return line_with(await see(pilot, text), text)


async def read(pilot: Pilot[int], text: str) -> list[str]:
    """The screen's lines as soon as the text can be read in them, broken into lines (a long path anywhere) or not."""
    lines: list[str] = []
    unbroken = "".join(text.split())

    def is_there() -> bool:
        lines[:] = screen_text(pilot)
        return any(text in line for line in lines) or unbroken in "".join("".join(lines).split())

    await until(pilot, is_there, what=repr(text))
    return lines


def is_drawn(picture: Picture) -> bool:
    """Whether what a widget shall show is shown, be it a sentence."""
    return picture._wanted is None or picture._kept.get(picture._wanted) is picture._shown is not None


async def at_rest(pilot: Pilot[int]) -> None:
    """Wait until all work is done that waits for no person, what it began included, and its results are shown."""
    await pilot.pause()
    while not _all_is_done(pilot):
        await until(pilot, lambda: _all_is_done(pilot), what="the end of all work")
        await pilot.pause()


def _all_is_done(pilot: Pilot[int]) -> bool:
    assert isinstance(pilot.app, Wizard)
    looking = [worker for worker in pilot.app.workers if worker.description == BACKGROUND and not worker.is_finished]
    return not looking and not pilot.app._at_work


async def at_mode(pilot: Pilot[int], mode: str) -> None:
    """Wait until Home or a step is shown, and what that set off is done."""
    await until(pilot, lambda: pilot.app.current_mode == mode, what=mode)
    await pilot.pause()


async def paste(pilot: Pilot[int], text: str) -> None:
    """Paste into the dialog's line, which is one event for any text."""
    pilot.app.screen.query_one(Input).post_message(Paste(text))
    await pilot.pause()


def cut_texts(pilot: Pilot[int]) -> list[str]:
    """What of the screen in front a person cannot read and no sign tells of: widgets and texts without their room.

    The lines of a screen prove nothing: what stands beyond its edges is never in them.
    """
    return [told for widget in pilot.app.screen.walk_children(Widget) if _is_seen(widget) for told in _cut_in(widget)]


def _is_seen(widget: Widget) -> bool:
    return widget.display and widget.visible and widget.is_attached and all(node.display for node in widget.ancestors)


def _cut_in(widget: Widget) -> Iterator[str]:
    region, parent = widget.region, widget.parent
    if isinstance(parent, Widget) and widget.styles.dock == widget.styles.overlay == "none":
        room = parent.content_region
        if not parent.allow_horizontal_scroll and (region.x < room.x or region.right > room.right):
            yield f"{widget}: columns {region.x} to {region.right} of {room.x} to {room.right}"
        if not parent.allow_vertical_scroll and (region.y < room.y or region.bottom > room.bottom):
            yield f"{widget}: rows {region.y} to {region.bottom} of {room.y} to {room.bottom}"
    width, height = widget.content_size
    for row, line in enumerate(_lines_wanted(widget)):
        if cell_len(line.rstrip()) > width and not widget.render_line(row).text.rstrip().endswith(("…", "~")):
            yield f"{widget}: {cell_len(line)} cells in {width}: {line!r}"
    if isinstance(widget, Static):
        wanted = widget.get_content_height(parent.content_size, widget.screen.size, width)  # type: ignore[union-attr]
        if wanted > height:
            yield f"{widget}: {wanted} rows in {height}: {widget.render()!r}"


def _lines_wanted(widget: Widget) -> list[str]:
    """The lines of a widget that does not break them."""
    match widget:
        case ChangingLines():
            return ["".join(text for text, _ in line) for line in widget.lines[: widget.size.height]]
        case RowsView():
            return ["".join(text for text, _ in parts) for parts, _ in widget._drawn]
        case Static() if widget.styles.text_wrap == "nowrap" and widget.styles.text_overflow != "ellipsis":
            return str(widget.render()).splitlines()
    return []
