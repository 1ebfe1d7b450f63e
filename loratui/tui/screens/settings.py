"""Step 4: every setting of the profile as a row, the ones that matter first, saved as they are typed.

The rows come from the schema and so does what is wrong with a value; what a run would take is found out beside the
screen.
"""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from loratui.errors import ProfileError
from loratui.profile.groups import in_titles, setting_named, why_not, why_not_text
from loratui.profile.presets import Preset, what_changes
from loratui.profile.schema import Profile
from loratui.profile.text import read_text
from loratui.tui.background import OneAtATime, threaded
from loratui.tui.base_choice import take_base
from loratui.tui.frame import StepScreen
from loratui.tui.path_completion import complete_folder
from loratui.tui.screens.settings_completion import complete_base
from loratui.tui.screens.settings_rows import NO_REMARKS, help_of, rows_of
from loratui.tui.session import Session
from loratui.tui.widgets.form import YES, RowsForm

if TYPE_CHECKING:
    from loratui.tui.screens.settings_estimate import Estimator, Outlook

_BASE = "model.base"
_COMPLETIONS = {
    _BASE: complete_base,
    "dataset.path": complete_folder,
    "dataset.regularisation_path": complete_folder,
    "output.directory": complete_folder,
}
# While keys come one after the other the picture folder is not read at each of them.
_SECONDS_OF_QUIET = 0.2


