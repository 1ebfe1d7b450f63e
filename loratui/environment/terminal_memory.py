"""What terminals have answered before, so that the next start knows at once. Knows no questions.

A file that cannot be read or written is as good as none.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loratui.environment.terminal import Answers
from loratui.kept_facts import change_facts, read_facts
from loratui.paths import data_directory

_MOST_TERMINALS = 40
_NAMES = ("TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "LC_TERMINAL", "COLORTERM", "VTE_VERSION", "KONSOLE_VERSION")
# What these hold changes from window to window; that they are there tells the terminal.
_MARKS = ("TMUX", "STY", "KITTY_WINDOW_ID", "WT_SESSION", "WEZTERM_PANE")


def remembered(environ: Mapping[str, str] = os.environ) -> Answers | None:
    """What this terminal, as its environment describes it, answered the last time; None where nobody knows."""
    return _answers(read_facts(_path()).get(_terminal(environ)))


def remember(answers: Answers, environ: Mapping[str, str] = os.environ) -> None:
    """Keep what this terminal answered; those not seen for longest are forgotten."""
    if remembered(environ) == answers:
        return
    name = _terminal(environ)

    def put_last(terminals: dict[str, Any]) -> None:
        terminals.pop(name, None)
        terminals[name] = dataclasses.asdict(answers)
        for oldest in list(terminals)[:-_MOST_TERMINALS]:
            del terminals[oldest]

    change_facts(_path(), put_last)


def _terminal(environ: Mapping[str, str]) -> str:
    described = [f"{name}={environ[name]}" for name in _NAMES if environ.get(name)]
    described += [name for name in _MARKS if environ.get(name)]
    client = environ.get("SSH_CONNECTION", "").split(" ")[0]
    return " ".join([*described, f"from {client}"] if client else described)


def _path() -> Path:
    return data_directory() / "terminals.json"


def _answers(kept: object) -> Answers | None:
    if not isinstance(kept, dict):
        return None
    name, cell, columns = kept.get("name"), kept.get("cell"), kept.get("sign_columns")
    return Answers(
        name=name if isinstance(name, str) else "",
        kitty=kept.get("kitty") is True,
        sixel=kept.get("sixel") is True,
        cell=(cell[0], cell[1]) if _is_size(cell) else None,  # type: ignore[index]
        sign_columns=columns if isinstance(columns, int) else None,
        complete=kept.get("complete") is True,
    )


def _is_size(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(side, int) and side > 0 for side in value)
