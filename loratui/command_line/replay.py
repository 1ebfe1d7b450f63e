"""What a run has done so far, in a few lines, for somebody who comes later."""

from pathlib import Path

from loratui.command_line.curve import curve
from loratui.command_line.telling import event_line, figures_of, position_line, recovery_line, training_line
from loratui.command_line.terminal import Terminal, number
from loratui.runs.history import History

_SHOWN = 5


def say_replay(history: History, terminal: Terminal, *, position: bool = True) -> frozenset[str]:
    """Say what came before: the whole loss curve in one line, and the latest of what else is worth knowing.

    Args:
        position: Say the latest step too.

    Returns:
        The lines about base and training, which a resumed worker need not repeat.
    """
    if not history.attempts:
        return frozenset()
    heads = [event_line(history.base)] if history.base else []
    if history.training:
        heads.append(training_line(history.training))
    for line in heads:
        terminal.say(line)
    if history.preflight:
        terminal.say(event_line(history.preflight))
    if history.compilation:
        terminal.say(event_line(history.compilation))
    if history.losses:
        steps = list(history.losses)
        terminal.say(f"loss of steps {steps[0]}–{steps[-1]}, {_figures(history)}:")
        terminal.say(f"  {curve(history.losses, unicode=terminal.speaks_unicode)}")
    for epoch, loss in list(history.validation.items())[-_SHOWN:]:
        terminal.say(event_line({"event": "validation", "epoch": epoch, "loss": loss}))
    for file in history.saved[-_SHOWN:]:
        terminal.say(f"saved {Path(file).name}")
    for event in history.recovered[-_SHOWN:]:
        terminal.say(recovery_line(event))
    for message in list(dict.fromkeys(history.warnings))[-_SHOWN:]:
        terminal.say(f"warning: {message}")
    if history.step and position:
        last = {"event": "step", "loss": history.last_loss, "lr": history.rates.get(history.step)}
        terminal.say(f"{position_line(history.step, history.steps, None)}  {figures_of(last)}")
    return frozenset(heads)


def _figures(history: History) -> str:
    return f"{number(history.first_loss)} → {number(history.last_loss)}"
