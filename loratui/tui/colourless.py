"""Takes all colours out of what is drawn, for NO_COLOR; what stood out by its background is reversed instead."""

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

# Of the brightness from black to white; the surroundings are the widget that has the cursor or the chosen line.
_STANDS_OUT = 0.08
_REVERSED = {False: Style(reverse=False), True: Style(reverse=True)}
# Textual draws some edges reversed, which would be bars without colours.
_EDGES = "▁▂▃▄▅▆▇█▔▏▎▍▌▋▊▉▐▕▀"


class Colourless(LineFilter):
    """Leaves bold and underlined as they are."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments without colours."""
        return [
            Segment(text, style.without_color + _REVERSED[_is_reversed(text, style, background)], control)
            if style is not None
            else Segment(text, None, control)
            for text, style, control in segments
        ]


def _is_reversed(text: str, style: Style, background: Color) -> bool:
    if not text.strip(_EDGES):
        return False
    behind = style.bgcolor
    return bool(style.reverse) or (
        behind is not None and not behind.is_default and abs(_brightness(behind) - background.brightness) > _STANDS_OUT
    )


def _brightness(colour: RichColor) -> float:
    return Color.from_rich_color(RichColor.from_triplet(colour.get_truecolor())).brightness
