"""Windows of weighted tokens: what a prompt is cut into for CLIP, which reads 75 tokens between BOS and EOS at once.

Cuts as AUTOMATIC1111 does: BREAK ends a window, and a full window ends at its last comma if that is among its last 20
tokens, so that no tag is torn. Knows a tokenizer only as a function; imports no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loratui.diffusion.emphasis import parse_emphasis

WINDOW_TOKENS = 75
# A1111's default for its setting "Prompt word wrap length limit" (`comma_padding_backtrack`).
COMMA_BACKTRACK = 20


@dataclass
class Window:
    """At most 75 tokens of a prompt and the weight of each."""

    tokens: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def ids(self, *, bos: int, eos: int, pad: int) -> list[int]:
        """The 77 ids of CLIP's input: BOS, the tokens, EOS, and padding.

        Args:
            pad: EOS for CLIP-L, 0 for SD 2.x's encoder and SDXL's second one: what their tokenizers call padding.
        """
        return [bos, *self.tokens, eos, *[pad] * (WINDOW_TOKENS - len(self.tokens))]

    def factors(self) -> list[float]:
        """The weight of each of the 77 ids: 1 at the ends and in the padding."""
        return [1.0, *self.weights, *[1.0] * (WINDOW_TOKENS + 1 - len(self.weights))]


def comma_of(tokenizer: Any) -> int | None:
    """The id of a comma that ends a word, the one after which A1111 cuts; None where the vocabulary has none."""
    return tokenizer.get_vocab().get(",</w>")


def weighted_windows(tokenise: Callable[[str], list[int]], prompt: str, *, comma: int | None) -> list[Window]:
    """Cut a prompt into windows.

    Source: `tokenize_line` in A1111's modules/sd_hijack_clip.py, 1.10. Every part of one weight is tokenised by itself.

    Args:
        tokenise: Gives a text's ids without BOS, EOS and padding.
        prompt: Without LoRA tags.
        comma: The comma's id; None: windows are always filled.

    Returns:
        At least one window; those before the last may be short, or empty where BREAK follows BREAK.

    Raises:
        GenerationError: the prompt says what is not understood here; see `parse_emphasis`.
    """
    cut = _Cut(comma)
    for number, section in enumerate(parse_emphasis(prompt)):
        if number > 0:
            cut.end_window()
        for part in section:
            for token in tokenise(part.text):
                cut.add(token, part.weight)
    if cut.window.tokens or not cut.done:
        cut.end_window()
    return cut.done


class _Cut:
    """Windows that are done, and the one that is being filled."""

    def __init__(self, comma: int | None) -> None:
        self.done: list[Window] = []
        self.window = Window()
        self._comma = comma
        self._behind_comma = 0

    def end_window(self) -> None:
        self.done.append(self.window)
        self.window = Window()
        self._behind_comma = 0

    def add(self, token: int, weight: float) -> None:
        if len(self.window.tokens) == WINDOW_TOKENS:
            moved = self._cut_at_comma() if token != self._comma else Window()
            self.end_window()
            self.window = moved
        self.window.tokens.append(token)
        self.window.weights.append(weight)
        if token == self._comma:
            self._behind_comma = len(self.window.tokens)

    def _cut_at_comma(self) -> Window:
        """Take what stands behind the last comma out of the window, unless it is long."""
        place = self._behind_comma
        if not place or WINDOW_TOKENS - (place - 1) > COMMA_BACKTRACK:
            return Window()
        tokens, weights = self.window.tokens, self.window.weights
        moved = Window(tokens[place:], weights[place:])
        self.window = Window(tokens[:place], weights[:place])
        return moved
