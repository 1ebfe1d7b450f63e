"""What the keys of a LoRA file name, whichever tool wrote them: kohya's, diffusers' and peft's, new and old.

Knows names only: no shape, no value, no tensor. A module gets a spelling that does not depend on the tool: its path
with `_` for `.`. Where that is in a base, the base's own list of modules says (`spelled_paths`), so nothing is guessed
from underscores. Names as read in sd-scripts (networks/lora.py), diffusers (utils/state_dict_utils.py,
loaders/lora_conversion_utils.py), peft, and AUTOMATIC1111's extensions-builtin/Lora.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from loratui.lora_file.naming import Component
from loratui.lora_file.original_layout import SDXL_BLOCKS, blocks_of, original_path
from loratui.lora_file.unsupported import unsupported_kind

Style = Literal["kohya", "diffusers", "diffusers (old)", "peft", "ComfyUI"]
Part = Literal["down", "up", "alpha"]
PARTS: tuple[Part, Part, Part] = ("down", "up", "alpha")

# Longest first: `lora_te_` would otherwise never be asked.
_KOHYA: tuple[tuple[str, Component], ...] = (
    ("lora_unet_", "unet"),
    ("lora_te1_", "text_encoder"),
    ("lora_te2_", "text_encoder_2"),
    ("lora_te_", "text_encoder"),
)
_DOTTED: tuple[tuple[str, Component], ...] = (
    ("unet.", "unet"),
    ("diffusion_model.", "unet"),
    ("text_encoder_2.", "text_encoder_2"),
    ("text_encoder.", "text_encoder"),
    # As ComfyUI's "Extract and Save Lora" writes them, beside `diffusion_model.`.
    ("text_encoders.clip_l.transformer.", "text_encoder"),
    ("text_encoders.clip_h.transformer.", "text_encoder"),
    ("text_encoders.clip_g.transformer.", "text_encoder_2"),
)
# Files of one component only may leave its name away.
_BARE: tuple[tuple[str, Component], ...] = (
    (r"(down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block)\.", "unet"),
    (r"(text_model\.)?encoder\.layers\.", "text_encoder"),
)
_WRAPPER = "base_model.model."
_ORIGINAL_BLOCKS = ("input_blocks_", "middle_block_", "output_blocks_")
_DIFFUSERS_BLOCKS = ("down_blocks_", "mid_block_", "up_blocks_")

# No name that a tool writes comes near it; a longer one costs no time.
_LONGEST = 1000

_PART = re.compile(
    r"(?P<module>.+?)"
    r"(?:"
    r"(?P<join>[._])lora(?:_linear_layer)?\.(?P<old>down|up)\.weight"
    r"|\.lora_(?P<kohya>down|up)\.weight"
    r"|\.lora_(?P<peft>[AB])(?:\.[A-Za-z0-9-]+)?\.weight"
    r"|(?:[._]lora(?:_linear_layer)?)?\.(?P<alpha>alpha)"
    r")"
)
# diffusers before 0.14 named attention processors, not layers.
_PROCESSOR_LAYERS: Mapping[str, Mapping[str, str]] = {
    "unet": {"to_out": "to_out.0"},
    "text_encoder": {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"},
}


@dataclass(frozen=True)
class NamedModule:
    """A module as a file names it.

    Args:
        component: The model it belongs to.
        spelling: Its path there with `_` for `.`; of a text encoder without `text_model`.
        name: How the file names it, as a person may find it there.
        style: The tool's way of naming.
        parts: The file's key of each part; a complete module has "down" and "up".
    """

    component: Component
    spelling: str
    name: str
    style: Style
    parts: Mapping[Part, str]

    @property
    def in_original_layout(self) -> bool:
        """Whether its path is that of the original UNet (`input_blocks…`), not of diffusers'."""
        return self.component == "unet" and self.spelling.startswith(_ORIGINAL_BLOCKS)

    @property
    def is_in_block(self) -> bool:
        """Whether it lies in a block of the UNet, by whose name the two layouts can be told apart."""
        return self.in_original_layout or (self.component == "unet" and self.spelling.startswith(_DIFFUSERS_BLOCKS))


