"""What Home's keys lead to: questions, then the deed in a thread, then where it leads.

Imported with the first key that needs it. A `LoratuiError` goes up to the screen, which says it.
"""

from functools import partial
from typing import TYPE_CHECKING

from loratui.safe_text import printable
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Ask, Choice, Entry
from loratui.tui.screens import home_acts
from loratui.tui.screens.home_rows import state_word
from loratui.tui.screens.pictures_folder import FolderDialog, recent_folders, remember_folder

if TYPE_CHECKING:
    from loratui.runs.glance import Glance
    from loratui.tui.screens.home import HomeScreen
    from loratui.tui.screens.home_rows import ProfileEntry

_KEEP, _REMOVE, _GO_ON, _LOOK, _TAKE_OUT, _QUEUE = "keep", "remove", "go_on", "look", "take_out", "queue"


async def begin(screen: "HomeScreen") -> None:
    """A new profile from a folder of pictures."""
    session = screen.session
    dialog = FolderDialog(
        screen.typed_folder,
        recent_folders(session),
        session.glyphs,
        title="Train your own",
        text="The folder with the pictures and their captions, or the one above it. The profile is called after "
        "it: 5_emi_person becomes emi. Left empty, the pictures are chosen later.",
        may_be_empty=True,
    )
    folder = await screen.ask(dialog)
    screen.typed_folder = dialog.typed if folder is None else ""
    if folder is None:
        return
    name = await in_thread(partial(home_acts.begin_profile, folder))
    if folder:
        remember_folder(session, folder)
    screen.open_profile(name, "pictures")


async def duplicate(screen: "HomeScreen", entry: "ProfileEntry") -> None:
    """A copy of a profile, under the cursor when it is made."""
    from loratui.profile.files import duplicate_profile, free_name, why_not_new

    answer = await screen.ask(
        Entry("Duplicate", f"The name of the copy of {entry.name}.", free_name(entry.name), check=why_not_new)
    )
    if answer is not None:
        await in_thread(partial(duplicate_profile, entry.name, answer))
        screen.look_and_go_to(f"profile:{answer}")
        screen.say(f"{answer} is a copy of {entry.name}; Enter opens it.", "good")


async def rename(screen: "HomeScreen", entry: "ProfileEntry") -> None:
    """Another name for a profile."""
    from loratui.paths import runs_directory
    from loratui.profile.files import why_not_new
    from loratui.runs.renaming import rename_with_runs

    def check(name: str) -> str:
        return "" if name == entry.name else why_not_new(name)

    answer = await screen.ask(Entry("Rename", f"The new name of {entry.name}.", entry.name, check=check))
    if answer is None or answer == entry.name:
        return
    await in_thread(partial(rename_with_runs, entry.name, answer, runs_directory()))
    session = screen.session
    if refused := session.refused.pop(entry.name, None):
        session.refused[answer] = refused
    if session.name == entry.name:
        session.open(answer, session.run)
    screen.look_and_go_to(f"profile:{answer}")
    screen.say(f"{entry.name} is called {answer} now.", "good")


async def remove_profile(screen: "HomeScreen", entry: "ProfileEntry") -> None:
    """The end of a profile's file, after asking."""
    from loratui.profile.files import remove_profile
    from loratui.profile.store import profile_path

    busy = "Its run goes on. " if entry.last is not None and entry.last.is_busy else ""
    answer = await screen.ask(
        Ask(
            f"Remove the profile {printable(entry.name)}?",
            f"This removes the file {printable(profile_path(entry.name))}. {busy}"
            "Its pictures, its runs and the LoRA files that they wrote stay.",
            [Choice(_KEEP, "Keep it"), Choice(_REMOVE, "Remove it", "it cannot be brought back")],
        )
    )
    if answer == _REMOVE:
        await in_thread(partial(remove_profile, entry.name))
        screen.session.refused.pop(entry.name, None)
        if screen.session.name == entry.name:
            screen.session.close()
        screen.look_again()
        screen.say(f"The profile {entry.name} was removed; its pictures, runs and LoRA files are still there.")


