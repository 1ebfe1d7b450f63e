"""The text that A1111, Forge and ComfyUI's loaders read back from a PNG: its `parameters` chunk.

Follows `create_infotext` of A1111 in wording, order and quoting. Knows nothing of how the picture came about.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from loratui.generation.publish import publish
from loratui.lora_file.card import SOFTWARE

SHORT_MODEL_HASH = 10
SHORT_LORA_HASH = 12


@dataclass(frozen=True)
class Parameters:
    """How one picture was made.

    Attributes:
        prompt: With its LoRA tags.
        model_hash: sha256 of the checkpoint file, or empty where the base is not one file; shortened as A1111 does.
        lora_hashes: (name, `sshs_model_hash`) of every LoRA that took part; shortened as A1111 does.
        clip_skip: Counted as kohya and A1111 do, 1 is the last layer.
    """

    prompt: str
    negative_prompt: str
    steps: int
    sampler: str
    guidance: float
    seed: int
    width: int
    height: int
    model: str
    model_hash: str = ""
    lora_hashes: tuple[tuple[str, str], ...] = ()
    clip_skip: int = 1

    def text(self) -> str:
        """The chunk: prompt, negative prompt (if any), and one line of `key: value` pairs."""
        lora_hashes = ", ".join(f"{_plain(name)}: {digest[:SHORT_LORA_HASH]}" for name, digest in self.lora_hashes)
        facts: dict[str, object] = {
            "Steps": self.steps,
            "Sampler": self.sampler,
            "CFG scale": f"{self.guidance:g}",
            "Seed": self.seed,
            "Size": f"{self.width}x{self.height}",
            "Model hash": self.model_hash[:SHORT_MODEL_HASH] or None,
            "Model": self.model or None,
            "Clip skip": self.clip_skip if self.clip_skip > 1 else None,
            "Lora hashes": lora_hashes or None,
        }
        line = ", ".join(f"{key}: {_quote(value)}" for key, value in facts.items() if value is not None)
        negative = f"\nNegative prompt: {self.negative_prompt}" if self.negative_prompt else ""
        return f"{self.prompt}{negative}\n{line}".strip()


def write_png(image: Image.Image, path: Path, parameters: Parameters) -> None:
    """Write the picture with its `parameters` chunk, and who drew it; the file appears whole or not at all.

    Raises:
        GenerationError: the file could not be written.
    """
    chunk = PngInfo()
    # A chunk's text can hold neither NUL nor the lone surrogates that stand for undecodable bytes in file names.
    text = parameters.text().replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    chunk.add_text("parameters", text)
    chunk.add_text("Software", SOFTWARE)
    publish(path, lambda stream: image.save(stream, format="PNG", pnginfo=chunk))


def _quote(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",\n:") else text


def _plain(name: str) -> str:
    return name.replace(":", "").replace(",", "")
