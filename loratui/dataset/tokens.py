"""How a caption is cut into CLIP's tokens, by the base's own tokenizer files and without torch.

Counts what the training counts: tokens without BOS and EOS. Knows the files of a tokenizer, not where a base lies.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from loratui.errors import DatasetError
from loratui.safe_text import printable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What transformers builds where it finds only a vocabulary and merges: CLIP's own rules.
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


class CaptionTokens:
    """Counts the tokens of captions, and says where a caption is cut."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        """Take a tokenizer that neither cuts nor pads."""
        self._tokenizer = tokenizer

    def count(self, caption: str) -> int:
        """Tokens of `caption`, without BOS and EOS, however many there are."""
        return len(self._tokenizer.encode(_valid(caption), add_special_tokens=False).ids)

    def cut(self, caption: str, longest: int) -> tuple[int, int]:
        """The tokens of `caption`, and how many of its characters its first `longest` tokens cover.

        The second number is the caption's length when nothing lies beyond.
        """
        encoding = self._tokenizer.encode(_valid(caption), add_special_tokens=False)
        count = len(encoding.ids)
        if count <= longest:
            return count, len(caption)
        return count, int(encoding.offsets[longest][0])


def load_tokens(directory: Path) -> CaptionTokens:
    """Read the tokenizer in `directory`: tokenizer.json, else vocab.json with merges.txt.

    Raises:
        DatasetError: It is missing or damaged.
    """
    try:
        return CaptionTokens(_from_vocabulary(directory) or _from_one_file(directory))
    except Exception as error:  # the library raises a bare Exception for damaged files
        raise DatasetError(
            f"The tokenizer in {printable(directory)} cannot be read ({printable(error)}).",
            "Download the base model again.",
        ) from error


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no text to the tokenizer


def _from_one_file(directory: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _from_vocabulary(directory: Path) -> "Tokenizer | None":
    vocabulary, merges = directory / "vocab.json", directory / "merges.txt"
    if (directory / "tokenizer.json").is_file() or not vocabulary.is_file() or not merges.is_file():
        return None
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    words, pairs = models.BPE.read_file(str(vocabulary), str(merges))
    tokenizer = Tokenizer(
        models.BPE(
            vocab=words, merges=pairs, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token=_SPECIAL[1]
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer
