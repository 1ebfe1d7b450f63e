"""What a tensor's name says it is when it is no plain LoRA: LyCORIS' algorithms and others that are told but not used.

Knows name endings only. Plain LoRA and LoCon (the same with convolutions) are in `layouts.py`.
Names as in LyCORIS (`weight_list` of its modules), peft and AUTOMATIC1111's networks.
"""

import re
from collections.abc import Iterable

# Ending of a name, and what a file is that has it; the first that matches counts.
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"\.hada_[wt][12](_[ab])?$", "LoHa (LyCORIS)"),
        (r"\.lokr_[wt][12](_[ab])?$", "LoKr (LyCORIS)"),
        (r"\.on_input$|\.lora_ia3_l$|\.ia3_l$", "(IA)³"),
        (r"\.(a1|a2|b1|b2|bm1|bm2)\.weight$", "GLoRA (LyCORIS)"),
        (r"\.boft_[a-zA-Z]+", "BOFT"),
        (r"\.oft_(blocks|diag)$|\.oft_[rR]\b|^oft_", "OFT or BOFT"),
        (r"\.dora_scale$|\.lora_magnitude_vector", "DoRA"),
        (r"\.lora_mid\.weight$", "LoCon with CP decomposition (LyCORIS)"),
        (r"\.diff$|\.diff_b$|\.set_weight$", "full weight differences (LyCORIS)"),
        (r"\.[wb]_norm$", "trained norms (LyCORIS)"),
        (r"\.lora_B(\.[^.]+)?\.bias$", "LoRA with trained biases (peft)"),
        (r"^lllite_", "ControlNet-LLLite"),
    )
)

# What a file without any LoRA is, by the first beginning or part that occurs in a name.
_STRANGERS: tuple[tuple[str, str], ...] = (
    (r"^(model\.diffusion_model|first_stage_model|cond_stage_model|conditioner)\.", "it is a whole checkpoint"),
    (r"^(encoder|decoder)\.(conv_in|mid)", "it is a VAE"),
    (r"^(emb_params|string_to_param|clip_[gl]|<.*>)$", "it is a textual inversion embedding"),
    (r"^(down_blocks|up_blocks|mid_block|conv_in|time_embedding)\..*(weight|bias)$", "it is a whole UNet"),
    (r"^(text_model|encoder\.layers)\..*(weight|bias)$", "it is a whole text encoder"),
)

# Models that are not Stable Diffusion 1, 2 or XL, by what their LoRA files' names hold.
_OTHER_MODELS: tuple[tuple[str, str], ...] = (
    (r"^(lora_unet_|diffusion_model\.|lora_transformer_)?(double|single)_(blocks|transformer_blocks)", "Flux"),
    (r"^transformer\.single_transformer_blocks|^lora_transformer_single", "Flux"),
    (r"^lora_unet_joint_blocks|^transformer\.transformer_blocks\..*add_[kqv]_proj|^lora_te3_", "SD 3 or Flux"),
    (r"^lora_prior_|^prior\.", "Stable Cascade or Würstchen"),
    (
        r"^(transformer\.|lora_transformer_|lora_unet_blocks_|lora_unet_layers_)",
        "a transformer model such as SD 3 or Flux",
    ),
)


def unsupported_kind(name: str) -> str:
    """Return what the tensor `name` belongs to that loratui does not apply, such as "LoHa (LyCORIS)"; "" if nothing."""
    return next((kind for pattern, kind in _KINDS if pattern.search(name)), "")


def other_model(names: Iterable[str]) -> str:
    """Return for which model other than Stable Diffusion 1, 2 or XL a LoRA with these tensors is; "" if for none."""
    return _first(names, _OTHER_MODELS)


def stranger(names: Iterable[str]) -> str:
    """Say in words what a file is that holds no LoRA."""
    names = tuple(names)
    return _first(names, _STRANGERS) or ("its tensors have other names" if names else "it has no weights")


def _first(names: Iterable[str], table: Iterable[tuple[str, str]]) -> str:
    names = tuple(names)
    return next((what for pattern, what in table if any(re.search(pattern, name) for name in names)), "")
