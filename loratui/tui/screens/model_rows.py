"""The rows of Model: bases on this computer first, then those on the hub that somebody named, then a row to name one.

Looks at the disk (in a thread), never at the network; draws nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loratui.errors import BaseModelError
from loratui.profile.schema import DEFAULT_BASE
from loratui.quantities import disk_size
from loratui.safe_text import printable
from loratui.tui.fitting import cut, cut_start
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.changing_lines import Line, Role

if TYPE_CHECKING:
    from loratui.hub.downloads import DownloadProgress
    from loratui.hub.presence import Presence

DEMO = "demo"
ANOTHER = ""
_FAMILY, _SIZE, _WHERE = 8, 7, 10
_PLACES = {"cache": "HF cache"}


@dataclass(frozen=True)
class BaseRow:
    """A base that can be chosen.

    Attributes:
        base: What a profile names it by; ANOTHER of the row that asks for one.
        name: For people.
        family: "SD 1.x" and the like; "" while it is not known.
        size: In bytes; None while it is not known.
        where: Where it lies: "HF cache", "Forge", "on the hub".
        here: Whether it is on this computer.
        usable: False when it is known that it cannot be trained on.
        complaint: Why its name means nothing; "" when it means something.
        note: Why it cannot be trained on, or what else to know, in a sentence.
    """

    base: str
    name: str
    family: str = ""
    size: int | None = None
    where: str = ""
    here: bool = True
    usable: bool = True
    complaint: str = ""
    note: str = ""

    def contains(self, text: str) -> bool:
        """Whether a search for `text` finds it; the row that asks for another base is always found."""
        return self.base == ANOTHER or text.casefold() in f"{self.name} {self.family} {self.where}".casefold()


def find_rows(chosen: str, named: Iterable[str], install_to: Iterable[str]) -> list[BaseRow]:
    """Look at the disk and make all rows.

    Args:
        chosen: The profile's base.
        named: Bases that were typed or downloaded before, latest first.
        install_to: Folders of other programs that the profile names.
    """
    from loratui.hub.on_disk import bases_on_disk

    found = [
        BaseRow(
            base.base,
            printable(base.name.removesuffix(".safetensors") if base.place != "cache" else base.name),
            base.family.name,
            base.size,
            _PLACES.get(base.place, base.place),
            usable=base.family.is_usable,
            note=base.family.about(printable(base.name)),
        )
        for base in bases_on_disk(install_to)
    ]
    there = {row.base for row in found} | {DEMO}
    others = [row_of(base) for base in dict.fromkeys((chosen, *named, DEFAULT_BASE)) if base not in there]
    usable = [row for row in (*found, *others) if row.usable]
    unusable = [row for row in (*found, *others) if not row.usable]
    return [*usable, row_of(DEMO), *unusable, BaseRow(ANOTHER, "Type a hub id, a URL or a path …")]


def row_of(base: str) -> BaseRow:
    """The row of a base that was not found by looking around."""
    from loratui.hub.presence import presence

    try:
        found = presence(base)
    except BaseModelError as error:
        return BaseRow(base, printable(base), where="not there", here=False, usable=False, complaint=str(error))
    family = "" if found.family == "unknown" else found.family
    row = BaseRow(base, printable(base), family, found.size, _where(base, found), found.here, found.is_usable)
    return replace(row, note=found.note)


def _where(base: str, found: "Presence") -> str:
    if base == DEMO:
        return "built in"
    if not found.here:
        return "on the hub"
    return "this disk" if found.location.path is not None else "HF cache"


def heading(width: int, glyphs: Glyphs, query: str = "") -> Line:
    """What the columns are, and what is searched for."""
    base = f"base, with “{printable(query)}”" if query else "base"
    return [("    " + _columns(base, "family", "size", "where", width, glyphs), "faint")]


def row_line(
    row: BaseRow,
    width: int,
    glyphs: Glyphs,
    *,
    at_cursor: bool,
    is_chosen: bool,
    download: "DownloadProgress | None" = None,
) -> Line:
    """A row as it is drawn: cursor, whether it is the profile's, name, family, size, where."""
    cursor: tuple[str, Role] = (f"{glyphs.current} " if at_cursor else "  ", "accent")
    mark: tuple[str, Role] = (f"{glyphs.check} " if is_chosen else "  ", "good")
    role: Role = "strong" if at_cursor else "text" if row.usable else "faint"
    if row.base == ANOTHER:
        return [cursor, mark, (row.name.replace("…", glyphs.ellipsis), role)]
    size = disk_size(row.size) if row.size is not None else ""
    where = row.where
    if not row.here and download is not None and download.state == "running":
        where = f"{percent(download)} %"
    name = _columns(row.name, row.family, size, "", width, glyphs)
    return [cursor, mark, (name, role), (where, "accent" if where.endswith("%") else role if row.here else "faint")]


def percent(download: "DownloadProgress") -> int:
    """How much of a download is here, never 100 before all is."""
    return min(99, int(100 * download.done / download.total)) if download.total else 0


def _columns(name: str, family: str, size: str, where: str, width: int, glyphs: Glyphs) -> str:
    room = max(8, min(width - 4 - _FAMILY - _SIZE - _WHERE - 3, 72))
    return f"{cut_start(name, room, glyphs, pad=True)} {cut(family, _FAMILY, glyphs, pad=True)}{size:>{_SIZE}}  {where}"
