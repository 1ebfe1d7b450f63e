"""Home: saved profiles and all runs in one list, and what can be done with each.

Everything is read in a thread after the first frame: this module and what it imports know nothing of profiles and runs.
"""

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.screen import ModalScreen

from loratui.errors import LoratuiError
from loratui.tui.background import in_thread
from loratui.tui.screens.home_list import HomeList
from loratui.tui.screens.home_opening import OpeningScreen
from loratui.tui.screens.home_rows import Row, rows_of, title_of
from loratui.tui.session import Session
from loratui.tui.steps import HOME
from loratui.tui.widgets.changing_lines import plain

if TYPE_CHECKING:
    from loratui.runs.glance import Glance
    from loratui.tui.screens.home_facts import Contents

Answer = TypeVar("Answer")
_HELP = """\
A profile holds every setting of a training and is saved as you type. A run is one training: it goes on without this \
program, and its line tells how far it is.

Enter opens a profile, watches a run that is at work, tries the strengths of one that has finished, and goes on with \
one that was cut short."""


class HomeScreen(OpeningScreen):
    """Profiles and runs."""

    STEP = HOME
    KEYS = (
        *("act", "new", "run_again", "attach", "demo", "remove"),
        *("duplicate", "rename", "search", "doctor", "refresh"),
    )
    AUTO_FOCUS = "HomeList"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.query_text = ""
        self.typed_folder = ""  # where the question for a new profile's was left with Esc
        self._go_to = ""
        self._open = session.name
        self._is_acting = False

    @property
    def _list(self) -> HomeList:
        return self.query_one(HomeList)

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor."""
        return self._list.row if self.is_mounted else None

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield HomeList(lambda: self.session.glyphs, self.session.now)

    def shown(self) -> None:
        """Show what was there the last time while the disk is looked at, the cursor on what was opened since."""
        if self.session.name and self.session.name != self._open:
            self._open = self.session.name
            self._go_to = f"profile:{self._open}"
        self._show()
        super().shown()

    def looked(self, contents: "Contents", *, first: bool) -> None:
        """Show what there is; the first time, begin where a person would go."""
        self.news.take(contents.runs, first=first)
        self._show()
        if first:
            self._begin(contents)
        if self._go_to and self._list.go_to(self._go_to):
            self._go_to = ""
        self.wizard.set_title_text(title_of(contents))
        self.refresh_bindings()

    def _show(self) -> None:
        self._list.show_rows(rows_of(self.contents, self.news.offers, self.query_text, self.session.now()))

    def _begin(self, contents: "Contents") -> None:
        """Watch the run that is at work, or have the cursor where a person was the last time."""
        living = next((run for run in contents.runs if run.is_busy), None)
        if self.wizard.screen is not self:
            return
        if living is not None:
            self.open_run(living, "train")
        elif not self.news.offers:
            self._list.go_to(f"profile:{self.session.name or self.session.recall('profile', '')}")

    # What the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out the keys that do not work on the row under the cursor."""
        row = self.chosen
        profile = row.profile if row is not None else None
        match action:
            case "act":
                return row is not None
            case "remove":
                return profile is not None or _run_of(row) is not None
            case "rename":
                return profile is not None
            case "duplicate":
                return profile is not None and not profile.error
            case "run_again":
                return bool(self._profile_name(row))
            case "attach":
                run = _run_of(row)
                return run is not None and (profile is None or run.is_busy)
            case "search":
                return self.contents is not None and bool(self.contents.profiles or self.contents.runs)
        return True

    def on_cursor_list_moved(self) -> None:
        """Show the keys that work on the row."""
        self.refresh_bindings()

    def on_cursor_list_chosen(self) -> None:
        """Open what was clicked."""
        self.action_act()

    def on_cursor_list_all_wanted(self) -> None:
        """End the search."""
        if self.query_text:
            self.show_only("")

    def action_act(self) -> None:
        """Open the row."""
        row = self._list.row
        if row is None:
            return
        if row.kind == "demo":
            self.action_demo()
        elif row.kind == "own":
            self.action_new()
        elif row.profile is not None:
            self.open_entry(row.profile)
        elif row.run is not None:
            if row.run.can_go_on:
                self._act_with("go_on_or_look", row.run)
            else:
                self.open_run(row.run, "try" if row.run.lora and not row.run.is_busy else "train")

    def action_new(self) -> None:
        """Begin a profile."""
        self._act_with("begin")

    def action_demo(self) -> None:
        """Train the demo."""
        self._act_with("demo")

    def action_run_again(self) -> None:
        """Train the profile of the row."""
        self._act_with("train_again", self._profile_name(self._list.row))

    def action_attach(self) -> None:
        """Watch the run of the row."""
        run = _run_of(self._list.row)
        if run is not None:
            self.open_run(run, "train")

    def action_duplicate(self) -> None:
        """Copy the profile."""
        self._act_on_profile("duplicate")

    def action_rename(self) -> None:
        """Rename the profile."""
        self._act_on_profile("rename")

    def action_remove(self) -> None:
        """Remove the profile, or the run."""
        row = self._list.row
        if row is not None and row.profile is not None:
            self._act_on_profile("remove_profile")
        elif row is not None and row.run is not None:
            self._act_with("remove_run", row.run)

    def action_search(self) -> None:
        """Show only some rows."""
        self._act_with("search")

    def action_doctor(self) -> None:
        """Go to the computer's step."""
        self.go_to("system")

    def action_refresh(self) -> None:
        """Look again."""
        self.look_again()

    def _act_on_profile(self, flow: str) -> None:
        row = self._list.row
        if row is not None and row.profile is not None:
            self._act_with(flow, row.profile)

    def _act_with(self, flow: str, *about: object) -> None:
        """Follow a flow of `home_flows` to its end; one at a time, since each leads somewhere."""
        if not self._is_acting:
            self._is_acting = True
            self._follow(flow, about)

    @work(group="home-flow", exit_on_error=False)
    async def _follow(self, flow: str, about: tuple[object, ...]) -> None:
        try:
            flows = await in_thread(partial(import_module, "loratui.tui.screens.home_flows"))
            await getattr(flows, flow)(self, *about)
        except LoratuiError as error:
            self.wizard.show_error(error)
        finally:
            self._is_acting = False

    # What flows need

    async def ask(self, dialog: ModalScreen[Answer]) -> Answer:
        """The answer to a dialog."""
        return await self.wizard.push_screen_wait(dialog)

    def look_and_go_to(self, row_id: str) -> None:
        """Look again, then have the cursor on a row."""
        self._go_to = row_id
        self.look_again()

    def show_only(self, words: str) -> None:
        """Show only rows that contain these words; none shows all."""
        self.query_text = words
        self._show()

    def _profile_name(self, row: Row | None) -> str:
        """The profile that a row belongs to; "" where there is none that can be trained."""
        if row is None:
            return ""
        if row.profile is not None:
            return "" if row.profile.error else row.profile.name
        return self.profile_of(row.run) if row.run is not None else ""

    def plain_text(self) -> str:
        """The list as text."""
        return plain(self._list.all_lines(self.size.width))

    def title_of_copy(self) -> str:
        """What the text is called."""
        return "Profiles and runs"

    def focus_help(self) -> tuple[str, str]:
        """What a profile and a run are."""
        return "Profiles and runs", _HELP


def _run_of(row: Row | None) -> "Glance | None":
    """The run that a row is about: of a profile its newest."""
    if row is None:
        return None
    return row.profile.last if row.profile is not None else row.run
