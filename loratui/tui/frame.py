"""What all steps' screens share: the rail above, the keys below, the keys that work everywhere, and one line of news.

A step's screen composes its body and says what its keys do; where they lead is the app's matter.
"""

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static, TextArea
from textual.worker import Worker, WorkerState

from loratui.crash import write_crash_log
from loratui.tui.keys import EVERYWHERE, KEYS, bindings, entry_of
from loratui.tui.messages import Go
from loratui.tui.session import Session
from loratui.tui.steps import HOME, STEPS, neighbour
from loratui.tui.widgets.key_bar import KeyBar
from loratui.tui.widgets.news import News, NewsRows
from loratui.tui.widgets.rail import Rail

if TYPE_CHECKING:
    from loratui.tui.app import Wizard
    from loratui.tui.widgets.picture import Picture

_KEYS_WHILE_EDITING = (("Enter", "Done"), ("Tab", "Complete"), ("Ctrl+N", "Next step"))


class StepScreen(Screen[None]):
    """A step, or home. Subclasses set `STEP` and `KEYS` and fill the body.

    Attributes:
        STEP: The mode's name.
        KEYS: Ids of the keys that work here beside those that work everywhere, in the key bar's order;
            "act:Edit" gives a key another label, "stronger:Strength:←→" also names its neighbour.
    """

    STEP: ClassVar[str] = ""
    KEYS: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    AUTO_FOCUS = ""

    def __init_subclass__(cls) -> None:
        # Textual collects bindings when a class is made: they have to be there before.
        cls.BINDINGS = [*bindings(cls.KEYS)]
        super().__init_subclass__()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._is_in_front = False

    def compose(self) -> ComposeResult:
        """The rail, the body between two rules, and the keys."""
        yield Rail(self.session, self.STEP)
        yield Static(id="rule", markup=False)
        with Vertical(id="body"):
            yield from self.compose_body()
        yield NewsRows(self.session)
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """What the step consists of: 20 rows of 80 columns in the smallest terminal."""
        yield from ()

    def plain_text(self) -> str:
        """The step as plain text, to be read or copied outside of the program."""
        return ""

    def keys_now(self) -> tuple[str, ...]:
        """`KEYS`, where a key has another label by what the screen shows."""
        return self.KEYS

    def focus_help(self) -> tuple[str, str]:
        """Title and text that explain what is focused."""
        return "", ""

    def session_changed(self) -> None:
        """The profile or the run has changed; also called each time that the screen is shown."""

    def shown(self) -> None:
        """The screen came to the front."""

    def hidden(self) -> None:
        """Another screen came to the front."""

    async def finish_editing(self) -> None:
        """Take what is being typed, and wait until it is kept; the program is about to end."""

    def say(self, text: str, kind: News = "note") -> None:
        """Say something above the keys for some seconds, in as many rows as it takes; `y` copies an error."""
        self.query_one(NewsRows).say(text, kind)

    def unsay(self, text: str) -> None:
        """Take back what was said, if it still stands there."""
        if self.is_mounted:
            self.query_one(NewsRows).unsay(text)

    def refresh_rail(self) -> None:
        """Draw the steps' state anew."""
        if self.is_mounted:
            self.query_one(Rail).redraw()

    def _compositor_refresh(self) -> None:
        """Stand still behind a dialog.

        There Textual 8.2 paints everything anew for every message, tens of kilobytes a second while a run is watched.
        What has changed meanwhile is painted when the dialog is gone.
        """
        if self.is_active or not self.is_current:
            super()._compositor_refresh()

    def redraw(self) -> None:
        """Draw everything anew, as with other signs."""
        if not self.is_mounted:
            return
        self._draw_rules()
        self.refresh_rail()
        self.session_changed()
        self.refresh_keys()
        for picture in self.query("Picture"):
            cast("Picture", picture).reconsider()
        self.refresh(layout=True)

    def refresh_keys(self) -> None:
        """Show the keys that work now."""
        if not self.is_mounted:
            return
        last = [(KEYS[name].display, KEYS[name].label) for name in ("help", "palette")]
        bar = self.query_one(KeyBar)
        if self.is_editing:
            bar.show(_KEYS_WHILE_EDITING, [])
            return
        own: list[tuple[str, str]] = []
        for entry in map(entry_of, self.keys_now()):
            if self.check_action(entry.id, ()):
                own.append((entry.display, entry.label))
        bar.show(own, last)

    @property
    def is_editing(self) -> bool:
        """Whether letters go into a text field."""
        return isinstance(self.focused, Input | TextArea)

    def on_mount(self) -> None:
        """Draw the rules, and follow what may be done here."""
        self._draw_rules()
        self.bindings_updated_signal.subscribe(self, lambda _: self.refresh_keys())
        self.refresh_keys()

    def on_resize(self) -> None:
        """Draw the rules as long as the screen is wide, and the news in as many rows as it takes now."""
        if self.is_mounted:
            self._draw_rules()

    def on_screen_resume(self) -> None:
        """Show what may have changed meanwhile; Textual says twice that a screen comes to the front the first time."""
        if self._is_in_front:
            return
        self._is_in_front = True
        self.refresh_rail()
        self.session_changed()
        self.shown()
        self.refresh_keys()

    def on_screen_suspend(self) -> None:
        """Stop what only somebody who looks needs."""
        if self._is_in_front:
            self._is_in_front = False
            self.hidden()

    def go_to(self, step: str) -> None:
        """Go to a step, or home."""
        self.post_message(Go(step))

    def action_next(self) -> None:
        """Go to the next step."""
        self.go_to(neighbour(self.STEP, 1))

    def action_next_while_editing(self) -> None:
        """Go to the next step from within a text field."""
        self.set_focus(None)
        self.action_next()

    def action_back(self) -> None:
        """Go to the step before."""
        self.go_to(neighbour(self.STEP, -1))

    def action_home(self) -> None:
        """Go home."""
        self.go_to(HOME)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that something in the background failed unexpectedly; what was expected the worker said itself."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            told = write_crash_log(error)
            self.say(f"{told.what} {told.todo}", "error")

    async def action_quit(self) -> None:
        """Leave the program; with a run alive it asks first."""
        await self.app.action_quit()

    def action_account(self) -> Worker[None] | None:
        """Sign in to the hub, switch or sign out: on Model, which says who is signed in."""
        cast("Wizard", self.app).talk_about_account()
        return None

    def action_help(self) -> None:
        """Explain what is focused, and list the keys."""
        from loratui.tui.dialogs import Pages

        title, text = self.focus_help()
        names = [entry_of(entry).id for entry in self.KEYS] + list(EVERYWHERE)
        listed = [name for name in dict.fromkeys(names) if not name.startswith("step_")]
        keys = "\n".join(f"{KEYS[name].display:>8}  {KEYS[name].help}" for name in listed)
        numbers = f"{'1-6':>8}  Go to that step."
        self.app.push_screen(Pages(title or "Keys", f"{text}\n\n{keys}\n{numbers}".lstrip("\n")))

    def action_palette(self) -> None:
        """Open the command palette."""
        self.app.action_command_palette()

    def action_copy(self) -> None:
        """Show the step as plain text and send it to the terminal's clipboard."""
        from loratui.tui.dialogs import PlainText

        text = "\n\n".join(filter(None, (self.plain_text(), self.query_one(NewsRows).to_copy)))
        self.app.push_screen(PlainText(self.title_of_copy(), text))

    def title_of_copy(self) -> str:
        """What the plain text is called."""
        return next((step.title for step in STEPS if step.id == self.STEP), "loratui")

    def _draw_rules(self) -> None:
        rule = self.session.glyphs.rule * max(1, self.size.width - 2)
        self.query_one("#rule", Static).update(Content.assemble((rule, "$rule")))
        self.query_one(NewsRows).redraw()


def _go(step: str):  # type: ignore[no-untyped-def]
    def action(self: StepScreen) -> None:
        self.go_to(step)

    action.__doc__ = f"Go to the step {step}."
    return action


for _step in STEPS:
    setattr(StepScreen, f"action_step_{_step.id}", _go(_step.id))
