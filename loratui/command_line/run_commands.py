"""The commands about runs that exist already: their options and help. Each one's work is imported when it runs."""

from typing import Annotated

import typer

from loratui.command_line.options import Auto, Detach, Json, MaybeRun, Pictures, Run
from loratui.command_line.picture import Images
from loratui.command_line.terminal import Terminal

run_app = typer.Typer()
queue_app = typer.Typer(help="Runs that wait for a GPU: list, remove, start, unit.", rich_markup_mode=None)


@run_app.command()
def attach(run: MaybeRun = "", json: Json = False, images: Pictures = Images.auto) -> None:
    """Show what a run has done so far and follow it.

    Without RUN it is the one at work, else the newest.
    """
    from loratui.command_line import running

    raise typer.Exit(running.attach(run, images, Terminal(json)))


@run_app.command()
def runs(json: Json = False) -> None:
    """List the runs, the newest first."""
    from loratui.command_line import controlling

    raise typer.Exit(controlling.list_all(Terminal(json)))


@run_app.command()
def stop(run: MaybeRun = "", json: Json = False) -> None:
    """Have a run finish its step, save and end.

    Without RUN it is the only one at work.
    """
    from loratui.command_line import controlling

    raise typer.Exit(controlling.stop(run, Terminal(json)))


@run_app.command()
def resume(
    run: MaybeRun = "",
    detach: Detach = False,
    auto: Auto = False,
    json: Json = False,
    images: Pictures = Images.auto,
) -> None:
    """Go on with a run that was stopped, interrupted, or failed.

    Without RUN it is the only such one.
    """
    from loratui.command_line import running

    options = running.RunOptions(detach=detach, auto=auto, images=images)
    raise typer.Exit(running.resume(run, options, Terminal(json)))


@run_app.command()
def tell(
    run: Run,
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="save, preview, stop, or stop-after-epoch.")],
    json: Json = False,
) -> None:
    """Tell a run at work to save now, draw a preview now, or stop."""
    from loratui.command_line import controlling

    raise typer.Exit(controlling.tell(run, command, Terminal(json)))


@run_app.command("rm")
def remove(
    run: Run, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False, json: Json = False
) -> None:
    """Remove a run's directory, not the LoRA and the grid it wrote."""
    from loratui.command_line import controlling

    raise typer.Exit(controlling.remove(run, yes, Terminal(json)))


@run_app.command()
def config(json: Json = False) -> None:
    """Say where your settings are and what they say."""
    from loratui.command_line import configuration

    raise typer.Exit(configuration.show(Terminal(json)))


@queue_app.callback(invoke_without_command=True)
def queue(context: typer.Context, json: Json = False) -> None:
    """Without a further word: list what is at work and who waits."""
    if context.invoked_subcommand is None:
        from loratui.command_line import queueing

        raise typer.Exit(queueing.list_queue(Terminal(json)))


@queue_app.command("list")
def queue_list(json: Json = False) -> None:
    """List what is at work and who waits, as `loratui queue` alone does."""
    from loratui.command_line import queueing

    raise typer.Exit(queueing.list_queue(Terminal(json)))


@queue_app.command("remove")
def queue_remove(run: Run, json: Json = False) -> None:
    """Take a waiting run out of the queue."""
    from loratui.command_line import queueing

    raise typer.Exit(queueing.remove_from_queue(run, Terminal(json)))


@queue_app.command("start")
def queue_start(json: Json = False) -> None:
    """Go on with the runs that a restart of the computer left waiting."""
    from loratui.command_line import queueing

    raise typer.Exit(queueing.start_queue(Terminal(json)))


@queue_app.command("unit")
def queue_unit(json: Json = False) -> None:
    """Print a systemd user unit that starts the queue at boot."""
    from loratui.command_line import queueing

    raise typer.Exit(queueing.print_unit(Terminal(json)))