class SettingsScreen(StepScreen):
    """A line that says what a run would take, the rows, and the help of the one under the cursor."""

    STEP = "settings"
    KEYS = ("act:Edit", "remove:Reset", "search", "presets", "compare_dreambooth:Compare", "copy")
    DEFAULT_CSS = """
    #outlook { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    #outlook.too-much { color: $text-warning; }
    """

    class Estimated(Message):
        """What a run would take is known, and what there is to remark on values."""

        def __init__(self, outlook: "Outlook", remarks: Mapping[str, str]) -> None:
            super().__init__()
            self.outlook = outlook
            self.remarks = remarks

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._estimator: Estimator | None = None
        self._outlook: Outlook | None = None
        self._asked_for: Profile | None = None
        self._profile_name = session.name
        self._quiet: Timer | None = None
        self._disk = OneAtATime()
        self._taking: Worker[None] | None = None
        self._told_refused: dict[str, tuple[str, str]] = {}  # System has rows of its own for some settings
        self._meaningless: dict[str, str] = {}  # names of bases, with why
        self._remark = ""
        self._remarks: Mapping[str, str] = NO_REMARKS

    def compose_body(self) -> ComposeResult:
        """The live line and the form."""
        yield Static(id="outlook", markup=False)
        yield RowsForm(
            rows_of(self.session.profile, self.session.name),
            self._complaint,
            completions=_COMPLETIONS,
            glyphs=self.session.glyphs,
        )

    @property
    def form(self) -> RowsForm:
        """The form."""
        return self.query_one(RowsForm)

    def shown(self) -> None:
        """Have the rows under the keys; pictures and base may have changed on the disk."""
        if not self.form.is_editing:
            self.form.focus()
        if self._estimator is not None:
            self._estimator.forget()
        self._meaningless.clear()
        self._asked_for = None
        self._ask_soon()

    def session_changed(self) -> None:
        """Show the values as they are."""
        refused = self.session.refused.get(self.session.name, {})
        if self._profile_name != self.session.name or self._told_refused != refused:
            self._profile_name, self._told_refused = self.session.name, dict(refused)
            self.form.forget()
            for row_id, refusal in refused.items():
                self.form.refuse(row_id, *refusal)
        self.form.set_rows(rows_of(self.session.profile, self.session.name, self._remarks))
        self._tell_unmet()
        if self.session.profile is not self._asked_for:
            self._ask_soon()

    def plain_text(self) -> str:
        """All settings by their label, and what the run would take."""
        lines = [self._line(width=200)[0].strip()]
        for row in rows_of(self.session.profile, self.session.name):
            lines.append(f"\n{row.label}" if row.kind == "heading" else f"  {row.label:<26}  {row.value or '-'}")
        return "\n".join(lines)

    def focus_help(self) -> tuple[str, str]:
        """Everything about the setting under the cursor."""
        row = self.form.cursor_row
        mark = f"\n\n{self.session.glyphs.dot} before a value says that it is not the default."
        return (row.label, help_of(row.id) + mark) if row is not None else ("Settings", mark.strip())

    # Keys

    def action_act(self) -> None:
        """Do what Enter does in the form."""
        self.form.action_act()

    def action_search(self) -> None:
        """Show only rows that contain a text."""
        self.form.search()

    def action_remove(self) -> None:
        """Give the row its default again."""
        row = self.form.cursor_row
        if row is None:
            return
        self.form.forget(row.id)
        default = setting_named(row.id).default
        if row.id == _BASE:
            self._taking = self._take_base(str(default))
        elif complaint := self.session.change(row.id, default):
            self.say(in_titles(complaint), "warning")

    def action_presets(self) -> None:
        """Choose settings for a purpose."""
        from loratui.tui.screens.settings_presets import Presets

        self.app.push_screen(Presets(self.session.profile, self.session.glyphs), self._take_preset)

    def action_compare_dreambooth(self) -> None:
        """Compare the two ways of training for this base."""
        from loratui.tui.dialogs import Pages
        from loratui.tui.screens.settings_compare import TITLE, comparison_page

        if self._outlook is None:
            self.say("The base is still being looked at.")
        else:
            self.app.push_screen(Pages(TITLE, comparison_page(self._outlook)))

    # Values

    def on_rows_form_edited(self, event: RowsForm.Edited) -> None:
        """Save what was typed."""
        event.stop()
        self.unsay(self._remark)
        setting = setting_named(event.row_id)
        is_switch = setting.field.annotation is bool
        value = event.text == YES if is_switch else read_text(event.text, setting.field)
        if event.row_id == _BASE:
            self._taking = self._take_base(str(value), event.text)
        elif value != setting.value(self.session.profile) and (complaint := self.session.change(event.row_id, value)):
            self.form.refuse(event.row_id, event.text, in_titles(complaint))

    def on_rows_form_moved(self, event: RowsForm.Moved) -> None:
        """Be done with what was said of another row."""
        event.stop()
        self.unsay(self._remark)

    def on_rows_form_complained(self, event: RowsForm.Complained) -> None:
        """Say in the rail what is still wrong."""
        event.stop()
        self._tell_unmet()

    @work(exclusive=True, group="base", exit_on_error=False)
    async def _take_base(self, base: str, typed: str | None = None) -> None:
        """Set the base, and with it its resolution, which is said; what was typed is refused where it means none."""
        if base == self.session.profile.model.base:
            return
        complaint, remark = await take_base(self.session, base, self._disk) or ("", "")
        if complaint and typed is not None:
            self._meaningless[typed] = in_titles(complaint)
            self.form.refuse(_BASE, typed, in_titles(complaint))
        elif complaint:
            self.say(in_titles(complaint), "warning")
        elif base == self.session.profile.model.base:
            self._remark = f"{base} is the base now{remark}."
            self.say(self._remark, "good")

    async def finish_editing(self) -> None:
        """Take what is typed, and wait until a base that was named is kept, which takes a look at the disk."""
        if (typed := self.form.not_taken_yet) is not None:
            self._taking = self._take_base(str(read_text(typed, setting_named(_BASE).field)), typed)
        if self._taking is not None:
            with contextlib.suppress(WorkerFailed, WorkerCancelled):
                await self._taking.wait()

    def _complaint(self, row_id: str, text: str) -> str:
        setting = setting_named(row_id)
        if row_id == _BASE and text in self._meaningless:
            return self._meaningless[text]
        if setting.field.annotation is bool:
            return why_not(self.session.profile, setting, text == YES)
        return why_not_text(self.session.profile, setting, text)

    def _tell_unmet(self) -> None:
        self._told_refused = self.form.refused
        self.session.keep_refused(self._profile_name, self._told_refused)
        self.session.set_unmet("settings", [complaint for _, complaint in self.form.complaints])

    def _take_preset(self, preset: Preset | None) -> None:
        if preset is None:
            return
        changes = what_changes(preset, self.session.profile)
        if complaint := self.session.change_many(dict(preset.changes(self.session.profile))):
            self.say(in_titles(complaint), "warning")
        else:
            count = f"{len(changes)} setting{'' if len(changes) == 1 else 's'}"
            self.say(f"{preset.title}: {count} changed." if changes else f"{preset.title}: nothing to change.", "good")

    # What a run would take

    def _ask_soon(self) -> None:
        if self._quiet is not None:
            self._quiet.stop()
        self._quiet = self.set_timer(_SECONDS_OF_QUIET, self._ask)

    def _ask(self) -> None:
        self._asked_for = self.session.profile
        try:
            self._look(self.session.resolved())
        except ProfileError as error:  # a home directory that nobody knows
            self.query_one("#outlook", Static).update(f" {error.what}")

    @threaded(exclusive=True, group="outlook", about=lambda _, profile: (profile.dataset.path, profile.model.base))
    def _look(self, profile: Profile) -> None:
        from loratui.tui.screens.settings_estimate import Estimator
        from loratui.tui.screens.settings_remarks import remarks_on

        if self._estimator is None:
            self._estimator = Estimator(self.session.surveyor)
        self.post_message(self.Estimated(self._estimator.look(profile), remarks_on(profile)))

    def on_settings_screen_estimated(self, event: Estimated) -> None:
        """Draw the live line."""
        event.stop()
        self._outlook = event.outlook
        self._draw_outlook()
        if event.remarks != self._remarks:
            self._remarks = event.remarks
            self.form.set_rows(rows_of(self.session.profile, self.session.name, self._remarks))

    def on_resize(self) -> None:
        """Say as much as fits."""
        super().on_resize()
        self._draw_outlook()

    def _draw_outlook(self) -> None:
        if self._outlook is not None and self.is_mounted:
            text, too_much = self._line(self.size.width)
            line = self.query_one("#outlook", Static)
            line.set_class(too_much, "too-much")
            line.update(text)

    def _line(self, width: int) -> tuple[str, bool]:
        from loratui.tui.screens.settings_estimate import line_of

        return line_of(self._outlook, width, self.session.glyphs) if self._outlook is not None else ("", False)
