"""Where a module is in Stable Diffusion 1, 2 and XL, from a name that has `_` for every `.`, without a base at hand.

Knows the words of which diffusers', transformers' and the original UNet's paths are made. A name with any other word
has no path here: it is never guessed.
"""

import re

from loratui.lora_file.naming import Component
from loratui.lora_file.original_layout import diffusers_path, original_path

_OURS = (
    "down_blocks|up_blocks|mid_block|resnets|attentions|downsamplers|upsamplers|transformer_blocks|conv_shortcut|"
    "time_emb_proj|conv_in|conv_out|conv1|conv2|conv|proj_in|proj_out|proj|attn1|attn2|to_q|to_k|to_v|to_out|ff|net|"
    "time_embedding|add_embedding|linear_1|linear_2"
)
_THEIRS = (
    "input_blocks|middle_block|output_blocks|in_layers|out_layers|emb_layers|skip_connection|op|time_embed|label_emb|"
    "out"
)
_TEXT = "encoder|layers|self_attn|q_proj|k_proj|v_proj|out_proj|mlp|fc1|fc2|text_projection"
_ROOTS = {
    "unet": {"down_blocks", "up_blocks", "mid_block", "conv_in", "conv_out", "time_embedding", "add_embedding"},
    "original": {"input_blocks", "middle_block", "output_blocks", "time_embed", "label_emb", "out"},
    "text": {"encoder", "text_projection"},
}
_LINEAR = re.compile(
    r".*\.(to_[qkv]|to_out\.0|ff\.net\.0\.proj|ff\.net\.2|time_emb_proj|linear_[12])|encoder\..*|text_projection"
)
_PROJECTION = re.compile(r".*\.attentions\.\d+\.proj_(in|out)")
# Layers that can have a LoRA, in either layout; how many there are differs from base to base.
_LAYER = re.compile(
    r"conv_in|conv_out|(?:time|add)_embedding\.linear_[12]|input_blocks\.0\.0|time_embed\.[02]|label_emb\.0\.[02]|out\.2"
    r"|(?:(?:down|up)_blocks\.\d+\.[a-z]+\.\d+|mid_block\.[a-z]+\.\d+|(?:in|out)put_blocks\.\d+\.\d+|middle_block\.\d+)\."
    r"(?:conv[12]?|conv_shortcut|time_emb_proj|op|in_layers\.2|out_layers\.3|emb_layers\.1|skip_connection|proj_in|proj_out"
    r"|transformer_blocks\.\d+\.(?:attn[12]\.to_(?:[qkv]|out\.0)|ff\.net\.(?:0\.proj|2)))"
    r"|encoder\.layers\.\d+\.(?:self_attn\.[a-z]+_proj|mlp\.fc[12])|text_projection"
)

# A word ends where the next begins, so that none can be taken for the beginning of a longer one.
_UNET_WORD, _TEXT_WORD = (re.compile(rf"({words}|[0-9]{{1,3}})(?:_|$)") for words in (f"{_OURS}|{_THEIRS}", _TEXT))


def module_path(component: Component, spelling: str) -> str | None:
    """Return the path as diffusers and transformers (without `text_model`) have it, or None.

    Args:
        component: The model.
        spelling: As `layouts.NamedModule.spelling`: `down_blocks_0_attentions_0_proj_in`, in either layout.
    """
    words = _words(component, spelling)
    if words is None:
        return None
    path = ".".join(words)
    if component != "unet":
        return path if words[0] in _ROOTS["text"] else None
    if words[0] in _ROOTS["unet"]:
        return path
    theirs = diffusers_path(path)
    return theirs if words[0] in _ROOTS["original"] and theirs != path else None


def is_layer(component: Component, spelling: str) -> bool:
    """Whether a layer of that name may be in a base of Stable Diffusion 1, 2 or XL of whatever size."""
    words = _words(component, spelling)
    return words is not None and _LAYER.fullmatch(".".join(words)) is not None


def goes_back(path: str) -> bool:
    """Whether a path of the UNet has one name in the original layout and only that path has it."""
    return diffusers_path(original_path(path)) == path


def is_linear(path: str, linear_projections: bool | None) -> bool | None:
    """Whether the layer at `path` is Linear in every base; None where that is not known.

    Args:
        path: As `module_path` returns it.
        linear_projections: Whether proj_in and proj_out are: not in SD 1.x, but in SD 2.x and XL; None: not known.
    """
    if _LINEAR.fullmatch(path):
        return True
    return linear_projections if _PROJECTION.fullmatch(path) else None


def _words(component: Component, spelling: str) -> list[str] | None:
    """The words of a spelling, or None where it has an unknown one."""
    word, words, position = (_UNET_WORD if component == "unet" else _TEXT_WORD), [], 0
    while position < len(spelling):
        found = word.match(spelling, position)
        if found is None:
            return None
        words.append(found[1])
        position = found.end()
    return words if words and not spelling.endswith("_") else None
