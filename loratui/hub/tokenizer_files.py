"""Where the tokenizer of a base lies on this computer, decided without network and without reading it.

Follows the same rules as loading the base does; knows nothing of tokens.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from loratui.errors import BaseModelError
from loratui.hub.cache import snapshot
from loratui.hub.models import locate

if TYPE_CHECKING:
    from loratui.profile.schema import Model

# Where CLIP ViT-L/14's tokenizer can be had, which every SD 1.x shares; the first is fetched if none is there.
TOKENIZER_REPOSITORIES = (
    ("openai/clip-vit-large-patch14", ""),
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "tokenizer"),
)


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
    if model.config:
        given = _if_complete(Path(model.config).expanduser() / "tokenizer")
        if given is not None:
            return given
    return cached_clip_tokenizer()


def cached_clip_tokenizer() -> Path | None:
    """The folder with the tokenizer that all SD 1.x share; None where it is not on this computer yet."""
    found = (_in_cache(repository, subfolder) for repository, subfolder in TOKENIZER_REPOSITORIES)
    return next((folder for folder in found if folder is not None), None)


def _in_cache(repo_id: str, subfolder: str, revision: str = "main") -> Path | None:
    folder = snapshot(repo_id, revision)
    return _if_complete(folder / subfolder) if folder is not None else None


def _if_complete(folder: Path) -> Path | None:
    names = {"tokenizer.json"}, {"vocab.json", "merges.txt"}
    return folder if any(all((folder / name).is_file() for name in some) for some in names) else None
