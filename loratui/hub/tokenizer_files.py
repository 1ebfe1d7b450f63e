"""Where the tokenizer of a base lies: beside its weights, or, for a single file, wherever CLIP's vocabulary is.

Every Stable Diffusion splits text by the one vocabulary of CLIP ViT-L/14; the text encoders of open-clip (SD 2.x, and
SDXL's second) differ only in what fills a window up. Follows the same rules as loading does; knows nothing of tokens.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loratui.errors import BaseModelError
from loratui.hub.cache import snapshot
from loratui.hub.models import locate
from loratui.lora_file.naming import BaseFamily, Component
from loratui.safe_text import printable

if TYPE_CHECKING:
    from loratui.profile.schema import Model

TokenizerSource = Literal["the cache", "model.config", "the hub"]

# Where CLIP ViT-L/14's vocabulary can be had; the first is fetched if none is there.
TOKENIZER_REPOSITORIES = (
    ("openai/clip-vit-large-patch14", ""),
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "tokenizer"),
    ("stabilityai/stable-diffusion-xl-base-1.0", "tokenizer"),
)
_FILES = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"]
_END_OF_TEXT = "<|endoftext|>"
# Number 0 of the vocabulary, with which open-clip fills up.
_FIRST_OF_VOCABULARY = "!"


@dataclass(frozen=True)
class TokenizerFiles:
    """A tokenizer on this computer.

    Attributes:
        folder: Holds its files.
        source: Where it came from, in a person's words.
        name: The repository or the folder, for people.
    """

    folder: Path
    source: TokenizerSource
    name: str

    @property
    def told(self) -> str:
        """A sentence that says which one is used."""
        return f"The tokenizer is that of {printable(self.name)} ({self.source})."


def padding_of(family: BaseFamily, component: Component) -> str:
    """What fills a text encoder's window up after the end of the text, as an entry of the vocabulary.

    To be set as the tokenizer's padding only after it was loaded: loaded with "!" as its padding it would take every
    exclamation mark of a caption for that, which neither kohya's trainer nor A1111 and ComfyUI do.
    """
    is_open_clip = family == "sd2" or component == "text_encoder_2"
    return _FIRST_OF_VOCABULARY if is_open_clip else _END_OF_TEXT


def tokenizer_folder(model: "Model") -> Path | None:
    """The folder with the tokenizer that training `model` will use; None where it is not on this computer yet."""
    try:
        location = locate(model.base)
    except BaseModelError:
        return None
    if location.kind in ("demo", "directory"):
        return _if_complete(location.path / "tokenizer") if location.path else None
    if location.kind == "hub":
        return _in_cache(location.repo_id, "tokenizer", location.revision)
    found = _given(model.config) or _cached()
    return found.folder if found is not None else None


def single_file_tokenizer(config: str) -> TokenizerFiles:
    """CLIP's tokenizer for a single-file base: of model.config, else of the hub's cache, else of the hub.

    Args:
        config: The profile's model.config.

    Raises:
        BaseModelError: it is nowhere to be had.
    """
    found = _given(config) or _cached() or _fetched()
    if found is not None:
        return found
    raise BaseModelError(
        "A single-file checkpoint holds no tokenizer, and CLIP's is neither in the hub's cache nor reachable.",
        f"Go online once (it takes 2 MB from {TOKENIZER_REPOSITORIES[0][0]}), or set model.config to a diffusers "
        "directory with one.",
    )


def _given(config: str) -> TokenizerFiles | None:
    folder = _if_complete(Path(config).expanduser() / "tokenizer") if config else None
    return TokenizerFiles(folder, "model.config", config) if folder is not None else None


def _cached() -> TokenizerFiles | None:
    for repository, subfolder in TOKENIZER_REPOSITORIES:
        folder = _in_cache(repository, subfolder)
        if folder is not None:
            return TokenizerFiles(folder, "the cache", repository)
    return None


def _fetched() -> TokenizerFiles | None:
    """Ask the hub, one repository after the other."""
    from huggingface_hub import snapshot_download  # slow to import

    from loratui.hub.asking import silence_the_library
    from loratui.hub.refusals import is_hub_failure

    silence_the_library()
    for repository, subfolder in TOKENIZER_REPOSITORIES:
        patterns = [f"{subfolder}/{name}" if subfolder else name for name in _FILES]
        try:
            folder = _if_complete(Path(snapshot_download(repository, allow_patterns=patterns)) / subfolder)
        except Exception as failure:
            if not is_hub_failure(failure):
                raise
            continue
        if folder is not None:
            return TokenizerFiles(folder, "the hub", repository)
    return None


def _in_cache(repo_id: str, subfolder: str, revision: str = "main") -> Path | None:
    folder = snapshot(repo_id, revision)
    return _if_complete(folder / subfolder) if folder is not None else None


def _if_complete(folder: Path) -> Path | None:
    names = {"tokenizer.json"}, {"vocab.json", "merges.txt"}
    return folder if any(all((folder / name).is_file() for name in some) for some in names) else None
