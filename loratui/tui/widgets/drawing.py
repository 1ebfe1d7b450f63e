"""A picture made ready for the terminal: scaled to its cells and encoded, in a thread.

Half blocks are text and drawn here; sixel and kitty's protocol come from textual-image. Refuses to know widgets, and
never asks or tells the terminal anything: what has to be sent is handed back.
"""

import base64
import io
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

from PIL import Image
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

from loratui.dataset.problems import DatasetFault
from loratui.dataset.shrinking import open_shrunk
from loratui.safe_text import printable

Source = Path | Image.Image

_HALF_BLOCK = "▀"
_SIXEL_BAND = 6
_CHUNK = 4096
# Kitty's placeholders name their row and column by one of 297 marks.
_MOST_CELLS = 297
_importing = threading.Lock()


@dataclass(frozen=True)
class Request:
    """What shall be drawn.

    Attributes:
        source: A file or a picture; two requests for different ones may be equal.
        columns: Width that there is room for, in cells.
        rows: Height that there is room for, in cells.
        cell: Width and height of a cell in pixels.
        images: "kitty", "sixel" or "halfcell".
        truecolor: Whether the terminal is sent 24-bit colours.
        tmux: Whether tmux has to be asked to pass a kitty picture on.
    """

    source: Source = field(compare=False)
    columns: int
    rows: int
    cell: tuple[int, int]
    images: str
    truecolor: bool = True
    tmux: bool = False


@dataclass(frozen=True)
class Drawing:
    """A picture ready to be shown, or why it is not.

    Attributes:
        columns: Its width in cells.
        rows: Its height in cells.
        lines: Its cells as text, a row each; blank for sixel.
        before: What the terminal must be sent once before the cells are.
        over: What is sent when the cells have been painted, with the cursor at the top left cell.
        after: What is sent when the picture is given up.
        told: Why there is no picture, in a sentence; "" where there is one.
    """

    columns: int = 0
    rows: int = 0
    lines: tuple[tuple[Segment, ...], ...] = ()
    before: str = ""
    over: str = ""
    after: str = ""
    told: str = ""


def draw(request: Request) -> Drawing:
    """Decode, scale and encode; a picture that cannot be read says so."""
    try:
        if min(request.columns, request.rows, *request.cell) < 1:
            return Drawing()
        room = request.columns * request.cell[0], request.rows * request.cell[1]
        image = open_shrunk(request.source, room) if isinstance(request.source, Path) else request.source.convert("RGB")
        columns, rows = fitting(image.size, request.columns, request.rows, request.cell)
        if not columns:
            return Drawing()
        return {"kitty": _kitty, "sixel": _sixel, "halfcell": _halfcell}[request.images](image, columns, rows, request)
    except DatasetFault as fault:
        return Drawing(told=fault.what)
    except OSError as error:
        return Drawing(told=f"The picture cannot be read: {printable(error.strerror or error)}.")
    except (MemoryError, ValueError) as error:
        return Drawing(told=f"The picture cannot be drawn: {printable(error) or 'too little memory'}.")


def fitting(size: tuple[int, int], columns: int, rows: int, cell: tuple[int, int]) -> tuple[int, int]:
    """Cells that a picture takes at its own proportions: as many as fit, (0, 0) where there is no room.

    Args:
        size: Width and height of the picture in pixels.
        columns: Room in cells.
        rows: Room in cells.
        cell: Width and height of a cell in pixels.
    """
    if min(columns, rows, *size, *cell) < 1:
        return 0, 0
    columns, rows = min(columns, _MOST_CELLS), min(rows, _MOST_CELLS)
    scale = min(columns * cell[0] / size[0], rows * cell[1] / size[1])
    across, down = round(size[0] * scale / cell[0]), round(size[1] * scale / cell[1])
    return max(1, min(columns, across)), max(1, min(rows, down))


def _scaled(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BOX if width < image.width else Image.Resampling.BICUBIC)


def _halfcell(image: Image.Image, columns: int, rows: int, request: Request) -> Drawing:
    pixels = _scaled(image, columns, rows * 2).tobytes()
    width = columns * 3
    halves = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    lines = (tuple(_half_blocks(*halves[row * 2 : row * 2 + 2])) for row in range(rows))
    return Drawing(columns, rows, tuple(lines))


