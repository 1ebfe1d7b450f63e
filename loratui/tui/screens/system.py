"""Step 1: what this computer brings along, and accelerate's configuration in one line.

The computer is looked at in a thread each time that the step is shown; the findings of before stay until then.
"""

from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.message import Message
from textual.worker import Worker, WorkerState

from loratui.environment.accelerate_config import in_a_line, yaml_text
from loratui.environment.finding import Finding
from loratui.environment.gpu import Gpu
from loratui.environment.probe import Facts, probe
from loratui.environment.terminal import terminal_findings
from loratui.environment.terminal_memory import remembered
from loratui.tui.background import threaded
from loratui.tui.dialogs import PlainText
from loratui.tui.frame import StepScreen
from loratui.tui.screens.system_accelerate import AccelerateForm, complaint_about, refused_of, values_of
from loratui.tui.screens.system_default_config import offer_default_config
from loratui.tui.screens.system_findings import Findings, plain_finding
from loratui.tui.session import Session

_ACCELERATE = "accelerate"
_PROBE = "probe"
_LOOKING = "looking at this computer"
_URGENCY = {"bad": 0, "warning": 1, "good": 2}
_EXPLANATIONS = {
    "Python": "The Python that runs loratui, and where it is installed.",
    "torch": "The library that computes. It has to be built for the CUDA that the driver runs; the build for the CPU "
    "trains the demo, but takes days for anything else.",
    "Libraries": "accelerate starts processes on GPUs and machines; diffusers, transformers and peft hold the models.",
    "Driver": "NVIDIA's driver. Each runs every CUDA up to its own; a newer torch may need a newer driver.",
    "GPU": "Stable Diffusion 1.5 wants 6 GB free at 512 pixels and batch 1 to 2, less with the preset for low memory. "
    "From compute capability 8.0 (RTX 30) on bf16 is used, fp16 before.",
    "Memory": "The computer's own memory. A base is read through it on its way to the GPU.",
    "Runs": "Where runs are kept: states, pictures and logs. LORATUI_HOME moves it.",
    "Output": "Where the LoRA and the comparison are written: output.directory of the profile.",
    "Hub cache": "Where Hugging Face keeps what was downloaded, for all programs. HF_HOME moves it.",
    "Terminal": "The wizard is made for 80 × 24 and pleasant at any size.",
    "Colours": "How many colours the terminal says that it shows; COLORTERM and TERM tell.",
    "Characters": "Whether lines, arrows and blocks are drawn in one column each; --ascii, --no-ascii decide by hand.",
    "Pictures": "How pictures are drawn; --images decides by hand.",
    "tmux": "tmux stands between the wizard and the terminal and has to let copied text and pictures through.",
    _ACCELERATE: "How accelerate starts the training: device, processes, GPUs, precision, machines. The answers stay "
    "in the profile. W writes them into accelerate's own default_config.yaml, which other programs read.",
}


