"""Says what a LoRA file holds: its modules, ranks and alphas, where it came from and the words it was trained on.

Reads the header and a few bytes for each alpha; weights are never loaded, only hashed. Whatever the metadata claims is
taken as text from a stranger: wrong forms count as absent.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loratui.lora_file.families import (
    FAMILY_NAMES,
    ToldFamily,
    families_that_fit,
    family_by_metadata,
    family_of,
    predicts_velocity,
)
from loratui.lora_file.hashes import FileHashes, file_hashes
from loratui.lora_file.modules import LoraModule, read_lora
from loratui.lora_file.trained_as import table
from loratui.lora_file.unsupported import other_model


@dataclass(frozen=True)
class LoraSummary:
    """What a LoRA file holds, as far as it can be told without running it.

    Args:
        kind: "LoRA", "LoCon" (with convolutions), or what it is instead, such as "LoHa (LyCORIS)".
        layout: Whose way of naming it has, in words.
        name: What prompts call it: its recorded name, else the file's.
        base: Name of the model it was trained on, or "".
        prediction: "v_prediction" where the metadata says so, else "".
        trigger_words: Words that its metadata asks for in a prompt.
        tag_frequency: For each dataset folder, how often each tag stands in the captions.
        problems: What keeps some tools from reading the file, one sentence each.
        refusal: Why loratui cannot apply it; "" where it can.
    """

    path: Path
    size: int
    kind: str
    layout: str
    name: str
    modules: tuple[LoraModule, ...]
    dtypes: tuple[str, ...]
    family: ToldFamily
    base: str
    prediction: str
    trigger_words: tuple[str, ...]
    tag_frequency: Mapping[str, Mapping[str, int]]
    metadata: Mapping[str, str]
    hashes: FileHashes
    problems: tuple[str, ...]
    refusal: str

    @property
    def model_hash(self) -> str:
        """sha256 of the weights alone."""
        return self.hashes.model

    @property
    def sha256(self) -> str:
        """sha256 of the whole file."""
        return self.hashes.sha256

    @property
    def ranks(self) -> Mapping[int, int]:
        """Each rank and the number of modules that have it, the commonest first."""
        return dict(Counter(module.rank for module in self.modules).most_common())

    @property
    def alphas(self) -> Mapping[float | None, int]:
        """Each alpha and the number of modules that have it, the commonest first."""
        return dict(Counter(module.alpha for module in self.modules).most_common())

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of modules of each component: unet, text_encoder, text_encoder_2."""
        return dict(Counter(module.component for module in self.modules))

    @property
    def has_conv(self) -> bool:
        """Whether convolutions with a kernel larger than 1×1 were trained."""
        return any(max(module.kernel, default=1) > 1 for module in self.modules)

    @property
    def tags(self) -> Mapping[str, int]:
        """How often each tag stands in all captions together, the commonest first."""
        together: Counter[str] = Counter()
        for tags in self.tag_frequency.values():
            together.update(tags)
        return dict(together.most_common())


def summarise(path: str | Path) -> LoraSummary:
    """Return what the LoRA file at `path` holds, also of a kind that loratui does not apply.

    Raises:
        LoraFileError: it is no safetensors file, or holds no LoRA of any kind.
    """
    lora = read_lora(path)
    metadata, problems = lora.header.metadata, list(lora.problems)
    hashes = file_hashes(lora.path, lora.header)
    if metadata.get("sshs_model_hash", hashes.model) != hashes.model:
        problems.append("The weights are not those that were there when the file's hash was written.")
    fitting, claimed = families_that_fit(lora.modules, metadata), family_by_metadata(metadata)
    if claimed != "unknown" and claimed not in fitting:
        shapes = " or ".join(FAMILY_NAMES[family] for family in sorted(fitting))
        problems.append(
            f"Its metadata says {FAMILY_NAMES[claimed]}, its shapes are those of {shapes}; the shapes decide what it "
            "fits."
        )
    kinds = " and ".join(lora.layout.unsupported)
    has_conv = any(max(module.kernel, default=1) > 1 for module in lora.modules)
    trigger = metadata.get("modelspec.trigger_phrase", "")
    return LoraSummary(
        path=lora.path,
        size=lora.header.size,
        kind=kinds or ("LoCon" if has_conv else "LoRA"),
        layout=lora.layout.name,
        name=_known(metadata.get("ss_output_name")) or lora.path.stem,
        modules=lora.modules,
        dtypes=tuple(sorted({tensor.dtype for tensor in lora.header.tensors.values()})),
        family="unknown" if other_model(lora.header.tensors) else family_of(lora.modules, metadata),
        base=_known(metadata.get("ss_sd_model_name")),
        prediction="v_prediction" if predicts_velocity(metadata) else "",
        trigger_words=tuple(word for part in trigger.split(",") if (word := part.strip())),
        tag_frequency=tag_counts(metadata.get("ss_tag_frequency", "")),
        metadata=metadata,
        hashes=hashes,
        problems=tuple(problems),
        refusal=lora.refusal,
    )


def tag_counts(text: str) -> dict[str, dict[str, int]]:
    """Return what `ss_tag_frequency` says, as far as it has the right form: folder → tag → how often."""
    folders = table(text)
    if not isinstance(folders, dict):
        return {}
    return {
        folder: {tag: count for tag, count in tags.items() if type(count) is int and count > 0}
        for folder, tags in folders.items()
        if isinstance(tags, dict)
    }


def _known(text: str | None) -> str:
    return "" if text in {None, "None"} else str(text)
