"""The commands that a person types: their options, their help, and the one place where errors become exit codes.

Each command's work is in `command_line/`, imported when the command runs, so that `loratui --version` is quick.
Exit codes: 0 done, 1 the run failed, 2 bad input, 128+n signal n.
"""

import difflib
import sys
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from loratui import __version__
from loratui.command_line.lora_commands import lora_app
from loratui.command_line.options import Auto, Detach, Force, Json, Overrides, Pictures
from loratui.command_line.picture import Images
from loratui.command_line.run_commands import queue_app, run_app
from loratui.command_line.terminal import Terminal
from loratui.crash import write_crash_log
from loratui.errors import LoratuiError
from loratui.paths import data_directory

app = typer.Typer(
    name="loratui",
    help="From a folder of pictures to a trained Stable Diffusion LoRA and a grid of what it does.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
profile_app = typer.Typer(help="Saved profiles: new, list, show, path.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(profile_app, name="profile")
app.add_typer(run_app)
app.add_typer(queue_app, name="queue")
app.add_typer(lora_app, name="lora")


class Theme(StrEnum):
    """The wizard's looks."""

    dark = "dark"
    light = "light"
    ansi = "ansi"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loratui {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _loratui(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    ascii_only: Annotated[
        bool | None,
        typer.Option("--ascii/--no-ascii", help="The wizard draws with ASCII signs only.  [default: as the terminal]"),
    ] = None,
    mouse: Annotated[bool, typer.Option("--mouse/--no-mouse", help="The wizard listens to the mouse.")] = True,
    images: Annotated[Images, typer.Option("--images", help="How the wizard draws pictures.")] = Images.auto,
    theme: Annotated[Theme | None, typer.Option("--theme", help="The wizard's colours.  [default: the last]")] = None,
) -> None:
    """From a folder of pictures to a trained Stable Diffusion LoRA and a grid of what it does.

    Without a command the wizard opens.
    """
    if context.invoked_subcommand is None:
        from loratui.tui.app import Options
        from loratui.tui.start import open_wizard

        options = Options(ascii=ascii_only, images=images.value, mouse=mouse, theme=theme.value if theme else "")
        raise typer.Exit(open_wizard(options))
    if context.invoked_subcommand != "queue" and any((data_directory() / "queue").glob("*.waiting")):
        from loratui.command_line.queueing import tell_of_left_behind

        tell_of_left_behind(context.obj)
    if context.invoked_subcommand in ("run", "demo"):
        from loratui.command_line.controlling import tell_of_interrupted

        tell_of_interrupted(context.obj)


@app.command()
def demo(
    json: Json = False,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Where the files are written (output/).")] = "",
    detach: Detach = False,
    force: Force = False,
    images: Pictures = Images.auto,
) -> None:
    """Train the sample pictures on a tiny base: offline, without a GPU."""
    from loratui.command_line.running import RunOptions, run_demo

    raise typer.Exit(run_demo(out, RunOptions(force=force, detach=detach, images=images), Terminal(json)))


@app.command()
def run(
    profiles: Annotated[
        list[str], typer.Argument(metavar="PROFILE...", help="Names of saved profiles, or paths of TOML files.")
    ],
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    detach: Detach = False,
    auto: Auto = False,
    json: Json = False,
    force: Force = False,
    images: Pictures = Images.auto,
) -> None:
    """Train a LoRA as a profile says and draw its grid.

    Several profiles are trained one after the other.
    """
    from loratui.command_line.running import RunOptions, run_profiles

    options = RunOptions(dry_run=dry_run, force=force, detach=detach, images=images)
    changes = [*(overrides or []), *(["training.accept_smaller=true"] if auto else [])]
    raise typer.Exit(run_profiles(profiles, changes, options, Terminal(json)))


@app.command()
def check(
    folder: Annotated[str, typer.Argument(help="Folder with pictures and captions, or the one above it.")],
    json: Json = False,
    # Numbers are taken as text: the profile's own rules read them, and say in plain words what they accept.
    resolution: Annotated[str, typer.Option(metavar="PIXELS", help="Side of the training square.")] = "512",
    repeats: Annotated[
        str | None, typer.Option(metavar="N", help="Repeats of folders without a number.  [default: 5]")
    ] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="N", help="Pictures a step.  [default: 2]")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="N", help="Epochs to count steps for.  [default: 10]")] = None,
) -> None:
    """Say what a folder of pictures would train and what is wrong.

    Nothing is written.
    """
    from loratui.command_line.checking import check_folder

    options = {"--resolution": resolution, "--repeats": repeats, "--batch-size": batch_size, "--epochs": epochs}
    given = {option: value for option, value in options.items() if value is not None}
    raise typer.Exit(check_folder(folder, given, Terminal(json)))