def _half_blocks(upper: bytes, lower: bytes) -> Iterator[Segment]:
    """A row of half blocks; neighbours of the same colours become one segment."""
    run, colours = 0, b""
    for start in range(0, len(upper), 3):
        here = upper[start : start + 3] + lower[start : start + 3]
        if here != colours and run:
            yield Segment(_HALF_BLOCK * run, _colours(colours))
            run = 0
        run, colours = run + 1, here
    yield Segment(_HALF_BLOCK * run, _colours(colours))


def _colours(six: bytes) -> Style:
    return Style.from_color(Color.from_rgb(*six[:3]), Color.from_rgb(*six[3:]))


def _sixel(image: Image.Image, columns: int, rows: int, request: Request) -> Drawing:
    height = rows * request.cell[1]
    # A last band that is not full would reach into the row below in some terminals.
    height = max(_SIXEL_BAND, height - height % _SIXEL_BAND)
    scaled = _scaled(image, columns * request.cell[0], height)
    data: str = _quietly_imported("textual_image._sixel").image_to_sixels(scaled)
    return Drawing(columns, rows, ((Segment(" " * columns),),) * rows, over=data)


def _kitty(image: Image.Image, columns: int, rows: int, request: Request) -> Drawing:
    width, height = columns * request.cell[0], rows * request.cell[1]
    file = io.BytesIO()
    _scaled(image, width, height).save(file, format="png", compress_level=2)
    payload = base64.b64encode(file.getvalue()).decode()
    number, colour = _kitty_number(request.truecolor)
    parts = [payload[start : start + _CHUNK] for start in range(0, len(payload), _CHUNK)]
    messages = [f"m={int(part is not parts[-1])};{part}" for part in parts]
    messages[0] = f"i={number},f=100,q=2,{messages[0]}"
    messages.append(f"a=p,i={number},c={columns},r={rows},U=1,q=2")
    before = "".join(_kitty_message(message, request.tmux) for message in messages)
    after = _kitty_message(f"a=d,d=I,i={number},q=2", request.tmux)
    lines = tuple((Segment(text, colour),) for text in _placeholders(columns, rows))
    return Drawing(columns, rows, lines, before=before, after=after)


def _kitty_message(text: str, tmux: bool) -> str:
    message = f"\x1b_G{text}\x1b\\"
    return "\x1bPtmux;" + message.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else message


def _placeholders(columns: int, rows: int) -> list[str]:
    """The characters whose marks tell kitty which part of a picture belongs in their cell, a text a row."""
    tgp = _quietly_imported("textual_image.renderable.tgp")
    mark = [chr(code) for code in tgp._NUMBER_TO_DIACRITIC]
    first = chr(tgp._PLACEHOLDER)
    return ["".join(first + mark[row] + mark[column] for column in range(columns)) for row in range(rows)]


def _kitty_number(truecolor: bool) -> tuple[int, Style]:
    """A picture's number, and the colour of its placeholders, which is how they name it.

    With 256 colours only those numbers serve that reach the terminal unchanged.
    """
    if truecolor:
        number = random.randrange(1 << 16, 1 << 24)
        return number, Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    number = random.choice(_unchanged_of_256())
    return number, Style(color=Color.from_triplet(Color.from_ansi(number).get_truecolor()))


@cache
def _unchanged_of_256() -> tuple[int, ...]:
    def sent(number: int) -> int | None:
        color = Color.from_triplet(Color.from_ansi(number).get_truecolor())
        return color.downgrade(ColorSystem.EIGHT_BIT).number

    return tuple(number for number in range(16, 256) if sent(number) == number)


def _quietly_imported(name: str) -> ModuleType:
    """A module of textual-image, whose import asks the terminal questions where there is one to ask.

    The answers would arrive as keystrokes; without a stdout nothing is asked.
    """
    from importlib import import_module

    with _importing:
        if name in sys.modules:
            return sys.modules[name]
        stdout, sys.__stdout__ = sys.__stdout__, None  # type: ignore[misc]
        try:
            return import_module(name)
        finally:
            sys.__stdout__ = stdout  # type: ignore[misc]
