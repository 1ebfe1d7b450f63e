"""`doctor`: what the wizard's first step finds out about this computer, in a terminal or for a script."""

import shutil
import textwrap
from pathlib import Path

from loratui.command_line.terminal import Terminal
from loratui.environment.accelerate_config import in_a_line
from loratui.environment.finding import Finding, State
from loratui.environment.probe import probe
from loratui.environment.terminal import terminal_findings
from loratui.environment.terminal_memory import remembered
from loratui.profile.schema import Profile
from loratui.safe_text import printable

_SIGNS: dict[State, tuple[str, str]] = {"good": ("✓", "+"), "warning": ("!", "!"), "bad": ("✗", "X")}
_STYLES: dict[State, str] = {"good": "", "warning": "yellow", "bad": "bold red"}
_NAME_WIDTH = 12
_INDENT = " " * (2 + _NAME_WIDTH)


def doctor(terminal: Terminal) -> int:
    """Look at this computer; returns 1 when something stands in the way of a training.

    Args:
        terminal: Where each finding goes as soon as it is known.
    """
    profile = Profile()
    facts = probe(Path(profile.output.directory), lambda finding: _say(finding, terminal))
    findings = [*facts.findings]
    if terminal.out.is_terminal:
        for finding in terminal_findings(shutil.get_terminal_size(), remembered()):
            _say(finding, terminal)
            findings.append(finding)
    line = in_a_line(profile.accelerate, facts.gpus)
    _paragraph(f"  {'accelerate':{_NAME_WIDTH}}", f"{line}, unless a profile says otherwise", terminal)
    states = {finding.state for finding in findings}
    worst = next(state for state in ("bad", "warning", "good") if state in states)
    terminal.answer(findings=[finding.as_json() for finding in findings], accelerate=line, state=worst)
    return 1 if worst == "bad" else 0


def _say(finding: Finding, terminal: Terminal) -> None:
    sign = _SIGNS[finding.state][0 if terminal.speaks_unicode else 1]
    _paragraph(f"{sign} {finding.name:{_NAME_WIDTH}}", finding.value, terminal, _STYLES[finding.state])
    if finding.todo:
        _paragraph(_INDENT, finding.todo, terminal)
    for line in finding.lines:
        terminal.say(f"{_INDENT}  {printable(line)}", verbatim=True)


def _paragraph(before: str, text: str, terminal: Terminal, style: str = "") -> None:
    """A text behind `before`, wrapped to a terminal's width in a column of its own."""
    width = max(20, terminal.width - len(_INDENT) - 1) if terminal.out.is_terminal else len(text) + 1
    for line in textwrap.wrap(printable(text), width, break_long_words=False, break_on_hyphens=False) or [""]:
        terminal.say(before + line, style=style, verbatim=True)
        before = _INDENT
