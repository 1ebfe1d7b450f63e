"""Text on pictures: whichever font of this computer can draw a character draws it.

Pillow's own font is always there but knows little beyond ASCII, so common system fonts stand behind it. A character
that no font has becomes its nearest ASCII relative, and failing that an empty box. Knows nothing of grids.
"""

import functools
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import ImageDraw, ImageFont

from loratui.safe_text import printable

_FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
# In order of preference: Latin, Greek and Cyrillic first, then the fonts with Chinese, Japanese and Korean.
_FONT_FILES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "segoeui.ttf",
    "Arial.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "NotoSansJP-Regular.ttf",
    "SourceHanSans-Regular.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "ipag.ttf",
    "ipagp.ttf",
    "fonts-japanese-gothic.ttf",
    "NanumGothic.ttf",
    "unifont.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "Arial Unicode.ttf",
    "msgothic.ttc",
    "msyh.ttc",
    "malgun.ttf",
)
_NEAREST = str.maketrans({"–": "-", "—": "-", "−": "-", "×": "x", "’": "'", "‘": "'", "“": '"', "”": '"', "·": "-"})
_NOT_A_CHARACTER = "\uffff"
_FontLike = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Lettering:
    """One size of text, with all fonts that can help.

    Args:
        size: Height of the letters in pixels.
        fonts: Font files behind Pillow's own, in order of preference; default: those found on this computer.
    """

    def __init__(self, size: int, fonts: Iterable[Path] | None = None) -> None:
        self.size = size
        self.line_height = round(size * 1.4)
        self._fonts: list[_FontLike] = [ImageFont.load_default(size)]
        for path in system_fonts() if fonts is None else fonts:
            try:
                self._fonts.append(ImageFont.truetype(str(path), size))
            except OSError:
                continue
        self._empty = [bytes(font.getmask(_NOT_A_CHARACTER)) for font in self._fonts]
        self._found: dict[str, tuple[str, _FontLike]] = {}

    def width(self, text: str) -> float:
        """Width of `text` in pixels."""
        return sum(font.getlength(run) for run, font in self._runs(text))

    def draw(self, pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, fill: str) -> None:
        """Draw one line of text with its top left corner at `at`."""
        x, y = at
        baseline = y + self.size
        for run, font in self._runs(text):
            if isinstance(font, ImageFont.FreeTypeFont):
                pen.text((x, baseline), run, fill=fill, font=font, anchor="ls")
            else:
                pen.text((x, y), run, fill=fill, font=font)
            x += font.getlength(run)

    def wrap(self, text: str, width: float, lines: int) -> list[str]:
        """Break `text` into at most `lines` lines of at most `width` pixels; an ellipsis says where it was cut.

        Breaks at spaces and after commas, between any two wide (Chinese, Japanese, Korean) characters, and within a
        word only when it is wider than a line. Control characters are shown as visible escapes.
        """
        broken: list[str] = []
        line = ""
        for piece in _pieces(printable(" ".join(text.split()))):
            candidate = line + piece
            if self.width(candidate.rstrip()) <= width:
                line = candidate
                continue
            if line.strip():
                broken.append(line.rstrip())
            *full, line = self._cut(piece.lstrip(), width)
            broken.extend(full)
            if len(broken) > lines:
                break
        if line.strip():
            broken.append(line.rstrip())
        if len(broken) > lines:
            broken = broken[:lines]
            if broken:
                broken[-1] = self._shorten(broken[-1], width)
        return broken

    def _cut(self, piece: str, width: float) -> list[str]:
        parts = [""]
        for character in piece:
            if parts[-1] and self.width((parts[-1] + character).rstrip()) > width:
                parts.append("")
            parts[-1] += character
        return parts

    def _shorten(self, line: str, width: float) -> str:
        while line and self.width(line + "…") > width:
            line = line[:-1]
        return line.rstrip() + "…"

    def _runs(self, text: str) -> Iterator[tuple[str, _FontLike]]:
        run, current = "", self._fonts[0]
        for character in text:
            drawn, font = self._choose(character)
            if font is not current and run:
                yield run, current
                run = ""
            run, current = run + drawn, font
        if run:
            yield run, current

    def _choose(self, character: str) -> tuple[str, _FontLike]:
        if character not in self._found:
            self._found[character] = self._search(character)
        return self._found[character]

    def _search(self, character: str) -> tuple[str, _FontLike]:
        if character.isspace():
            return " ", self._fonts[0]
        simpler = unicodedata.normalize("NFKD", character.translate(_NEAREST)).encode("ascii", "ignore").decode("ascii")
        for candidate in filter(None, (character, simpler)):
            for font, empty in zip(self._fonts, self._empty, strict=True):
                if all(bytes(font.getmask(part)) not in (empty, b"") for part in candidate if not part.isspace()):
                    return candidate, font
        return _NOT_A_CHARACTER, self._fonts[0]


def _pieces(text: str) -> Iterator[str]:
    piece = ""
    for character in text:
        wide = unicodedata.east_asian_width(character) in "WF"
        if wide and piece and not piece.endswith(" "):
            yield piece
            piece = ""
        piece += character
        if wide or character in " ,":
            yield piece
            piece = ""
    if piece:
        yield piece


@functools.cache
def system_fonts() -> tuple[Path, ...]:
    """Return the helpful fonts that are installed here, in order of preference."""
    installed: dict[str, Path] = {}
    for folder in (Path(folder).expanduser() for folder in _FONT_FOLDERS):
        if folder.is_dir():
            for path in folder.rglob("*"):
                if path.name in _FONT_FILES:
                    installed.setdefault(path.name, path)
    return tuple(installed[name] for name in _FONT_FILES if name in installed)
