"""Where a base model lies, as a value, and the words that every refusal of one shares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["demo", "directory", "file", "hub", "hub_file"]
Report = Callable[[int, int], None]

PICKLED = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
FORMS = (
    "A base is a Hugging Face id (owner/name), owner/repo/file.safetensors or its URL, a diffusers folder "
    "(it holds model_index.json), a .safetensors file, or demo."
)
# Lets torch read nothing but tensors; what refuses that is not to be trusted.
CONVERSION = (
    "python -c 'import sys, torch; from safetensors.torch import save_file; "
    'd = torch.load(sys.argv[1], "cpu", weights_only=True); d = d.get("state_dict", d); '
    'save_file({k: v.clone().contiguous() for k, v in d.items() if hasattr(v, "shape")}, sys.argv[2])\' '
    "OLD.ckpt NEW.safetensors"
)
CONVERT = (
    "Pickled files can run code when they are opened: get its .safetensors version, or convert it once with "
    "AUTOMATIC1111 (Checkpoint Merger, one model, format safetensors), huggingface.co/spaces/safetensors/convert, or, "
    f"in a container without network or personal files:\n{CONVERSION}"
)
QUANTISED = (".gguf", ".ggml")
USE_FULL = "A LoRA is trained on full weights: get the .safetensors version in fp16, bf16 or fp32."
SIGN_IN = "sign in on this computer with `hf auth login`"
# Repositories that left the hub, and where the same files are maintained.
RETIRED = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "runwayml/stable-diffusion-inpainting": "stable-diffusion-v1-5/stable-diffusion-inpainting",
}


@dataclass(frozen=True)
class BaseLocation:
    """Where a base lies.

    Attributes:
        kind: "demo" (packaged), "directory" or "file" (on this computer), "hub" or "hub_file" (on Hugging Face).
        name: Short name for people: hub id, or the folder's or file's name.
        path: The directory or file; None on the hub.
        repo_id: "owner/name" on the hub, else "".
        filename: The file inside the repository, for "hub_file".
        revision: Branch, tag or commit on the hub.
    """

    kind: Kind
    name: str
    path: Path | None = None
    repo_id: str = ""
    filename: str = ""
    revision: str = "main"
