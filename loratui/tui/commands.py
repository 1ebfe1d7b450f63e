"""The command palette's commands: the keys that work here, the steps, saved profiles, runs, and the looks.

Names of profiles and runs are only listed, never read; none of their letters is taken as markup.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.css.query import NoMatches

from loratui.paths import profiles_directory, runs_directory
from loratui.safe_text import printable
from loratui.tui.background import in_thread
from loratui.tui.frame import StepScreen
from loratui.tui.keys import EVERYWHERE, KEYS, entry_of
from loratui.tui.messages import OpenProfile, ShowRun
from loratui.tui.themes import THEMES

if TYPE_CHECKING:
    from loratui.tui.app import Wizard

# Without a word typed, only so many runs are offered.
_RUNS_OFFERED = 5
# Less than any name that fits is worth.
_BY_HELP = 1e-6
_LEFT_OUT = ("palette", "next_while_editing")


@dataclass(frozen=True)
class Command:
    """A command: what it is called, what it does in a sentence, and the deed."""

    name: str
    help: str
    act: Callable[[], object]


class Palette(CommandPalette):
    """The palette, which may be closed at any moment: Textual's own fails when that is while it still looks around."""

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)
    async def _gather_commands(self, search_value: str) -> None:
        with contextlib.suppress(NoMatches):
            await CommandPalette._gather_commands.__wrapped__(self, search_value)  # type: ignore[attr-defined]

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Close it, once: the second of two quick keys would close what lies behind it."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    @classmethod
    def open(cls, app: App[Any]) -> None:
        """Show it, unless it is there."""
        if app.use_command_palette and not cls.is_open(app):
            app.push_screen(cls())


class WizardCommands(Provider):
    """All commands of the wizard that mean something on the screen in front."""

    _profiles: tuple[str, ...] = ()
    _runs: tuple[str, ...] = ()

    async def startup(self) -> None:
        """List the names of profiles and runs."""
        self._profiles, self._runs = await asyncio.gather(in_thread(_profile_names), in_thread(_run_names))

    async def discover(self) -> Hits:
        """Everything, before a word is typed; of many runs the newest."""
        for command in self._commands(_RUNS_OFFERED):
            yield DiscoveryHit(Content(command.name), command.act, command.name, command.help)

    async def search(self, query: str) -> Hits:
        """What the typed letters may mean, best first."""
        matcher, words = self.matcher(query), query.casefold().split()
        for command in self._commands(len(self._runs)):
            score, places = matcher.fuzzy_search.match(query, command.name)
            if score > 0:
                shown = Content(command.name)
                for place in places:
                    shown = shown.stylize(self.match_style or "bold", place, place + 1)
                yield Hit(score, shown, command.act, command.name, command.help)
            elif words and all(word in command.help.casefold() for word in words):
                yield Hit(_BY_HELP, Content(command.name), command.act, command.name, command.help)

    def _commands(self, runs: int) -> Iterator[Command]:
        yield from self._keys()
        for name in self._profiles:
            yield Command(f"Open profile {printable(name)}", "Its screens.", partial(self._open, name))
        for name in self._runs[:runs]:
            yield Command(f"Attach run {printable(name)}", "Watch it, or see how it went.", partial(self._attach, name))
        for theme in THEMES:
            help_text = "The terminal's own colours." if theme.ansi else f"The {theme.name} look."
            yield Command(f"Theme {theme.name}", help_text, partial(setattr, self.app, "theme", theme.name))

    def _keys(self) -> Iterator[Command]:
        screen = self._step
        if screen is None:
            return
        names = [entry_of(entry).id for entry in screen.KEYS] + list(EVERYWHERE)
        for name in dict.fromkeys(names):
            if name not in _LEFT_OUT and screen.check_action(name, ()):
                key = KEYS[name]
                yield Command(f"{key.label}  ({key.display})", key.help, partial(self._press, name))

    @property
    def _step(self) -> StepScreen | None:
        return cast("Wizard", self.app).step_screen

    async def _press(self, name: str) -> None:
        """Do what the key would do on the screen that the palette was opened on, or else for the whole program."""
        if self._step is None or not await self.app.run_action(name, self._step):
            await self.app.run_action(name)

    def _open(self, name: str) -> None:
        if self._step is not None:
            self._step.post_message(OpenProfile(name))

    def _attach(self, name: str) -> None:
        from loratui.runs.directory import find_run

        run = find_run(name, runs_directory())
        if run is not None and self._step is not None:
            self._step.post_message(ShowRun(run))


def _profile_names() -> tuple[str, ...]:
    try:
        names = os.listdir(profiles_directory())
    except OSError:
        return ()
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml") and name[0] != "."))


def _run_names() -> tuple[str, ...]:
    try:
        names = os.listdir(runs_directory())
    except OSError:
        return ()
    return tuple(sorted((name for name in names if name[0] != "."), reverse=True))
