"""Step 4: every setting of the profile as a row, the ones that matter first, saved as they are typed.

The rows come from the schema and so does what is wrong with a value; what a run would take is found out beside the
screen.
"""

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from loratui.errors import ProfileError
from loratui.profile.groups import in_titles, setting_named, why_not, why_not_text
from loratui.profile.presets import Preset, what_changes
from loratui.profile.schema import Profile
from loratui.profile.text import read_text
from loratui.tui.base_choice import choose_base
from loratui.tui.frame import StepScreen
from loratui.tui.path_completion import complete_folder
from loratui.tui.screens.settings_completion import complete_base
from loratui.tui.screens.settings_rows import help_of, rows_of
from loratui.tui.session import Session
from loratui.tui.widgets.form import YES, RowsForm

if TYPE_CHECKING:
    from loratui.tui.screens.settings_estimate import Estimator, Outlook

_COMPLETIONS = {
    "model.base": complete_base,
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
    #outlook { height: 1; text-wrap: nowrap; }
    #outlook.too-much { color: $text-warning; }
    """

    class Estimated(Message):
        """What a run would take is known."""

        def __init__(self, outlook: "Outlook") -> None:
            super().__init__()
            self.outlook = outlook

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._estimator: Estimator | None = None
        self._outlook: Outlook | None = None
        self._asked_for: Profile | None = None
        self._name = session.name
        self._quiet: Timer | None = None

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
        self._asked_for = None
        self._ask_soon()

    def session_changed(self) -> None:
        """Show the values as they are."""
        if self._name != self.session.name:
            self._name = self.session.name
            self.form.forget()
        self.form.set_rows(rows_of(self.session.profile, self.session.name))
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
        return (row.label, help_of(row.id)) if row is not None else ("Settings", "")

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
        complaint = self._change(row.id, setting_named(row.id).default)
        if complaint:
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
        setting = setting_named(event.row_id)
        is_switch = setting.field.annotation is bool
        value = event.text == YES if is_switch else read_text(event.text, setting.field)
        if value == setting.value(self.session.profile):
            return
        if complaint := self._change(event.row_id, value):
            self.form.refuse(event.row_id, event.text, in_titles(complaint))

    def on_rows_form_complained(self, event: RowsForm.Complained) -> None:
        """Say in the rail what is still wrong."""
        event.stop()
        self._tell_unmet()

    def _change(self, field: str, value: object) -> str:
        """Set a field; with another base goes its resolution, which is said. Returns what is wrong with the value."""
        if field != "model.base":
            return self.session.change(field, value)
        complaint, remark = choose_base(self.session, str(value))
        if remark and not complaint:
            self.say(f"{value} is the base now{remark}.", "good")
        return complaint

    def _complaint(self, row_id: str, text: str) -> str:
        setting = setting_named(row_id)
        if setting.field.annotation is bool:
            return why_not(self.session.profile, setting, text == YES)
        return why_not_text(self.session.profile, setting, text)

    def _tell_unmet(self) -> None:
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

    @work(thread=True, exclusive=True, exit_on_error=False, group="outlook")
    def _look(self, profile: Profile) -> None:
        from loratui.tui.screens.settings_estimate import Estimator

        if self._estimator is None:
            self._estimator = Estimator(self.session.surveyor)
        self.post_message(self.Estimated(self._estimator.look(profile)))

    def on_settings_screen_estimated(self, event: Estimated) -> None:
        """Draw the live line."""
        event.stop()
        self._outlook = event.outlook
        self._draw_outlook()

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
