"""The few signs that are not letters, twice: as they should look, and in ASCII for terminals that draw them double."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """Signs of the wizard; each is one cell wide in the terminals that it is meant for.

    Attributes:
        bars: From empty to full, for a short history.
        braille: Whether curves may be drawn in braille.
        half_blocks: Whether pictures may be drawn in half blocks.
    """

    check: str
    unmet: str
    cross: str
    current: str
    rule: str
    bar_full: str
    bar_part: str
    bar_empty: str
    bars: str
    arrow: str
    times: str
    divided: str
    dot: str
    ellipsis: str
    left: str
    right: str
    up: str
    down: str
    vertical: str
    tick: str
    corner: str
    tee: str
    progress: str
    braille: bool
    half_blocks: bool


UNICODE = Glyphs(
    check="✓",
    unmet="!",
    cross="✗",
    current="▸",
    rule="─",
    bar_full="█",
    bar_part="▌",
    bar_empty="·",
    bars=" ▁▂▃▄▅▆▇█",
    arrow="→",
    times="×",
    divided="÷",
    dot="·",
    ellipsis="…",
    left="←",
    right="→",
    up="↑",
    down="↓",
    vertical="│",
    tick="┤",
    corner="└",
    tee="┬",
    progress="━",
    braille=True,
    half_blocks=True,
)
ASCII = Glyphs(
    check="+",
    unmet="!",
    cross="X",
    current=">",
    rule="-",
    bar_full="#",
    bar_part="=",
    bar_empty=".",
    bars=" _.,-=+*#",
    arrow=">",
    times="x",
    divided="/",
    dot=".",
    ellipsis="~",
    left="<",
    right=">",
    up="^",
    down="v",
    vertical="|",
    tick="+",
    corner="+",
    tee="+",
    progress="=",
    braille=False,
    half_blocks=False,
)