async def remove_run(screen: "HomeScreen", run: "Glance") -> None:
    """The end of a run's directory, after asking; one that waits is only taken out of the queue."""
    if run.state == "queued":
        await _take_out(screen, run)
        return
    if run.is_busy:
        screen.say(f"{run.title} is still at work: press a to watch it, then x to stop it.", "warning")
        return
    from loratui.runs.removal import remove_run

    folder = await in_thread(partial(home_acts.what_it_wrote, run.run))
    kept = f"The LoRA files and grids that it wrote stay in {printable(folder)}." if folder else ""
    lost = " It could still go on; then it cannot." if run.can_go_on else ""
    answer = await screen.ask(
        Ask(
            f"Remove the run {printable(run.run.name)}?",
            f"This removes its events, states, previews and cache.{lost} {kept}".rstrip(),
            [Choice(_KEEP, "Keep it"), Choice(_REMOVE, "Remove it", "it cannot be brought back")],
        )
    )
    if answer == _REMOVE:
        await in_thread(partial(remove_run, run.run))
        if screen.session.run is not None and screen.session.run.path == run.run.path:
            screen.session.show_run(None)
        screen.look_again()
        screen.say(f"The run {run.title} was removed. {kept}")


async def _take_out(screen: "HomeScreen", run: "Glance") -> None:
    from loratui.runs.queue import take_back

    answer = await screen.ask(
        Ask(
            f"Take {printable(run.title)} out of the queue?",
            "It waits for its turn. Taken out it can be started again.",
            [Choice(_KEEP, "Let it wait"), Choice(_TAKE_OUT, "Take it out")],
        )
    )
    if answer == _TAKE_OUT:
        taken = await in_thread(partial(take_back, run.run))
        screen.look_again()
        screen.say(f"{run.title} was taken out." if taken else f"{run.title} has just begun.")


async def go_on_or_look(screen: "HomeScreen", run: "Glance") -> None:
    """Resume what was cut short, or just see how far it came."""
    at = f" at step {run.step} of {run.steps}" if run.steps else " before its first step"
    was = "failed" if run.state == "failed" else f"was {state_word(run)}"
    told = f"{was}{at}" if run.began else "never began"
    goes_on = "It goes on from the state that it saved last; without one, from the beginning."
    answer = await screen.ask(
        Ask(
            f"{printable(run.title)} {told}",
            goes_on if run.began else "",
            [Choice(_GO_ON, "Go on with it" if run.began else "Start it"), Choice(_LOOK, "Only look at it")],
        )
    )
    if answer == _GO_ON:
        await in_thread(partial(home_acts.go_on, run.run))
    if answer is not None:
        screen.open_run(run, "train")


async def train_again(screen: "HomeScreen", name: str) -> None:
    """Train a profile once more; where it is being trained, after asking."""
    busy = await in_thread(partial(home_acts.at_work, name))
    if busy is None:
        await train(screen, name)
        return
    run, works = busy
    answer = await screen.ask(
        Ask(
            f"{printable(name)} {'is being trained' if works else 'waits for its turn'}. Queue another?",
            "The other training takes the profile as it is saved now, and waits for its turn.",
            [
                Choice(_LOOK, "Watch the one at work" if works else "See what it waits for"),
                Choice(_QUEUE, "Queue another"),
            ],
        )
    )
    if answer == _LOOK:
        screen.open_profile(name, "train", run)
    elif answer == _QUEUE:
        await train(screen, name)


async def train(screen: "HomeScreen", name: str) -> None:
    """Train a profile as it is saved; where that is not possible yet, lead to the step that makes it so."""
    screen.say(f"Preparing {name} …")
    try:
        run = await in_thread(partial(home_acts.train, name))
    except home_acts.BaseNotHere as error:
        screen.open_profile(name, "train")
        screen.session.show_run(None)  # what Enter starts is the next run, and not how the last one went
        screen.say_later(f"{error.what} Enter fetches it and starts.", "warning")
    except home_acts.DatasetRefused as error:
        screen.open_profile(name, "pictures")
        screen.say_later(error.what, "warning")
    else:
        screen.open_profile(name, "train", run)


async def demo(screen: "HomeScreen") -> None:
    """Train the sample pictures; while they are being trained, watch that."""
    name = await in_thread(home_acts.demo_name)
    busy = await in_thread(partial(home_acts.at_work, name))
    if busy is not None:
        screen.open_profile(name, "train", busy[0])
    else:
        await train(screen, name)


async def search(screen: "HomeScreen") -> None:
    """Only the rows that contain a text."""
    answer = await screen.ask(
        Entry(
            "Search",
            "Show only rows with this text: a name, a base, a folder, a state. Empty shows all.",
            screen.query_text,
        )
    )
    if answer is not None:
        screen.show_only(answer.strip())