class SystemScreen(StepScreen):
    """Findings, and accelerate below them."""

    STEP = "system"
    KEYS = ("act", "write_accelerate", "refresh", "copy")

    class Found(Message):
        """A finding is known."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    class Looked(Message):
        """All findings are known."""

        def __init__(self, facts: Facts) -> None:
            super().__init__()
            self.facts = facts

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._facts: Facts | None = None
        self._coming: list[Finding] = []
        self._asked = False
        self._is_looking = False

    def compose_body(self) -> ComposeResult:
        """One list."""
        yield Findings(self._pinned(), self.session.glyphs, id="findings")

    def shown(self) -> None:
        """Look again: memory and disks change."""
        self.query_one(Findings).focus()
        self._look_again()

    def session_changed(self) -> None:
        """Say what accelerate's answers come to by now."""
        self.query_one(Findings).pin(self._pinned())
        self._tell_unmet()

    def plain_text(self) -> str:
        """The findings, and accelerate's configuration."""
        pinned = replace(self._pinned(), value=in_a_line(self.session.profile.accelerate, self._gpus))
        findings = [plain_finding(finding, self.session.glyphs) for finding in (*self._findings, pinned)]
        yaml = yaml_text(values_of(self.session.profile.accelerate, self._gpus))
        return "\n".join([*findings, "", yaml])

    def title_of_copy(self) -> str:
        """What the plain text is called."""
        return "This computer"

    def focus_help(self) -> tuple[str, str]:
        """What the finding under the cursor is about."""
        finding = self.query_one(Findings).finding
        kind = next((kind for kind in _EXPLANATIONS if finding.name.startswith(kind)), "")
        text = plain_finding(finding, self.session.glyphs)
        return finding.name, f"{_EXPLANATIONS[kind]}\n\n{text}" if kind else text

    def action_act(self) -> None:
        """Do what Enter does in the list."""
        self.query_one(Findings).action_choose()

    def action_refresh(self) -> None:
        """Look at this computer again."""
        self._asked = True
        self._look_again()

    def action_write_accelerate(self) -> None:
        """Write accelerate's own default_config.yaml, after showing what changes."""
        values = values_of(self.session.profile.accelerate, self._gpus)
        self.run_worker(
            offer_default_config(self.app, values, self.say), group="accelerate", exclusive=True, exit_on_error=False
        )

    def on_findings_chosen(self, event: Findings.Chosen) -> None:
        """Open accelerate's questions, or show a finding as plain text."""
        event.stop()
        if not event.pinned:
            self.app.push_screen(PlainText(event.finding.name, plain_finding(event.finding, self.session.glyphs)))
        elif not self.session.name:
            self.say("Open a profile first, which keeps the answers: h shows them.", "warning")
        elif self._facts is not None:
            self.app.push_screen(AccelerateForm(self.session, self._gpus), lambda _: self.session_changed())

    def on_system_screen_found(self, event: Found) -> None:
        """Show a finding as soon as it is known; when looking again, only all together."""
        self._coming.append(event.finding)
        if self._facts is None:
            self.query_one(Findings).show_findings(self._findings, _LOOKING)

    def on_system_screen_looked(self, event: Looked) -> None:
        """Show all findings."""
        self._facts = event.facts
        self._is_looking = False
        self.query_one(Findings).show_findings(self._findings)
        self.session_changed()
        if self._asked:
            self._asked = False
            self.say("Looked again.")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """End the looking, should it ever fail; the frame, whose turn is after this, says so."""
        if event.worker.group == _PROBE and event.state == WorkerState.ERROR:
            self._is_looking = False
            self.query_one(Findings).show_findings(self._findings)

    @property
    def _gpus(self) -> tuple[Gpu, ...]:
        return self._facts.gpus if self._facts else ()

    @property
    def _findings(self) -> tuple[Finding, ...]:
        """What needs a person first: the last ones may be out of sight."""
        found = self._facts.findings if self._facts else self._coming
        return tuple(sorted(found, key=lambda finding: _URGENCY[finding.state]))

    def _look_again(self) -> None:
        if self._is_looking:
            return
        self._is_looking = True
        self._coming = []
        if self._facts is None:
            self.query_one(Findings).show_findings((), _LOOKING)
        self._look(Path(self.session.resolved().output.directory), (self.app.size.width, self.app.size.height))

    @threaded(exclusive=True, group=_PROBE, about=lambda _, output, size: (str(output),))
    def _look(self, output: Path, size: tuple[int, int]) -> None:
        def report(finding: Finding) -> None:
            self.post_message(self.Found(finding))

        facts = probe(output, report)
        terminal = terminal_findings(size, remembered(), images=self.session.images)
        self.post_message(self.Looked(replace(facts, findings=(*facts.findings, *terminal))))

    def _pinned(self) -> Finding:
        settings = self.session.profile.accelerate
        if self._facts is None:
            return Finding(_ACCELERATE, "")
        refused = [why for _, why in refused_of(self.session).values()]
        complaint = refused[0] if refused else complaint_about(settings, self._gpus)
        value = in_a_line(settings, self._gpus) + (": Enter changes" if self.session.name else "")
        return Finding(_ACCELERATE, value, "bad" if complaint else "good", complaint)

    def _tell_unmet(self) -> None:
        if self._facts is not None:
            findings = (*self._findings, self._pinned())
            self.session.set_unmet(
                self.STEP, [f"{finding.name}: {finding.todo}" for finding in findings if finding.state == "bad"]
            )
