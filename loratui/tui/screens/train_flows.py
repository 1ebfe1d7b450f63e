"""What Train asks before it does something that cannot be taken back at once: stopping, and going on in smaller pieces.

Each flow is awaited beside the screen; what goes wrong is raised as a `LoratuiError`.
"""

from functools import partial
from typing import TYPE_CHECKING

from loratui.runs.commands import STOP_AFTER_EPOCH, send
from loratui.runs.ending import WorkerFailed
from loratui.runs.finding import output_name
from loratui.runs.queue import take_back
from loratui.safe_text import printable
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Ask, Choice
from loratui.tui.messages import Go
from loratui.tui.run_watch import RunWatch
from loratui.tui.screens.train_start import stop_download

if TYPE_CHECKING:
    from loratui.tui.app import Wizard

STOPS_NOW = "It stops after this step, and saves."
STOPS_FINISHING = "It stops; all steps are taken."
STOPS_AFTER_EPOCH = "It stops after this epoch."
OVER_ALREADY = "It was over already: there is nothing to stop."
STOPS = (STOPS_NOW, STOPS_FINISHING, STOPS_AFTER_EPOCH)
_NOW, _AFTER_EPOCH, _GO_ON = "now", "after epoch", "go on"
_ACCEPT, _SETTINGS, _LEAVE = "accept", "settings", "leave"


async def stop_bringing(wizard: "Wizard", base: str) -> None:
    """End the download of a base."""
    question = Ask(
        "Stop the download?",
        "",
        [Choice(_GO_ON, "Go on"), Choice(_NOW, "Stop it", "what has come is kept, and the next start goes on")],
    )
    if await wizard.push_screen_wait(question) == _NOW:
        await in_thread(partial(stop_download, base))


async def stop_run(wizard: "Wizard", watch: RunWatch) -> str:
    """Take a run out of the queue, or have it stop and save; returns what to say, "" where nothing was done."""
    moment, name = watch.moment, printable(output_name(watch.run))
    if moment.state == "queued":
        choices = [Choice(_GO_ON, "Go on waiting"), Choice(_NOW, "Take it out", "Enter queues it again")]
        if await wizard.push_screen_wait(Ask(f"Take {name} out of the queue?", "", choices)) == _NOW:
            taken = await in_thread(partial(take_back, watch.run))
            return f"{name} was taken out of the queue." if taken else f"{name} has its turn already: x stops it."
        return ""
    if moment.is_finishing:
        return await _stop_finishing(wizard, watch)
    choices = [
        Choice(_GO_ON, "Go on training", "nothing changes"),
        Choice(_AFTER_EPOCH, "Stop after this epoch", "its file is saved"),
    ]
    choices.append(Choice(_NOW, "Stop now", "finishes the step and saves; Enter resumes it"))
    answer = await wizard.push_screen_wait(Ask(f"Stop {name}?", "", choices))
    if answer in (_NOW, _AFTER_EPOCH) and not watch.moment.is_busy:
        return OVER_ALREADY  # while the question stood there
    match answer:
        case "now":
            watch.stop()
            return STOPS_FINISHING if watch.moment.is_finishing else STOPS_NOW
        case "after epoch":
            await in_thread(partial(send, watch.run, STOP_AFTER_EPOCH))
            return STOPS_AFTER_EPOCH
    return ""


async def _stop_finishing(wizard: "Wizard", watch: RunWatch) -> str:
    """Have a run stop whose steps are all taken; returns what to say, "" where nothing was done."""
    choices = [
        Choice(_GO_ON, "Go on", "all steps are taken; the grid is the last thing"),
        Choice(_NOW, "Stop now", "nothing of the training is lost; Enter goes on with the grid"),
    ]
    if await wizard.push_screen_wait(Ask(f"Stop finishing {printable(output_name(watch.run))}?", "", choices)) != _NOW:
        return ""
    watch.stop()
    return STOPS_FINISHING


async def consents_to_smaller(wizard: "Wizard", failure: WorkerFailed, proposal: str) -> bool:
    """Whether a training whose first steps did not fit into memory shall go on in smaller pieces."""
    question = Ask(
        "A step does not fit into memory",
        failure.what,
        [
            Choice(_ACCEPT, "Go on in smaller pieces", printable(proposal)),
            Choice(_SETTINGS, "Change the settings", "step 4"),
            Choice(_LEAVE, "Leave it", "Enter asks again"),
        ],
    )
    answer = await wizard.push_screen_wait(question)
    if answer == _SETTINGS:
        wizard.post_message(Go("settings"))
    return answer == _ACCEPT
