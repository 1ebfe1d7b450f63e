"""Options that several commands share, each with its one help text."""

from typing import Annotated

import typer

from loratui.command_line.picture import Images

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files of that name instead of counting up.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting; may be repeated.")
]
Pictures = Annotated[Images, typer.Option("--images", help="How the grid is drawn in the terminal.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on by itself.")]
Auto = Annotated[
    bool, typer.Option("--auto", help="When memory does not suffice, go on in smaller pieces without asking.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, its beginning, its LoRA's name, or a path.")]
MaybeRun = Annotated[
    str, typer.Argument(metavar="[RUN]", help="A run's name, its beginning, its LoRA's name, or a path.")
]
