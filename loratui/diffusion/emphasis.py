r"""What a prompt's brackets say, as AUTOMATIC1111 reads them: text → parts with weights, in sections between BREAKs.

`(word)` weighs 1.1, `[word]` 1 ÷ 1.1, `(word:1.2)` what it says; nested factors multiply; a bracket that is never
closed reaches to the end; `\(`, `\)`, `\[`, `\]` and `\\` are these very characters, any other backslash is dropped.

Knows only the text: LoRA tags are gone by then (`generation.prompt`), tokens come later (`windows`). Where A1111 would
draw something else than these weights say, the prompt is refused rather than drawn differently without a word:
prompt editing (`[a:b:0.5]`, `[a:10]`, `[a|b]`), which would need other states at other steps; BREAK within brackets,
which A1111 takes for a word of negative weight; a weight such as `:1.2.3`, on which A1111 fails. A1111's comments, from
`#` to the end of a line, are its user's option and not read: here `#` is a character.
"""

import re
from dataclasses import dataclass, field

from loratui.errors import GenerationError
from loratui.safe_text import printable

ROUND = 1.1
SQUARE = 1 / 1.1
# A1111 has no bound; this one keeps fp32 states finite.
LARGEST_WEIGHT = 1e6

_PIECE = re.compile(
    r"\\(?P<escaped>[()\[\]\\]?)"
    r"|(?P<opening>[(\[])"
    r"|:\s*(?P<weight>[+-]?[.\d]+)\s*\)"
    r"|(?P<closing>[)\]])"
    r"|(?P<text>[^\\()\[\]:]+|:)"
)
_BREAK = re.compile(r"\bBREAK\b")
_SIGN_OF_EDITING = re.compile(r"\\.|[\\()\[\]:|]")
_STEP = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


@dataclass(frozen=True)
class Part:
    """Text and the weight of all its tokens."""

    text: str
    weight: float = 1.0


Section = tuple[Part, ...]


@dataclass
class _Piece:
    """Text whose weight is not settled; None is a BREAK."""

    text: str | None
    weight: float = 1.0


def parse_emphasis(prompt: str) -> tuple[Section, ...]:
    """Read a prompt's weights.

    Source: `parse_prompt_attention` in A1111's modules/prompt_parser.py, 1.10.

    Args:
        prompt: Without LoRA tags.

    Returns:
        The sections between BREAKs, at least one; neighbouring parts of a section differ in weight.

    Raises:
        GenerationError: the prompt switches words while it is drawn, a BREAK stands within brackets, or a weight is no
            number or beyond `LARGEST_WEIGHT`.
    """
    if (edited := _find_editing(prompt)) is not None:
        raise GenerationError(
            f"{_shown(edited)} in the prompt switches words while the picture is drawn, which is not understood here.",
            r"Write (word:0.8) to weaken a word, or \[ and \] where brackets are meant as such.",
        )
    pieces = _weigh(prompt)
    sections: list[list[Part]] = [[]]
    for piece in pieces or [_Piece("")]:
        if not abs(piece.weight) <= LARGEST_WEIGHT:  # not a number, either: 0 × infinity
            raise GenerationError(
                f"The prompt gives {_shown(piece.text or 'BREAK')} a weight beyond {LARGEST_WEIGHT:,.0f}.",
                "Weights between 0.5 and 1.5 are usual: (word:1.2).",
            )
        section = sections[-1]
        if piece.text is None:
            if piece.weight != 1:
                raise GenerationError(
                    "BREAK stands within brackets in the prompt, where A1111 takes it for a word of negative weight.",
                    "Close all brackets before BREAK and open them again behind it.",
                )
            sections.append([])
        elif section and section[-1].weight == piece.weight:
            section[-1] = Part(section[-1].text + piece.text, piece.weight)
        else:
            section.append(Part(piece.text, piece.weight))
    return tuple(tuple(section) for section in sections)


def _weigh(prompt: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    # Where the brackets begin that are open; A1111 does not mind how round and square ones cross.
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def multiply(start: int, factor: float) -> None:
        for piece in pieces[start:]:
            piece.weight *= factor

    for match in _PIECE.finditer(prompt):
        kind, sign = match.lastgroup, match.group()
        if kind == "escaped":
            pieces.append(_Piece(match["escaped"]))
        elif kind == "opening":
            opened[sign].append(len(pieces))
        elif kind == "weight" and opened["("]:
            multiply(opened["("].pop(), _number(match["weight"]))
        elif kind == "closing" and sign == ")" and opened["("]:
            multiply(opened["("].pop(), ROUND)
        elif kind == "closing" and sign == "]" and opened["["]:
            multiply(opened["["].pop(), SQUARE)
        else:
            pieces += _between_breaks(sign)
    for bracket, factor in (("(", ROUND), ("[", SQUARE)):
        for start in opened[bracket]:
            multiply(start, factor)
    return pieces


def _between_breaks(text: str) -> list[_Piece]:
    """White space beside a BREAK belongs to it."""
    texts = _BREAK.split(text)
    last = len(texts) - 1
    pieces: list[_Piece] = []
    for index, part in enumerate(texts):
        part = part.lstrip() if index > 0 else part
        pieces.append(_Piece(part.rstrip() if index < last else part))
        if index < last:
            pieces.append(_Piece(None))
    return pieces


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise GenerationError(
            f"The weight {_shown(text)} in the prompt is not a number.", "Write it as in (word:1.2)."
        ) from None


@dataclass
class _Bracket:
    """An open bracket of either kind, and the colons and bars directly in it."""

    sign: str
    start: int
    marks: list[str] = field(default_factory=list)
    last_mark: int = 0


def _find_editing(prompt: str) -> str | None:
    r"""The first group that A1111 edits while drawing: `[from:to:when]`, `[to:when]` or `[one|other]`; None: none.

    Follows A1111's grammar (`schedule_parser` in modules/prompt_parser.py), by which a bracket counts only if all in
    it is well formed, and a bar outside of such a group, or a lone backslash at a line's end, has the whole prompt
    taken as it stands. Beside brackets without a partner that grammar is ambiguous, and A1111 may leave a group alone
    that is found here.
    """
    found: str | None = None
    opened: list[_Bracket] = []
    for match in _SIGN_OF_EDITING.finditer(prompt):
        sign = match.group()
        if sign == "\\":
            return None
        if len(sign) == 2:
            continue
        if sign in "([":
            opened.append(_Bracket(sign, match.start()))
        elif sign in ":|":
            if opened:
                opened[-1].marks.append(sign)
                opened[-1].last_mark = match.start()
            elif sign == "|":
                return None
        else:
            bracket = opened.pop() if opened else None
            if bracket is not None and bracket.sign + sign in ("()", "[]"):
                if _is_edited(bracket, prompt[bracket.last_mark + 1 : match.start()]):
                    found = found or prompt[bracket.start : match.end()]
                    continue
                if "|" not in bracket.marks and len(bracket.marks) <= (sign == ")"):
                    continue
            # Not well formed: then it and all that is open around it are plain characters.
            if any("|" in one.marks for one in (*opened, *([bracket] if bracket else []))):
                return None
            opened.clear()
    return None if any("|" in one.marks for one in opened) else found


def _is_edited(bracket: _Bracket, behind_last_mark: str) -> bool:
    if bracket.sign == "(" or not bracket.marks:
        return False
    if "|" in bracket.marks:
        return ":" not in bracket.marks
    return len(bracket.marks) <= 2 and _STEP.fullmatch(behind_last_mark) is not None


def _shown(text: str) -> str:
    return printable(text if len(text) <= 80 else text[:79] + "…")