@dataclass(frozen=True)
class Layout:
    """What all keys of a file mean.

    Args:
        modules: In the file's order.
        unsupported: Kinds that loratui does not apply, such as "LoHa (LyCORIS)", each with its keys.
        foreign: Keys that are none of these.
    """

    modules: tuple[NamedModule, ...]
    unsupported: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """In words: "kohya", "kohya with original block names", "diffusers and kohya"; "" without modules."""
        words = " and ".join(dict.fromkeys(module.style for module in self.modules))
        original = {module.in_original_layout for module in self.modules if module.is_in_block}
        if original == {True, False}:
            return f"{words} with block names of both kinds"
        return f"{words} with original block names" if original == {True} else words


def read_layout(names: Iterable[str]) -> Layout:
    """Return what the keys `names` of a LoRA file mean; never fails, whatever they are."""
    parts: dict[str, dict[Part, str]] = {}
    places: dict[str, tuple[Component, str, Style]] = {}
    unsupported: dict[str, list[str]] = {}
    foreign = []
    for name in names:
        if kind := unsupported_kind(name):
            unsupported.setdefault(kind, []).append(name)
            continue
        parsed = _parse(name)
        if parsed is None or parsed[1] in parts.get(parsed[0], {}):
            foreign.append(name)
            continue
        module, part, place = parsed
        parts.setdefault(module, {})[part] = name
        if part != "alpha":
            places[module] = place
    for module in parts.keys() - places.keys():
        # Alphas alone: LyCORIS' kinds have them too.
        (next(iter(unsupported.values()), foreign)).append(parts[module]["alpha"])
    modules = tuple(NamedModule(*places[module][:2], module, places[module][2], parts[module]) for module in places)
    return Layout(modules, {kind: tuple(keys) for kind, keys in unsupported.items()}, tuple(foreign))


def spelled_paths(paths: Mapping[Component, Iterable[str]]) -> dict[tuple[Component, str], str]:
    """Return where each spelling is in a base: (component, spelling) → module path.

    A module of the UNet has two, by diffusers' path and by the original layout's; text encoders have one, with or
    without `text_model`.

    Args:
        paths: The module paths of each component, as diffusers and transformers have them.
    """
    places: dict[tuple[Component, str], str] = {}
    for component, its_paths in paths.items():
        everything = tuple(its_paths)
        blocks = blocks_of(everything) if component == "unet" else SDXL_BLOCKS
        for path in everything:
            places.setdefault((component, _spelling(component, path)), path)
            if component == "unet":
                places.setdefault((component, _spelling(component, original_path(path, blocks))), path)
    return places


def _parse(name: str) -> tuple[str, Part, tuple[Component, str, Style]] | None:
    """Return the file's name of the module, the part, and component, spelling and style; None for a foreign key."""
    found = _PART.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None:
        return None
    module, old, peft = found["module"], found["old"], found["peft"]
    part: Part = "alpha" if found["alpha"] else "down" if "down" in (old, found["kohya"]) or peft == "A" else "up"
    for prefix, component in _KOHYA:
        if module.startswith(prefix):
            return module, part, (component, _spelling(component, module.removeprefix(prefix)), "kohya")
    place = _dotted(module)
    if place is None:
        return None
    component, path = place
    style: Style = "peft" if _WRAPPER in module else "diffusers (old)" if old else "diffusers"
    if module.startswith(("diffusion_model.", "text_encoders.")):
        style = "ComfyUI"
    return module, part, (component, _spelling(component, _layer(component, path, found["join"] == "_")), style)


def _dotted(module: str) -> tuple[Component, str] | None:
    inner = module.removeprefix(_WRAPPER)
    for prefix, component in _DOTTED:
        if inner.startswith(prefix):
            return component, inner.removeprefix(prefix).removeprefix(_WRAPPER)
    return next(((component, inner) for pattern, component in _BARE if re.match(pattern, inner)), None)


def _layer(component: Component, path: str, is_processor: bool) -> str:
    path = path.replace(".processor.", ".").removesuffix(".processor")
    head, _, last = path.rpartition(".")
    layers = _PROCESSOR_LAYERS["unet" if component == "unet" else "text_encoder"]
    return f"{head}.{layers[last]}" if is_processor and last in layers else path


def _spelling(component: Component, path: str) -> str:
    spelling = path.replace(".", "_")
    return spelling if component == "unet" else spelling.removeprefix("text_model_")
