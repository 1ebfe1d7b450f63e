"""The metadata of a LoRA file that no training of ours wrote: its network, its base and where it came from.

The keys are those of sd-scripts' `build_minimum_network_metadata` and `networks/merge_lora.py`: rank and alpha are
"Dynamic" where modules differ.
"""

from collections.abc import Iterable

from loratui.lora_file.families import ToldFamily
from loratui.lora_file.metadata import ARCHITECTURES, BASE_VERSIONS


def network_metadata(ranks_and_alphas: Iterable[tuple[int, float]], family: ToldFamily) -> dict[str, str]:
    """Return what tools need to know a LoRA by.

    Args:
        ranks_and_alphas: Of each module.
        family: Of the base; "unknown" says nothing of it.
    """
    modules = tuple(ranks_and_alphas)
    metadata = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": _one({str(rank) for rank, _ in modules}),
        "ss_network_alpha": _one({str(float(alpha)) for _, alpha in modules}),
    }
    if family != "unknown":
        metadata |= {
            "ss_v2": str(family == "sd2"),
            "ss_base_model_version": BASE_VERSIONS[family],
            "modelspec.sai_model_spec": "1.0.1",
            "modelspec.architecture": f"{ARCHITECTURES[family]}/lora",
        }
    return metadata


def _one(values: set[str]) -> str:
    return values.pop() if len(values) == 1 else "Dynamic"
