"""Python, torch and its companions: which versions, and whether torch was built for the driver and the GPUs here.

Nothing is imported to find that out: torch tells its build in a text file beside it.
"""

import importlib.util
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from loratui.environment.finding import Finding
from loratui.environment.gpu import Driver, has_amd_driver
from loratui.safe_text import printable

_COMPANIONS = ("accelerate", "diffusers", "transformers", "peft")
_CHOOSE_TORCH = "Install the torch that pytorch.org/get-started chooses for this computer."
# CUDA 12.8 is the first to know Blackwell (RTX 50), CUDA 13 no longer knows what came before Turing (RTX 20).
_BLACKWELL, _TURING = (10, 0), (7, 5)
_FIRST_FOR_BLACKWELL, _FIRST_WITHOUT_PASCAL = (12, 8), (13, 0)


@dataclass(frozen=True)
class Torch:
    """The torch that is installed.

    Attributes:
        version: "" when it is not.
        cuda: The CUDA that it was built for; None for a build for the CPU or AMD.
        rocm: The version of AMD's ROCm that it was built for; "" otherwise.
    """

    version: str = ""
    cuda: tuple[int, int] | None = None
    rocm: str = ""


def installed_torch() -> Torch:
    """Read which torch is installed, without importing it."""
    version = _version("torch")
    spec = importlib.util.find_spec("torch") if version else None
    if spec is None or spec.origin is None:
        return Torch()
    try:
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Torch(version)
    cuda = re.search(r"^cuda\b[^=\n]*= *'(\d+)\.(\d+)", text, re.MULTILINE)
    rocm = re.search(r"^(?:hip|rocm)\b[^=\n]*= *'([\d.]+)", text, re.MULTILINE)
    return Torch(version, (int(cuda[1]), int(cuda[2])) if cuda else None, rocm[1] if rocm else "")


def find_python() -> Finding:
    """The Python that runs here."""
    return Finding("Python", f"{platform.python_version()}  {printable(sys.prefix)}")


def find_torch(torch: Torch, driver: Driver) -> Finding:
    """torch, and whether it can use the GPUs that are here."""
    if not torch.version:
        return Finding("torch", "not installed", "bad", _CHOOSE_TORCH)
    value = f"{torch.version}, {_built_for(torch)}"
    if torch.rocm and has_amd_driver():
        return Finding("torch", value)
    if not driver.gpus:
        if torch.cuda is None and has_amd_driver():
            return Finding("torch", value, "bad", f"It does not use the AMD GPU that is here. {_CHOOSE_TORCH}")
        return Finding("torch", value)
    if torch.cuda is None:
        return Finding("torch", value, "bad", f"It does not use the GPU that is here. {_CHOOSE_TORCH}")
    if torch.cuda[0] > driver.cuda[0]:
        newest = _dotted(driver.cuda)
        return Finding(
            "torch", value, "bad", f"The driver runs CUDA up to {newest}: update it, or take an older torch."
        )
    for gpu in driver.gpus:
        if gpu.capability and gpu.capability >= _BLACKWELL and torch.cuda < _FIRST_FOR_BLACKWELL:
            return Finding("torch", value, "bad", f"It is too old for the {gpu.name}. {_CHOOSE_TORCH}")
        if gpu.capability and gpu.capability < _TURING and torch.cuda >= _FIRST_WITHOUT_PASCAL:
            todo = f"It no longer knows the {gpu.name}: install a torch that is built for CUDA 12.6."
            return Finding("torch", value, "bad", todo)
    return Finding("torch", value)


def find_companions() -> Finding:
    """The libraries that train and draw."""
    versions = {name: _version(name) for name in _COMPANIONS}
    missing = [name for name, version in versions.items() if not version]
    if missing:
        todo = f"Install what is missing: pip install {' '.join(missing)}"
        return Finding("Libraries", f"without {', '.join(missing)}", "bad", todo)
    return Finding("Libraries", ", ".join(f"{name} {version}" for name, version in versions.items()))


def _version(package: str) -> str:
    try:
        return printable(metadata.version(package))
    except metadata.PackageNotFoundError:
        return ""


def _built_for(torch: Torch) -> str:
    if torch.cuda:
        return f"built for CUDA {_dotted(torch.cuda)}"
    return f"built for ROCm {torch.rocm}" if torch.rocm else "built for the CPU"


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
