"""The commands about LoRA files: their options and help. Each one's work is imported when it runs."""

from enum import Enum
from typing import Annotated

import typer

from loratui.command_line.options import Force, Json
from loratui.command_line.terminal import Terminal

lora_app = typer.Typer(
    help="LoRA files, whoever made them: inspect, convert, merge.", rich_markup_mode=None, no_args_is_help=True
)


class Layout(Enum):
    """Layouts that are written."""

    KOHYA = "kohya"
    DIFFUSERS = "diffusers"


class Stored(Enum):
    """Precisions that weights are written in."""

    FP16 = "fp16"
    BF16 = "bf16"
    FP32 = "fp32"


@lora_app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A LoRA, as .safetensors.")],
    everything: Annotated[bool, typer.Option("--all", help="Every tag and every line of the metadata.")] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also save a profile with the settings that it was trained with.")
    ] = False,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Save that profile under this name.  [default: the LoRA's]")
    ] = "",
    json: Json = False,
) -> None:
    """Say what a LoRA file holds, what it fits and how it was trained.

    Weights are hashed but never loaded. A profile of that name is never replaced.
    """
    from loratui.command_line.lora_inspecting import inspect_lora

    raise typer.Exit(inspect_lora(file, Terminal(json), everything=everything, profile=profile, name=name))


@lora_app.command()
def convert(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A LoRA, as .safetensors.")],
    to: Annotated[Layout, typer.Option("--to", help="kohya's is that of A1111, Forge and ComfyUI.")],
    output: Annotated[
        str,
        typer.Option(
            "--output", metavar="PATH", help="The file, or a folder for it.  [default: FILE-kohya or FILE-diffusers]"
        ),
    ] = "",
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a LoRA in another tool's layout; the weights keep every byte.

    From kohya's layout to diffusers' and back gives the file that there was.
    """
    from loratui.command_line.lora_converting import convert_file

    raise typer.Exit(convert_file(file, to.value, output, Terminal(json), force=force))


@lora_app.command()
def merge(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[:WEIGHT]",
            help="emi.safetensors:0.8, or :0.8:0.5 for text encoder and UNet; may be negative.",
        ),
    ],
    output: Annotated[str, typer.Option("--output", metavar="NAME", help="What to write: a name or a path.")],
    rank: Annotated[
        int | None, typer.Option("--rank", metavar="N", help="Cut to this rank.  [default: all ranks together, exact]")
    ] = None,
    precision: Annotated[
        Stored | None,
        typer.Option("--precision", help="Of the weights.  [default: the files']"),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Add up several LoRAs, each times its weight, as one file that does the same at strength 1."""
    from loratui.command_line.lora_converting import merge_files

    raise typer.Exit(
        merge_files(
            files, output, Terminal(json), rank=rank, precision=precision.value if precision else None, force=force
        )
    )
