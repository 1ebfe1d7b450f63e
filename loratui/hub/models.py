"""What the name of a base model means, decided without network; `download.py` brings the files.

Knows paths, hub ids and URLs; nothing of tensors, and only as much of the file formats as tells them apart.
"""

import difflib
import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

import loratui
from loratui.errors import BaseModelError
from loratui.hub.location import CONVERT, FORMS, PICKLED, QUANTISED, USE_FULL, BaseLocation, Report
from loratui.lora_file.other_files import other_file
from loratui.safe_text import printable

__all__ = ["BaseLocation", "Report", "fetch", "locate"]

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_PATH_STARTS = ("/", "./", "../", "~")
_HUB_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
_FILE_PAGES = ("blob", "resolve", "raw")
# A form judges a path at every key; likeness to thousands of names would be felt.
_MOST_COMPARED = 500


def locate(base: str) -> BaseLocation:
    """Decide what `base` names. Looks at the disk, never at the network.

    Raises:
        BaseModelError: it is none of the forms that are understood, or a path where nothing usable lies.
    """
    try:
        return _located(base)
    except OSError as error:
        raise BaseModelError(
            f"{printable(base.strip())} cannot be read: {error.strerror or error}.", "Name a base that you may read."
        ) from error


def _located(base: str) -> BaseLocation:
    text = base.strip()
    if not text or any(ord(character) < 32 for character in text):
        raise BaseModelError("The base model's name is empty or contains control characters.", FORMS)
    if text == "demo":
        return BaseLocation("demo", "demo", Path(loratui.__file__).resolve().parent / "demo" / "base")
    if re.match(r"https?://", text, re.IGNORECASE):
        return _from_url(text)
    path = _expanded(text)
    if os.path.lexists(path):
        return _from_path(path)
    if text.startswith(_PATH_STARTS) or "\\" in text:
        raise _nothing_at(path)
    on_hub = _from_id(text)
    if on_hub is None:
        raise _nothing_at(path)
    return on_hub


def fetch(location: BaseLocation, *, report: Report | None = None, others: Iterable[tuple[Path, int]] = ()) -> Path:
    """Bring a base to this computer and return its diffusers directory or its .safetensors file.

    Args:
        location: From `locate`.
        report: Called with (bytes done, bytes in all) while files come from the hub; never prints by itself.
        others: Directories with the bytes that will be written into them later; their disk may be the cache's.

    Raises:
        BaseModelError: missing, gated, private, incomplete, no network and not in the cache, or no room.
    """
    if location.path is None:
        from loratui.hub.download import fetch_from_hub  # huggingface_hub is slow to import

        return fetch_from_hub(location, report, others)
    if location.kind == "demo" and not (location.path / "model_index.json").is_file():
        raise BaseModelError("This installation of loratui lacks its demo base model.", "Install loratui again.")
    if not location.path.exists():
        raise _nothing_at(location.path)
    return location.path


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise BaseModelError(
            f"The home directory in '{printable(text)}' is not known.", "Write the whole path."
        ) from None


def _from_path(path: Path) -> BaseLocation:
    shown = printable(path)
    if path.is_dir():
        if (path / "model_index.json").is_file() or (path / "config.json").is_file():
            return BaseLocation("directory", path.resolve().name, path)
        raise BaseModelError(f"The folder {shown} is not a diffusers model: it has no model_index.json.", _inside(path))
    if path.suffix.lower() in PICKLED:
        raise BaseModelError(f"{shown} is a pickled checkpoint ({path.suffix}); only .safetensors is read.", CONVERT)
    if path.suffix.lower() in QUANTISED:
        raise BaseModelError(f"{shown} is a quantised model ({path.suffix}).", USE_FULL)
    if not path.exists():
        raise BaseModelError(f"{shown} is a link to something that is not there.", "Mend the link, or name the file.")
    if not path.is_file() or path.suffix.lower() != ".safetensors":
        raise BaseModelError(f"{shown} is not a .safetensors file.", FORMS)
    with path.open("rb") as file:
        opening = file.read(512)
    if opening[8:9] != b"{":
        what, todo = other_file(opening)
        size = f" ({path.stat().st_size:,} bytes)" if opening else ""
        raise BaseModelError(f"{shown} is {what}{size}.", todo or "Download the file again.")
    return BaseLocation("file", path.stem, path)


