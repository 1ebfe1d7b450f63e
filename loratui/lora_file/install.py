"""Puts a finished LoRA file where AUTOMATIC1111, Forge or ComfyUI look for it: written beside, then renamed.

Knows those tools by their folders alone. Never replaces a file: another LoRA of the same name gets a neighbour.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from loratui.errors import LoraFileError
from loratui.lora_file.header import file_sha256, read_header
from loratui.lora_file.naming import versions
from loratui.safe_text import printable
from loratui.whole_files import whole_file

# Where a tool's own folder sits below what people call its folder (portable and packaged editions).
_ROOTS = ("", "ComfyUI", "webui")
_LORA_FOLDERS = ("lora", "loras")  # AUTOMATIC1111 and Forge: models/Lora; ComfyUI: models/loras
_PROGRAMS = {"webui.py": "AUTOMATIC1111 or Forge", "comfy": "ComfyUI"}


def install(file: str | Path, targets: Sequence[str | Path]) -> tuple[Path, ...]:
    """Copy a LoRA file into the LoRA folder of each target and return where each copy lies.

    Args:
        file: A safetensors file.
        targets: Folders of A1111, Forge or ComfyUI, or any existing folder.

    An identical file that is already there is left as it is; a different one of the same name makes the copy
    `name-v2`. All targets are looked at before the first copy is written.

    Raises:
        LoraFileError: the file is no safetensors file, a target is missing or cannot be written, or the disk is full.
    """
    source = Path(file)
    read_header(source)
    digest = file_sha256(source)
    folders = dict.fromkeys(lora_folder(target) for target in targets)
    return tuple(_place(source, digest, folder) for folder in folders)


def lora_folder(target: str | Path) -> Path:
    """Return the folder in which the tool at `target` looks for LoRA files, or `target` where it is a plain folder.

    Raises:
        LoraFileError: it does not exist, is a file, cannot be written, or is a tool without its LoRA folder.
    """
    root = Path(target).expanduser()
    name = printable(target)
    if not root.exists():
        raise LoraFileError(
            f"There is no folder {name} to install into.",
            "Create it, or correct output.install_to: the folder of A1111, Forge or ComfyUI, or its LoRA folder.",
        )
    if not root.is_dir():
        raise LoraFileError(f"{name} is a file, not a folder to install into.", "Correct output.install_to.")
    try:
        folder = _below(root)
    except OSError as error:
        raise LoraFileError(f"{name} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LoraFileError(f"{printable(folder)} cannot be written.", "Check its permissions.")
    return folder.resolve()


def _below(root: Path) -> Path:
    for inner in (root / part for part in _ROOTS):
        models = _children(inner).get("models") if inner.is_dir() else None
        inside = _children(models) if models else {}
        for name in _LORA_FOLDERS:
            if name in inside:
                return inside[name]
    for mark, program in _PROGRAMS.items():
        if (root / mark).exists() and (root / "models").is_dir():
            raise LoraFileError(
                f"{printable(root)} is {program}, but it has no LoRA folder below models.",
                "Start that program once so that it makes its folders, or name the folder itself.",
            )
    if root.name == "models":
        inside = _children(root)
        return next((inside[name] for name in _LORA_FOLDERS if name in inside), root)
    return root


def _children(folder: Path) -> dict[str, Path]:
    return {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_dir()}


def _place(source: Path, digest: str, folder: Path) -> Path:
    for stem in versions(source.stem):
        destination = folder / (stem + source.suffix)
        if not os.path.lexists(destination):
            break
        if destination.is_file() and file_sha256(destination) == digest:
            return destination
    try:
        _copy(source, destination)
    except OSError as error:
        raise LoraFileError(
            f"{printable(source.name)} could not be copied to {printable(folder)}: {error.strerror}.",
            f"The file itself is safe: {printable(source)}. Make room there or choose another folder.",
        ) from error
    return destination


def _copy(source: Path, destination: Path) -> None:
    with open(source, "rb") as read, whole_file(destination) as written:
        shutil.copyfileobj(read, written, 1 << 20)
        with contextlib.suppress(OSError):  # exFAT and CIFS have no permissions to keep
            os.fchmod(written.fileno(), stat.S_IMODE(os.fstat(read.fileno()).st_mode))
    _sync_folder(destination.parent)


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the copy is complete either way.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
