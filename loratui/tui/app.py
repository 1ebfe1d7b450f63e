"""The app: which screen is in front, and how things look in this terminal.

Screens do the rest, and `leaving.py` knows the ways out. Each step has its own mode, so that what was typed there
stays, and its module is imported when it is first shown.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from textual import events, work
from textual.binding import Binding
from textual.command import Provider

from loratui.environment.terminal import Answers, choose_images, wants_ascii
from loratui.environment.terminal_memory import remember, remembered
from loratui.errors import LoratuiError
from loratui.tui.ascii_signs import AsciiSigns
from loratui.tui.colourless import Colourless
from loratui.tui.frame import StepScreen
from loratui.tui.full_width import as_ascii
from loratui.tui.glyphs import ASCII, UNICODE
from loratui.tui.judging import Judging
from loratui.tui.leaving import Leaving
from loratui.tui.messages import Go, OpenProfile, ShowRun
from loratui.tui.reminder import Reminder
from loratui.tui.session import Session
from loratui.tui.steps import HOME
from loratui.tui.themes import DARK, THEMES
from loratui.tui.type_ahead import TypeAhead

if TYPE_CHECKING:
    from loratui.tui.driver import ProbeAnswered

_SCREENS = {
    HOME: ("home", "HomeScreen"),
    "system": ("system", "SystemScreen"),
    "model": ("model", "ModelScreen"),
    "pictures": ("pictures", "PicturesScreen"),
    "settings": ("settings", "SettingsScreen"),
    "train": ("train", "TrainScreen"),
    "try": ("try_strengths", "TryScreen"),
}


_OPEN_HERE = "Open a profile first: Enter opens the row, n begins a new one."
_OPEN_AT_HOME = "h goes Home: Enter there opens a profile, n begins one."


@dataclass(frozen=True)
class Options:
    """What the command line says about the wizard.

    Attributes:
        ascii: Draw with ASCII signs only; None lets the terminal's answers decide.
        images: "auto", "kitty", "sixel", "halfcell" or "off".
        mouse: Whether the mouse may be used.
        theme: "dark", "light" or "ansi"; "" is the one of the last time.
        start: The step to begin with.
    """

    ascii: bool | None = None
    images: str = "auto"
    mouse: bool = True
    theme: str = ""
    start: str = HOME


class Wizard(TypeAhead, Leaving, Judging):
    """The wizard."""

    TITLE = "loratui"
    CSS_PATH = "app.tcss"
    DEFAULT_MODE = HOME
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (120, "-wide")]
    COMMANDS = {lambda: _commands()}
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", id="quit_anywhere", show=False, priority=True),
        Binding("ctrl+c", "ask_to_quit", "Quit", id="quit_as_usual", show=False),
    ]

    def __init__(self, session: Session, options: Options | None = None, driver: type | None = None) -> None:
        self.options = options or Options()
        self.DEFAULT_MODE = self.options.start  # type: ignore[misc]  # read once, by the next line
        super().__init__(driver_class=driver)
        if self.no_color:  # of which Textual makes shades of grey
            self._filters = [Colourless()]
        self.session = session
        self._reminder = Reminder(session)
        self.terminal_title = "loratui"
        self.animation_level = "none"
        session.on_change = self._session_changed
        session.on_unmet = self._unmet_changed
        session.on_news = self._tell
        for theme in THEMES:
            self.register_theme(theme)
        wanted = self.options.theme or session.recall("theme", DARK.name)
        self.theme = wanted if wanted in {theme.name for theme in THEMES} else DARK.name
        self._adapt(remembered())
        for mode in _SCREENS:
            self.add_mode(mode, self._maker(mode))

    def _maker(self, mode: str) -> Callable[[], StepScreen]:
        def make() -> StepScreen:
            module, name = _SCREENS[mode]
            screen: StepScreen = getattr(import_module(f"loratui.tui.screens.{module}"), name)(self.session)
            return screen

        return make

    # Where to go

    def on_go(self, message: Go) -> None:
        """Show a step; say what the one that is left still lacks."""
        self.show_step(message.step)
        screen = self.step_screen
        if message.then is not None and screen is not None and message.step == screen.STEP:
            screen.call_after_refresh(message.then, screen)

    def show_step(self, step: str) -> None:
        """Bring a step's screen to the front."""
        left = self.step_screen
        if step == self.current_mode or step not in _SCREENS:
            return
        of_a_run = self.session.run is not None and step in ("train", "try")
        if not self.session.name and step not in (HOME, "system") and not of_a_run:
            if left is not None:
                left.say(_OPEN_HERE if left.STEP == HOME else _OPEN_AT_HOME, "warning")
            return
        self._bring(step)

    def _bring(self, step: str) -> None:
        left, is_new = self.step_screen, step not in self._screen_stacks
        self.switch_mode(step)
        if is_new:
            self.call_after_refresh(gc.freeze)
        if left is not None and (lacking := self.session.unmet(left.STEP)):
            self.call_after_refresh(self._remind, left.STEP, lacking[0])

    def on_ready(self) -> None:
        """Keep what lives as long as the program out of garbage collections, which held keys up for 0.1 s."""
        gc.freeze()

    def _remind(self, step: str, reason: str) -> None:
        if self.step_screen is not None:
            self._reminder.say(self.step_screen, step, reason)

    def on_open_profile(self, message: OpenProfile) -> None:
        """Open a saved profile."""
        try:
            self.session.open(message.name)
        except LoratuiError as error:
            self.show_error(error)
            return
        self.show_step(message.step)

    def on_show_run(self, message: ShowRun) -> None:
        """Show a run."""
        self.session.show_run(message.run)
        if self.current_mode != message.step:
            self._bring(message.step)

    def talk_about_account(self) -> None:
        """Go to Model, which says who is signed in, and ask there; where no profile is open, ask here."""
        if self.session.name:
            self.on_go(Go("model", lambda screen: screen.action_account()))
        else:
            self._talk_about_account()

    @work(exclusive=True, group="account", exit_on_error=False)
    async def _talk_about_account(self) -> None:
        if self.step_screen is not None:
            account = import_module("loratui.tui.screens.model_account")
            await account.talk_about_account(self.step_screen, None)

    def _session_changed(self) -> None:
        self.judge()
        if self.step_screen is not None and self.step_screen.is_mounted:
            self.step_screen.refresh_rail()
            self.step_screen.session_changed()
            self.step_screen.refresh_keys()
            self._reminder.reconsider()

    def _unmet_changed(self) -> None:
        if self.step_screen is not None:
            self.step_screen.refresh_rail()
            self._reminder.reconsider()

    def _tell(self, news: str) -> None:
        if self.step_screen is not None:
            self.step_screen.say(news, "warning")

    # Keys

    async def take_typed(self, event: events.Event) -> None:
        """Take the full-width letters of an input method as the keys they stand for, except in text fields."""
        if isinstance(event, events.Key) and event.character:
            screen = self.step_screen
            typing = screen is not None and self.screen is screen and screen.is_editing
            if not typing and not isinstance(self.focused, _text_fields()):
                event = as_ascii(event)
        await super().take_typed(event)

    def watch_theme(self, theme: str) -> None:
        """Remember the look for the next time."""
        if theme in {one.name for one in THEMES}:
            self.session.remember("theme", theme)

    # The terminal

    def on_probe_answered(self, message: "ProbeAnswered") -> None:
        """Draw as the terminal can, and know it at once the next time."""
        answers = message.answers
        if answers.complete:
            remember(answers)
        if (answers.complete or remembered() is None) and self._adapt(answers):
            self.refresh_css(animate=False)
            for stack in self._screen_stacks.values():
                for screen in stack:
                    if isinstance(screen, StepScreen):
                        screen.redraw()

    def _adapt(self, answers: Answers | None) -> bool:
        """Choose signs and pictures by what the terminal said; returns whether they are others than before."""
        session, ascii_only = self.session, self.options.ascii
        before = session.glyphs, session.images, session.cell_size
        session.glyphs = ASCII if (wants_ascii(answers) if ascii_only is None else ascii_only) else UNICODE
        self._filters = [one for one in self._filters if not isinstance(one, AsciiSigns)]
        if session.glyphs is ASCII:
            self._filters.append(AsciiSigns())
        session.images = choose_images(self.options.images, answers)
        if answers is not None and answers.cell is not None:
            session.cell_size = answers.cell
        return before != (session.glyphs, session.images, session.cell_size)

    def action_command_palette(self) -> None:
        """Open the command palette."""
        from loratui.tui.commands import Palette

        Palette.open(self)


def _commands() -> type[Provider]:
    from loratui.tui.commands import WizardCommands

    return WizardCommands


def _text_fields() -> tuple[type, ...]:
    from textual.widgets import Input, TextArea

    return (Input, TextArea)
