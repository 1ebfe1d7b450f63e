"""Which LoRAs take part in a prompt, and how strongly: the one whose strength is compared, and its companions.

Reads headers and hashes of LoRA files, never their tensors; imports no torch.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from loratui.errors import GenerationError
from loratui.generation.prompt import LoraTag, parse_prompt
from loratui.lora_file.header import model_hash, read_header
from loratui.profile.fields import split_lora
from loratui.safe_text import printable


@dataclass(frozen=True)
class NamedLora:
    """A LoRA file and the names by which a prompt may call it: its stem and its `ss_output_name`.

    Attributes:
        label: What tells it from its siblings in a comparison: "epoch 3", "last".
        digest: Its `sshs_model_hash`.
    """

    path: Path
    label: str
    digest: str
    output_name: str

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name, self.output_name} - {""})


@dataclass(frozen=True)
class Companion:
    """Another LoRA at a fixed strength."""

    lora: NamedLora
    text_encoder: float
    unet: float

    @property
    def tag(self) -> LoraTag:
        return LoraTag(self.lora.name, self.text_encoder, self.unet)

    @property
    def counts(self) -> bool:
        return bool(self.text_encoder or self.unet)


@dataclass(frozen=True)
class Scene:
    """A prompt ready to draw: what was asked, its text without tags, and the companions with their strengths there."""

    prompt: str
    text: str
    companions: tuple[Companion, ...]


def name_lora(path: Path, label: str = "") -> NamedLora:
    """Read what a comparison says about a LoRA file.

    Raises:
        LoraFileError: it is missing or damaged.
    """
    header = read_header(path)
    return NamedLora(path, label, model_hash(path), header.metadata.get("ss_output_name", ""))


def read_companions(entries: Sequence[str]) -> tuple[Companion, ...]:
    """Read `comparison.other_loras`, each "path:strength".

    Raises:
        LoraFileError: a file is missing or damaged.
        GenerationError: two of them have the same name.
    """
    companions = []
    for entry in entries:
        path, strength = split_lora(entry)
        companions.append(Companion(name_lora(Path(path).expanduser()), strength, strength))
    names = [companion.lora.name for companion in companions]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GenerationError(
            f"comparison.other_loras names {printable(twice[0])} twice.", "Leave one of them out, or rename its file."
        )
    return tuple(companions)


def set_scene(prompt: str, own: Sequence[NamedLora], companions: Sequence[Companion]) -> Scene:
    """Find what a prompt's tags ask for.

    A companion has the strength of its tag, or without a tag that of `comparison.other_loras`. A tag that names the
    compared LoRA itself, any of its epochs, changes nothing: its strength is what the columns vary.

    Raises:
        GenerationError: a tag is malformed, or names a LoRA that is neither.
    """
    parsed = parse_prompt(prompt)
    own_names = frozenset[str]().union(*(lora.names for lora in own))
    strengths: dict[int, LoraTag] = {}
    for tag in parsed.loras:
        if tag.name in own_names:
            continue
        index = _find(tag.name, companions)
        if index is None:
            _unknown(tag.name, [*own_names, *(name for companion in companions for name in companion.lora.names)])
        elif index in strengths:
            raise GenerationError(f"The prompt names the LoRA {printable(tag.name)} twice.", "Leave one tag out.")
        else:
            strengths[index] = tag
    return Scene(
        prompt=prompt,
        text=parsed.text,
        companions=tuple(
            Companion(companion.lora, strengths[index].text_encoder, strengths[index].unet)
            if index in strengths
            else companion
            for index, companion in enumerate(companions)
        ),
    )


def _find(name: str, companions: Sequence[Companion]) -> int | None:
    """The companion of that stem, else the first with that output name."""
    stems = [index for index, companion in enumerate(companions) if companion.lora.name == name]
    outputs = [index for index, companion in enumerate(companions) if companion.lora.output_name == name]
    return next(iter(stems + outputs), None)


def _unknown(name: str, known: Sequence[str]) -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    guess = f" The nearest name is {printable(near[0])}." if near else ""
    raise GenerationError(
        f"The prompt asks for the LoRA {printable(name)}, which is not part of this comparison.{guess}",
        "Add its file to comparison.other_loras, for example 'path/to/file.safetensors:0.6'.",
    )
