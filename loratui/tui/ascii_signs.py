"""Replaces signs that some terminals draw two cells wide, in everything that is drawn, by ASCII of one cell."""

from collections.abc import Iterator

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    "×": "x", "÷": "/", "–": "-", "—": "-", "…": "~", "·": ".", "•": "*", "→": ">", "←": "<", "↑": "^", "↓": "v",
    "↵": "<", "✓": "+", "✔": "+", "✗": "X", "✘": "X", "▸": ">", "▶": ">", "▲": "^", "▼": "v", "●": "*", "○": "o",
    "“": '"', "”": '"', "‘": "'", "’": "'", "°": "o", "±": "~", "≤": "<", "≥": ">", "≈": "~",
    "Σ": "S", "α": "a", "\ufffd": "?",
}  # fmt: skip


def _box(code: int) -> str:
    return {0: "-", 1: "-", 2: "|", 3: "|"}.get(code - 0x2500, "+")


_TABLE = {
    **{code: _box(code) for code in range(0x2500, 0x2580)},
    **dict.fromkeys(range(0x2580, 0x25A0), "#"),
    **dict.fromkeys(range(0x2801, 0x2900), "."),
    0x2800: " ",
    **{ord(sign): plain for sign, plain in _SIGNS.items()},
}


class AsciiSigns(LineFilter):
    """Leaves letters of any script as they are: they are the person's own."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments in ASCII signs."""
        return list(self._replaced(segments))

    @staticmethod
    def _replaced(segments: list[Segment]) -> Iterator[Segment]:
        for segment in segments:
            if segment.control or segment.text.isascii():
                yield segment
            else:
                yield Segment(segment.text.translate(_TABLE), segment.style)
