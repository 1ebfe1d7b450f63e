"""Step 2: the base. What is on this computer, what the hub says of the rest, the account, downloads that outlive it.

Shows and asks; what a base is, and how it comes here, is decided in `loratui.hub`.
"""

from functools import partial

from textual import work

from loratui.tui.background import in_background, in_thread
from loratui.tui.base_choice import choose_base, find_natives
from loratui.tui.dialogs import Entry
from loratui.tui.screens import model_asking as asking
from loratui.tui.screens.model_account import talk_about_account
from loratui.tui.screens.model_looking import ModelLooking
from loratui.tui.screens.model_naming import ask_for_base
from loratui.tui.screens.model_rows import ANOTHER, BaseRow, row_of
from loratui.tui.screens.model_view import HELP

_SEARCH = "In name, family or place; empty shows all."


class ModelScreen(ModelLooking):
    """The list of bases, the one under the cursor in sentences, and the account."""

    STEP = "model"
    KEYS = ("act:Choose", "download", "stop:Stop", "account", "search", "remove:Take out", "refresh", "copy")

    def focus_help(self) -> tuple[str, str]:
        """Which base to take."""
        return "The base model", HELP

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer downloading and stopping where there is something to download or to stop."""
        if action == "download" and self.is_mounted:
            row = self._bases.row
            is_coming = row is not None and self._downloads.is_running(row.base)
            return row is not None and bool(row.base) and not (row.here or is_coming) and row.usable
        if action == "remove" and self.is_mounted:
            return self._bases.row is not None and self._bases.row.base in self._others
        if action == "stop":
            return self._downloads.is_any_running
        return super().check_action(action, parameters)

    # Keys

    def action_act(self) -> None:
        """Take the base under the cursor for the profile, or ask for another."""
        row = self._bases.row
        if row is not None and row.base == ANOTHER:
            self._ask_for_base()
        elif row is not None:
            self._choose(row)

    def on_cursor_list_chosen(self) -> None:
        """A click chooses too."""
        self.action_act()

    def action_download(self) -> None:
        """Bring the base under the cursor here."""
        row = self._bases.row
        if row is None:
            return
        answer = self._known.of(row.base).answer
        if answer is not None and not answer.may_download:
            self.say(answer.what, "warning")
            return
        in_background(self, partial(asking.start, row.base))

    def action_stop(self) -> None:
        """End the download under the cursor, else the one that runs."""
        row = self._bases.row
        download = self._downloads.running(row.base if row is not None else ANOTHER)
        if download is not None:
            in_background(self, partial(asking.stop, download))

    def action_remove(self) -> None:
        """Take a base that was named, or whose download never ended, out of the list."""
        row = self._bases.row
        if row is None:
            return
        self._named.take_out(row.base)
        self.say(f"{row.name} was taken out of the list; nothing else was removed.")
        self._look_around()

    @work(exclusive=True, group="account")
    async def action_account(self) -> None:
        """Sign in, switch or sign out."""
        if await talk_about_account(self, self._who.account):
            self._forget_answers()
            in_background(self, asking.recognise)

    def action_refresh(self) -> None:
        """Look at the disk and ask the hub again."""
        self._forget_answers()
        self._look_around()
        in_background(self, asking.recognise)

    @work(exclusive=True, group="searching")
    async def action_search(self) -> None:
        """Show only the rows that contain a text."""
        text = await self.app.push_screen_wait(Entry("Show only bases with", _SEARCH, self._bases.searched))
        if text is not None:
            self._bases.search(text.strip())

    @work(exclusive=True, group="naming")
    async def _ask_for_base(self) -> None:
        base = await ask_for_base(self)
        if base is None:
            return
        row = await in_thread(partial(row_of, base))
        self._named.add(base)
        self._wanted = base
        self._choose(row)
        self._look_around()

    @work(exclusive=True, group="choosing")
    async def _choose(self, row: BaseRow) -> None:
        if not row.usable:
            self.say(row.complaint.partition("\n")[0] or row.note, "warning")
            return
        asked_for = self._looked_for()
        natives = await find_natives(self._disk, row.base, self.session.profile.model.base)
        if asked_for != self._looked_for():  # another profile was opened meanwhile
            return
        complaint, remark = choose_base(self.session, row.base, natives)
        self.say(complaint or f"{row.name} is the base now{remark}.", "error" if complaint else "good")