@app.command()
def compare(
    target: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE|RUN",
            help="A profile (its newest trained run), or a run: its name, its beginning, its LoRA's name, or a path.",
        ),
    ],
    overrides: Overrides = None,
    json: Json = False,
    force: Force = False,
    images: Pictures = Images.auto,
) -> None:
    """Draw the strength grid of a finished run again.

    The new grid lies beside the earlier ones.
    """
    from loratui.command_line.running import compare as compare_run

    raise typer.Exit(compare_run(target, overrides or [], force, images, Terminal(json)))


@app.command()
def doctor(json: Json = False) -> None:
    """Look over this computer: Python, GPU, memory, disks, terminal.

    Exits with 1 when something forbids a training.
    """
    from loratui.command_line.doctor import doctor as look_over

    raise typer.Exit(look_over(Terminal(json)))


@profile_app.command("new")
def profile_new(
    name: str,
    demo: Annotated[bool, typer.Option("--demo", help="Begin with the demo's settings.")] = False,
    source: Annotated[str, typer.Option("--from", metavar="FILE", help="Begin with another profile.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a profile of that name.")] = False,
    json: Json = False,
) -> None:
    """Save a new profile with every setting and its help."""
    from loratui.command_line import profiles

    raise typer.Exit(profiles.new(name, demo, source, force, Terminal(json)))


@profile_app.command("list")
def profile_list(json: Json = False) -> None:
    """Name the saved profiles."""
    from loratui.command_line import profiles

    raise typer.Exit(profiles.list_all(Terminal(json)))


@profile_app.command("show")
def profile_show(name: str, json: Json = False) -> None:
    """Print a profile with all its settings."""
    from loratui.command_line import profiles

    raise typer.Exit(profiles.show(name, Terminal(json)))


@profile_app.command("path")
def profile_path(name: str, json: Json = False) -> None:
    """Print where a profile lies."""
    from loratui.command_line import profiles

    raise typer.Exit(profiles.path(name, Terminal(json)))


# typer carries click inside or beside it, by its version; this is the base of its errors in either.
_USAGE_ERROR: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)


_ALIKE = 0.8


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; the entry point of `loratui`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: list[str]) -> int:
    terminal = Terminal(json="--json" in arguments)
    try:
        code = app(arguments, prog_name="loratui", standalone_mode=False, obj=terminal)
        return code if isinstance(code, int) else 0
    except LoratuiError as error:
        terminal.refuse(error)
        return error.exit_code
    except _USAGE_ERROR as error:
        return _refuse_usage(error, terminal)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        terminal.refuse(write_crash_log(error))
        return 1


def _refuse_usage(error: Exception, terminal: Terminal) -> int:
    if isinstance(error_name := getattr(error, "option_name", None), str) and getattr(error, "possibilities", None):
        # click offers --mouse for --bogus; the dashes that all options share make them alike.
        error.possibilities = difflib.get_close_matches(error_name, error.possibilities, cutoff=_ALIKE)  # type: ignore[attr-defined]
    message = getattr(error, "format_message", lambda: str(error))()
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(message, err=True)
    else:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "loratui"
        # pydantic, with which newer versions of typer read values, puts this in front of what an enumeration says.
        plain = " ".join(message.replace(": Value error, ", ": ").split())  # choices come in lines with tabs
        terminal.refuse(LoratuiError(plain, f"See {command} --help."))
    return 2
