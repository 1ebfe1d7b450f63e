"""A picture drawn in the terminal through textual-image, where there is one that can."""

import logging
from enum import StrEnum
from pathlib import Path

from loratui.command_line.terminal import Terminal


class Images(StrEnum):
    """How pictures are drawn; `auto` asks the terminal what it understands."""

    auto = "auto"
    off = "off"
    halfcell = "halfcell"
    sixel = "sixel"
    kitty = "kitty"


def draw_picture(path: Path, terminal: Terminal, images: Images) -> None:
    """Draw the picture at `path`; nothing happens without a terminal, and a failure is one line."""
    if images is Images.off or not terminal.is_live:
        return
    # Importing textual-image asks the terminal questions: only here, where nobody else reads the answers.
    # A terminal that gives none is no trouble, but the library would log a traceback about it.
    logging.getLogger("textual_image").setLevel(logging.CRITICAL)
    from textual_image import renderable

    drawing = {
        Images.auto: renderable.Image,
        Images.halfcell: renderable.HalfcellImage,
        Images.sixel: renderable.SixelImage,
        Images.kitty: renderable.TGPImage,
    }[images]
    if images is Images.auto and (terminal.out.no_color or terminal.out.encoding.lower() not in ("utf-8", "utf8")):
        return
    try:
        # Half-cells are text, and text that wraps is no picture.
        terminal.out.print(drawing(path, width="auto", height="auto"), soft_wrap=False)
    except Exception as error:
        terminal.warn(f"The grid could not be drawn in this terminal: {error}")