def _inside(folder: Path) -> str:
    """Say which entry of a folder could be meant instead."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return FORMS
    usable = [entry for entry in entries if entry.suffix == ".safetensors" or (entry / "model_index.json").is_file()]
    if usable:
        return f"Did you mean {printable(usable[0])}?"
    return FORMS


def _nothing_at(path: Path) -> BaseModelError:
    shown = printable(path)
    if path.suffix.lower() in PICKLED:
        return BaseModelError(f"There is no {shown}, and {path.suffix} files are not read.", CONVERT)
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    try:
        entries = [entry.name for entry in islice(parent.iterdir(), _MOST_COMPARED)]
    except OSError:
        entries = []
    wanted = path.relative_to(parent).parts[0] if path.name and path != parent else path.name
    near = difflib.get_close_matches(wanted, entries, n=1)
    if not near and difflib.get_close_matches(str(path), ["demo"], n=1):
        return BaseModelError(f"There is no base model {shown}.", f"Did you mean demo? {FORMS}")
    if near:
        return BaseModelError(f"There is no base model {shown}.", f"Did you mean {printable(parent / near[0])}?")
    looks_like_path = str(path).startswith("/") or path.suffix == ".safetensors"
    hint = f"The nearest folder that exists is {printable(parent.absolute())}. " if looks_like_path else ""
    return BaseModelError(f"There is no base model {shown}.", hint + FORMS)


def _from_id(text: str) -> BaseLocation | None:
    """Read owner/name or owner/repo/path/file.safetensors."""
    parts = text.strip("/").split("/")
    if len(parts) < 2 or not _REPOSITORY.fullmatch("/".join(parts[:2])) or ".." in parts:
        return None
    if len(parts) == 2:
        return None if text.lower().endswith((".safetensors", *PICKLED)) else _hub(text, "", "main")
    return _hub("/".join(parts[:2]), "/".join(parts[2:]), "main")


def _hub(repo_id: str, filename: str, revision: str) -> BaseLocation:
    if not filename:
        return BaseLocation("hub", repo_id, repo_id=repo_id, revision=revision)
    name = f"{repo_id}/{filename}"
    if filename.lower().endswith(PICKLED):
        raise BaseModelError(f"{printable(name)} is a pickled checkpoint; only .safetensors is read.", CONVERT)
    if filename.lower().endswith(QUANTISED):
        raise BaseModelError(f"{printable(name)} is a quantised model.", USE_FULL)
    if not filename.lower().endswith(".safetensors") or any(part in ("", ".", "..") for part in filename.split("/")):
        raise BaseModelError(f"{printable(name)} does not name a .safetensors file.", FORMS)
    return BaseLocation("hub_file", name, repo_id=repo_id, filename=filename, revision=revision)


def _from_url(url: str) -> BaseLocation:
    refusal = BaseModelError(f"{printable(url)} is not the address of a model on Hugging Face.", FORMS)
    try:
        pieces = urlsplit(url)
        own_host = urlsplit(os.environ.get("HF_ENDPOINT", "")).netloc
    except ValueError:
        raise refusal from None
    if pieces.username or pieces.password:
        raise BaseModelError("The base model's URL contains a user name or password.", "Leave them out of the URL.")
    if pieces.netloc.lower() not in _HUB_HOSTS | ({own_host.lower()} if own_host else set()):
        raise BaseModelError(
            f"{printable(pieces.netloc)} is not Hugging Face; other sites' files cannot be fetched from here.",
            "Download the .safetensors file with your browser and give its path.",
        )
    parts = [unquote(part) for part in pieces.path.split("/") if part]
    repo_id, page = "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""
    if not _REPOSITORY.fullmatch(repo_id) or parts[0] in ("datasets", "spaces", "api"):
        raise refusal
    if page in _FILE_PAGES and len(parts) > 4:
        return _hub(repo_id, "/".join(parts[4:]), parts[3])
    if page in ("", "tree") and len(parts) <= 4:
        return _hub(repo_id, "", parts[3] if len(parts) == 4 else "main")
    raise refusal
