"""The strength that a person chose for a run's LoRA: kept in the run, and on cards beside the LoRA and its copies."""

import contextlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from loratui.dataset.captions import as_prompt
from loratui.dataset.manifest import Manifest
from loratui.errors import LoratuiError, RunError
from loratui.kept_facts import read_facts
from loratui.lora_file.card import Card, WrittenCard, write_card
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.history import fold
from loratui.runs.tried_files import TriedFile
from loratui.runs.trying import LAST
from loratui.safe_text import printable
from loratui.whole_files import write_whole


@dataclass(frozen=True)
class Kept:
    """What was chosen: the strength, and which file of the run it is for."""

    strength: float
    label: str
    lora: str


def keep_strength(run: RunDirectory, file: TriedFile, strength: float, picture: Path) -> tuple[WrittenCard, ...]:
    """Keep a strength; returns the cards, the one beside the LoRA first.

    Args:
        picture: The cell that shows it.

    Raises:
        LoratuiError: a card cannot be written.
    """
    card = Card(picture, strength, activation_text(run))
    loras = (file.path, *(_copies(run) if file.label == LAST else ()))
    cards = tuple(write_card(lora, card) for lora in loras)
    try:
        _path(run).parent.mkdir(exist_ok=True)
        write_whole(_path(run), json.dumps(asdict(Kept(strength, file.label, str(file.path)))))
    except OSError as error:
        raise RunError(f"Nothing can be written into {printable(run.path)}: {error.strerror or error}.") from error
    return cards


def kept_strength(run: RunDirectory) -> Kept | None:
    """What was kept last; None when nothing was."""
    try:
        return Kept(**read_facts(_path(run)))
    except TypeError:
        return None


def activation_text(run: RunDirectory) -> str:
    """The trigger word, as a prompt; without one, the tag with which all captions begin; "" where they differ."""
    if trigger := run.read_profile().dataset.trigger:
        return as_prompt(trigger)
    with contextlib.suppress(LoratuiError):
        return as_prompt(_common_tag(run.read_manifest()))
    return ""


def _common_tag(manifest: Manifest) -> str:
    captions = [image.caption for image in manifest.images if not image.regularisation]
    first = Counter(caption.partition(",")[0].strip() for caption in captions)
    [(tag, count)] = first.most_common(1) or [("", 0)]
    return tag if count == len(captions) else ""


def _copies(run: RunDirectory) -> list[Path]:
    """Copies of the finished file in the folders of other tools, as far as they are still there."""
    copies = (Path(copy) for copy in fold(read_landmarks(run.events_path)).installed)
    return [copy for copy in dict.fromkeys(copies) if copy.is_file()]


def _path(run: RunDirectory) -> Path:
    return run.trying.path / "kept.json"
