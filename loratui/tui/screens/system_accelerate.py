"""The questions of `accelerate config` as a form that is filled in from what was found.

Answers go into the profile as they are typed; what accelerate's own file would hold stands behind `y`.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from loratui.environment.accelerate_config import (
    Values,
    config_values,
    found_here,
    in_a_line,
    precision_of,
    uses_cpu,
    yaml_text,
)
from loratui.environment.gpu import Gpu, has_amd_driver
from loratui.errors import RunError
from loratui.profile.groups import in_titles, setting_named, why_not_text
from loratui.profile.schema import Accelerate
from loratui.profile.text import choices_of, field_text, read_text
from loratui.runs.launcher import check_accelerate
from loratui.tui.dialogs import Pages, PlainText
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.screens.settings_rows import help_of
from loratui.tui.screens.system_default_config import offer_default_config
from loratui.tui.session import Session
from loratui.tui.widgets.form import Row, RowsForm
from loratui.tui.widgets.news import News

_FOUND = "found"
# In the order of accelerate's own questions; where machine 0 is comes before how many there are, which asks for it.
_QUESTIONS = (
    "accelerate.device",
    "accelerate.processes",
    "accelerate.gpu_ids",
    "accelerate.mixed_precision",
    "accelerate.dynamo",
    "accelerate.main_address",
    "accelerate.main_port",
    "accelerate.machines",
    "accelerate.machine_rank",
)


def values_of(settings: Accelerate, gpus: Sequence[Gpu]) -> Values:
    """What accelerate's configuration would hold for these settings on this computer."""
    return config_values(settings, precision_of(settings, gpus), uses_cpu(settings, gpus))


def complaint_about(settings: Accelerate, gpus: Sequence[Gpu]) -> str:
    """Why a training could not begin like that here, and what to do; "" where it can."""
    return in_titles(_refusal(settings, gpus))


def refused_of(session: Session) -> dict[str, tuple[str, str]]:
    """Answers that were not taken and still stand in their rows, with why."""
    refused = session.refused.get(session.name, {})
    return {name: refusal for name, refusal in refused.items() if name in _QUESTIONS}


def _refusal(settings: Accelerate, gpus: Sequence[Gpu]) -> str:
    try:
        check_accelerate(settings, has_gpu=any(gpu.visible for gpu in gpus) or has_amd_driver())
    except RunError as error:
        return f"{error.what} {error.todo}".rstrip()
    return ""


