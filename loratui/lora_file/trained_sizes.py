"""What a LoRA file's tensors themselves decide of a rebuilt profile: ranks, alphas, and the family of the base.

Shapes cannot lie as metadata can; where both speak, shapes are taken and the other is told.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from loratui.lora_file.families import ToldFamily
from loratui.lora_file.modules import LoraModule
from loratui.lora_file.rebuilding import LeftOut, Rebuilt

_BASES = {"sd2": "stabilityai/stable-diffusion-2-1", "sdxl": "stabilityai/stable-diffusion-xl-base-1.0"}
_FAMILIES = {"sd2": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}
_XL_SIDE = 1024


def by_tensors(rebuilt: Rebuilt, modules: Sequence[LoraModule], family: ToldFamily) -> Rebuilt:
    """Return the rebuilt profile with the ranks and alphas of the file's tensors, and a base of its family.

    Args:
        rebuilt: By the metadata alone.
        modules: All of the file's.
        family: By their shapes.
    """
    taken, left_out = list(rebuilt.taken), list(rebuilt.left_out)
    network = rebuilt.profile.network
    convolutions = [module for module in modules if max(module.kernel, default=1) > 1]
    others = [module for module in modules if max(module.kernel, default=1) <= 1]
    for prefix, some in (("", others), ("conv_", convolutions)):
        if not some:
            continue
        for field, values in (
            (f"{prefix}rank", Counter(module.rank for module in some)),
            (f"{prefix}alpha", Counter(_alpha(module) for module in some)),
        ):
            if field.endswith("alpha") and f"network.{field}" in taken and all(one.alpha is None for one in some):
                continue  # the tensors say nothing of it
            [(value, _), *rest] = values.most_common()
            if f"network.{field}" in taken and getattr(network, field) != value:
                left_out.append((field, f"{getattr(network, field):g}", f"the tensors say {value:g}"))
            if rest:
                said = ", ".join(f"{other:g}" for other in sorted(values)[:8])
                left_out.append((field, said, f"a profile has one for all layers: {value:g}, the commonest, is taken"))
            try:
                setattr(network, field, value)
            except ValidationError:
                left_out.append((field, f"{value:g}", "loratui trains no such size"))
            else:
                taken.append(f"network.{field}")
    to_choose = _with_a_base(rebuilt, family, taken)
    return replace(rebuilt, taken=tuple(dict.fromkeys(taken)), left_out=_once(left_out), to_choose=to_choose)


def _alpha(module: LoraModule) -> float:
    alpha = module.rank if module.alpha is None else module.alpha
    return float(f"{alpha:.4g}")  # 3.2 in half precision is 3.19921875


def _with_a_base(rebuilt: Rebuilt, family: ToldFamily, taken: Sequence[str]) -> tuple[str, ...]:
    """Put the usual base of the family where the file names none; the sentences about what is to be chosen."""
    if "model.base" in taken or family not in _BASES:
        return rebuilt.to_choose
    profile, base = rebuilt.profile, _BASES[family]
    before = profile.model.base
    profile.model.base = base
    dataset = profile.dataset
    if family == "sdxl" and "dataset.resolution" not in taken:
        dataset.max_bucket_reso = max(dataset.max_bucket_reso, 2 * _XL_SIDE)
        dataset.resolution = _XL_SIDE
    if family == "sdxl" and "dataset.max_bucket_reso" not in taken:
        dataset.max_bucket_reso = max(dataset.max_bucket_reso, 2 * dataset.resolution)
    told = f"model.base: the base is not named; it is {base} now, since the LoRA is for {_FAMILIES[family]}."
    is_about_it = {
        sentence: sentence.startswith("model.base:") and before in sentence for sentence in rebuilt.to_choose
    }
    return tuple(told if is_it else sentence for sentence, is_it in is_about_it.items())


def _once(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(dict.fromkeys(left_out))
