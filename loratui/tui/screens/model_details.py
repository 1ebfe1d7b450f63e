"""What Model says of the base under the cursor: where it is, its terms, what stands in the way, how its download goes.

Facts come in, sentences go out; also what the step still lacks. Asks nobody.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.content import Content

from loratui.errors import LoratuiError
from loratui.hub.location import SIGN_IN
from loratui.quantities import countdown, disk_size
from loratui.safe_text import printable
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.model_rows import ANOTHER, DEMO, BaseRow, percent
from loratui.tui.widgets.changing_lines import Line, Role

if TYPE_CHECKING:
    from loratui.hub.downloads import DownloadProgress
    from loratui.hub.gate import Answer
    from loratui.hub.presence import Presence
    from loratui.profile.schema import Model

_BAR = 24
_ANOTHER = (
    "A Hugging Face id (owner/name), owner/repo/file.safetensors, the pasted address of either, a diffusers folder "
    "or a .safetensors file on this computer."
)
_STYLES: dict[Role, str] = {
    "strong": "bold",
    "good": "$text-success",
    "warning": "$text-warning",
    "accent": "$text-accent",
    "faint": "$faint",
}


@dataclass(frozen=True)
class BaseFacts:
    """What is known of a base by now.

    Attributes:
        presence: What the disk says; None while nobody has looked.
        answer: What the hub says; None while it was not asked.
        refusal: Why the hub does not give it, or cannot be asked.
        no_room: Why the disk cannot take it; "" when it can.
        asking: Whether the hub is being asked.
        download: How its download goes, if there ever was one.
    """

    presence: "Presence | None" = None
    answer: "Answer | None" = None
    refusal: LoratuiError | None = None
    no_room: str = ""
    asking: bool = False
    download: "DownloadProgress | None" = None

    def is_settled(self, row: BaseRow) -> bool:
        """Whether it is known what the step lacks with this base."""
        if row.complaint or self.presence is None:
            return bool(row.complaint)
        return self.presence.here or not self.presence.is_usable or bool(self.answer or self.refusal)


def lacking(row: BaseRow, facts: BaseFacts, model: "Model") -> list[str]:
    """What the step still lacks with this base: nothing when it is here, or when the training can fetch it."""
    if row.complaint:
        return [row.complaint.splitlines()[0]]
    found = facts.presence
    if found is None:
        return []
    if not found.suits(model):
        return [found.note]
    if found.here:
        return []
    if facts.refusal is not None:
        return [facts.refusal.what]
    if facts.answer is not None and not facts.answer.may_download:
        return [facts.answer.what]
    return [facts.no_room] if facts.no_room else []


def with_answer(row: BaseRow, facts: BaseFacts) -> BaseRow:
    """The row, now that the hub has told size, family and gate."""
    found = facts.presence
    if found is None or found.here:
        return row
    is_shut = facts.answer is not None and bool(facts.answer.known.gate) and not facts.answer.may_download
    return replace(
        row,
        size=found.size,
        family="" if found.family == "unknown" else found.family,
        where="gated" if is_shut else "on the hub",
        usable=found.is_usable,
        note=found.note,
    )


def details(row: BaseRow, facts: BaseFacts, profile: str, glyphs: Glyphs, *, is_chosen: bool) -> list[Line]:
    """The sentences, one a line; they may be longer than the screen is wide."""
    if row.base == ANOTHER:
        return [[("Another base", "strong")], [(_ANOTHER, "text")]]
    belongs = f"   the base of {printable(profile)}" if is_chosen and profile else ""
    lines: list[Line] = [[(row.name, "strong"), (belongs, "good")]]
    if row.complaint:
        return [*lines, *_sentences(*row.complaint.split("\n", 1))]
    found = facts.presence
    if found is None:
        return lines
    lines.append(_where(row, facts))
    if terms := _terms(facts):
        lines.append([(terms, "text")])
    obstacles = _obstacles(facts)
    progress = [] if found.here or (obstacles and _has_failed(facts)) else _progress(facts.download, glyphs)
    return [*lines, *obstacles, progress] if progress else [*lines, *obstacles]


def as_content(lines: list[Line], glyphs: Glyphs) -> Content:
    """The sentences for a widget that wraps them."""
    pieces = (
        Content.assemble(*((in_signs(text, glyphs), _STYLES.get(role, "$foreground")) for text, role in line))
        for line in lines
    )
    return Content("\n").join(pieces)


def in_signs(text: str, glyphs: Glyphs) -> str:
    """A text with signs that this terminal draws well."""
    return text.replace("…", glyphs.ellipsis)


def _where(row: BaseRow, facts: BaseFacts) -> Line:
    found = facts.presence
    assert found is not None
    size = disk_size(row.size) if row.size is not None else ""
    if row.base == DEMO:
        return [("Comes with loratui: tiny, offline, for trying everything out in minutes.", "text")]
    if found.here:
        of = f", {size}" if size else ""
        place = f"in {printable(found.path)}" if found.location.path is not None else "in the Hugging Face cache"
        return [(f"On this computer{of}, {place}.", "text")]
    if facts.download is not None and facts.download.state == "running":
        return [(f"It comes from the hub, {size}." if size else "It comes from the hub.", "text")]
    if facts.answer is not None and facts.answer.may_download:
        fetch = disk_size(facts.answer.lacking if found.bytes_to_fetch is None else found.bytes_to_fetch)
        of = f" of {size}" if size and size != fetch else ""
        return [(f"On the hub, {fetch}{of} to fetch: w brings it now, else the training does.", "text")]
    if facts.asking:
        return [("Not on this computer; asking the hub …", "faint")]
    return [("Not on this computer.", "text")]


def _terms(facts: BaseFacts) -> str:
    answer, found = facts.answer, facts.presence
    family = found.family if found is not None else "unknown"
    if answer is None:
        return f"Family {family}." if family != "unknown" else ""
    family = answer.known.family.name if family == "unknown" else family
    parts = [f"Family {family}"] if family != "unknown" else []
    parts.append(f"licence {printable(answer.known.licence)}" if answer.known.licence else "no licence named")
    if answer.known.private:
        parts.append("private, and open to you")
    elif answer.known.gate:
        parts.append("gated, and open to you" if answer.may_download else "gated")
    else:
        parts.append("open to everybody")
    text = ", ".join(parts)
    return text[0].upper() + text[1:] + "."


def _obstacles(facts: BaseFacts) -> list[Line]:
    found = facts.presence
    if found is not None and found.note:
        return [[(found.note, "warning")]]
    if found is not None and found.here:
        return []
    if facts.refusal is not None:
        return _sentences(facts.refusal.what, facts.refusal.todo)
    if facts.answer is not None and not facts.answer.may_download:
        return _sentences(facts.answer.what, facts.answer.todo)
    if facts.no_room:
        return _sentences(*facts.no_room.split("\n", 1))
    return []


def _sentences(what: str, todo: str = "") -> list[Line]:
    lines: list[Line] = [[(what, "warning")]]
    todo = todo.replace(SIGN_IN, "sign in here (@)").replace("and try again", "and press Ctrl+R")
    return [*lines, [(todo.strip(), "text")]] if todo.strip() else lines


def _has_failed(facts: BaseFacts) -> bool:
    return facts.download is not None and facts.download.state == "failed"


def _progress(download: "DownloadProgress | None", glyphs: Glyphs) -> Line:
    if download is None:
        return []
    if download.state == "running":
        if not download.total:
            return [("The download begins …", "accent")]
        full = _BAR * download.done // download.total
        left = download.seconds_left
        speed = f"   {disk_size(download.bytes_per_second)}/s" if download.bytes_per_second else ""
        rest = f"   left {countdown(left)}" if left is not None else ""
        amount = f"   {disk_size(download.done)} of {disk_size(download.total)}"
        return [
            (glyphs.bar_full * full, "accent"),
            (glyphs.bar_empty * (_BAR - full), "faint"),
            (f" {percent(download):>3} %{amount}{speed}{rest}", "text"),
        ]
    words: dict[str, tuple[str, Role]] = {
        "failed": (f"{download.what} {download.todo}", "warning"),
        "cancelled": ("The download was stopped; what has come is kept, w goes on.", "text"),
        "interrupted": ("The download was cut off; what has come is kept, w goes on.", "warning"),
        "finished": ("It was downloaded once, but is not complete in the cache any more.", "text"),
    }
    return [words[download.state]]