class AccelerateForm(Dialog[None]):
    """The form; what is typed is the profile's at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the form, for which Esc ends a search: nothing is searched here.
        Binding("escape", "leave", "Leave", id="leave", priority=True),
        Binding("question_mark", "help", "Help", id="accelerate.help"),
        Binding("y", "copy", "YAML", id="accelerate.copy"),
        Binding("W", "write_accelerate", "Write", id="accelerate.write_accelerate"),
    ]

    def __init__(self, session: Session, gpus: Sequence[Gpu]) -> None:
        super().__init__(classes="dialog")
        self._session = session
        self._gpus = tuple(gpus)

    def compose(self) -> ComposeResult:
        """Title, questions, what they come to, keys."""
        with Vertical(id="accelerate"):
            yield Static(id="accelerate-title", classes="dialog-title", markup=False)
            yield RowsForm(self._rows(), self._why_not, glyphs=self._session.glyphs)
            yield Static(id="accelerate-news", markup=False)
            keys = "Enter change   y YAML   W write default_config.yaml   ? Help   Esc done"
            yield Static(keys, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Begin on the first question."""
        form = self.query_one(RowsForm)
        form.focus()
        for name, refusal in refused_of(self._session).items():
            form.refuse(name, *refusal)
        self._show()

    def on_rows_form_edited(self, event: RowsForm.Edited) -> None:
        """Give the profile an answer, and show what has changed with it."""
        event.stop()
        value = read_text(event.text, setting_named(event.row_id).field)
        if complaint := self._session.change(event.row_id, value):
            self.query_one(RowsForm).refuse(event.row_id, event.text, complaint)
        self._show()

    def on_rows_form_complained(self, event: RowsForm.Complained) -> None:
        """Keep what was not taken for the next time, and for step 4, which has the same rows."""
        event.stop()
        kept = self._session.refused.get(self._session.name, {})
        others = {name: refusal for name, refusal in kept.items() if name not in _QUESTIONS}
        self._session.keep_refused(self._session.name, others | self.query_one(RowsForm).refused)

    def on_rows_form_chosen(self, event: RowsForm.Chosen) -> None:
        """Fill in what was found."""
        event.stop()
        self.say(self._session.change_many(self._found) or "Filled in.")
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Esc to a text field."""
        return not self.query_one(RowsForm).is_editing if action == "leave" else True

    def action_help(self) -> None:
        """Explain the question under the cursor."""
        row = self.query_one(RowsForm).cursor_row
        if row is not None:
            self.app.push_screen(Pages(row.label, row.help if row.id == _FOUND else help_of(row.id)))

    def action_copy(self) -> None:
        """Show the YAML that the answers stand for."""
        text = yaml_text(values_of(self._session.profile.accelerate, self._gpus))
        self.app.push_screen(PlainText("accelerate's configuration", text))

    def action_write_accelerate(self) -> None:
        """Write accelerate's own default_config.yaml, after showing what changes; not while a text stands refused."""
        if refused := self.query_one(RowsForm).refused:
            titles = ", ".join(setting_named(name).title for name in refused)
            self.say(f"{titles}: mend this first, for what stands there was not taken.", "error")
            return
        self.run_worker(
            offer_default_config(self.app, values_of(self._session.profile.accelerate, self._gpus), self.say),
            group="accelerate",
            exclusive=True,
            exit_on_error=False,
        )

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)

    def say(self, text: str, kind: News = "note") -> None:
        """Say something below the questions."""
        news = self.query_one("#accelerate-news", Static)
        news.set_classes(kind)
        news.update(text)

    def _why_not(self, row_id: str, text: str) -> str:
        return why_not_text(self._session.profile, setting_named(row_id), text)

    def _show(self) -> None:
        settings = self._session.profile.accelerate
        title = f"accelerate config: {in_a_line(settings, self._gpus)}"
        self.query_one("#accelerate-title", Static).update(title)
        self.query_one(RowsForm).set_rows(self._rows())

    @property
    def _found(self) -> dict[str, str | int]:
        return found_here(self._gpus)

    def _rows(self) -> list[Row]:
        settings = self._session.profile.accelerate
        rows = [self._row(settings, name) for name in _QUESTIONS]
        found = Accelerate.model_validate({key.partition(".")[2]: value for key, value in self._found.items()})
        if values_of(found, self._gpus) != values_of(settings, self._gpus):
            help_text = "Every GPU of this computer with a process of its own, and the precision that suits it."
            value = in_a_line(found, self._gpus)
            rows.append(Row(_FOUND, "Fill in what was found", value, "action", help=help_text))
        return rows

    def _row(self, settings: Accelerate, name: str) -> Row:
        setting = setting_named(name)
        value = setting.value(self._session.profile)
        choices = choices_of(setting.field)
        return Row(
            name,
            setting.title,
            field_text(value, setting.field),
            "choice" if choices else "text",
            choices,
            help=setting.help,
            note=self._note(settings, name),
            complaint=self._complaint(settings, name),
            changed=value != setting.default,
        )

    def _note(self, settings: Accelerate, name: str) -> str:
        """What was found, beside the answer that it decides."""
        visible = [gpu for gpu in self._gpus if gpu.visible]
        if name == "accelerate.device" and settings.device == "auto":
            return "here: the CPU" if uses_cpu(settings, self._gpus) else "here: the GPU"
        if name == "accelerate.processes" and visible and not uses_cpu(settings, self._gpus):
            return f"{len(visible)} GPU{'' if len(visible) == 1 else 's'} found"
        if name == "accelerate.gpu_ids" and visible:
            return f"here: {', '.join(str(gpu.index) for gpu in visible)}"
        if name == "accelerate.mixed_precision":
            told = sorted({gpu.capability for gpu in visible if gpu.capability})
            cards = ", ".join(f"{major}.{minor}" for major, minor in told)
            cards = f"capability {cards}" if cards else ""
            if settings.mixed_precision != "auto":
                return cards
            precision = precision_of(settings, self._gpus)
            return f"here: {'none' if precision == 'no' else precision}{f' ({cards})' if cards else ''}"
        return ""

    def _complaint(self, settings: Accelerate, name: str) -> str:
        """What a start would be refused for, in the row that it names first."""
        told = _refusal(settings, self._gpus)
        named = [question for question in _QUESTIONS if re.search(rf"{question}\b", told)]
        return in_titles(told) if named and min(named, key=told.find) == name else ""
