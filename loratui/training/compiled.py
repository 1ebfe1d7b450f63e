"""The UNet's blocks compiled by torch.compile, for training steps only: pictures and validations stay as they are.

Blocks that are alike are compiled once (diffusers' regional compilation).
"""

from contextlib import AbstractContextManager
from typing import Any

import torch


class CompiledBlocks:
    """The blocks of one UNet, compiled when a step first uses them."""

    def __init__(self, unet: Any, backend: str) -> None:
        """Mark the blocks; `backend` is torch.compile's."""
        self._unet = unet
        # By the shape alone: kernels for any shape would depend on which shapes came before.
        unet.compile_repeated_blocks(backend=backend, dynamic=False)
        # A preview or a validation has other shapes and no gradients: compiling for each would cost more than they do.
        torch.compiler.set_stance("force_eager")

    def at_work(self) -> AbstractContextManager[None]:
        """Compute with the compiled blocks meanwhile."""
        stance: AbstractContextManager[None] = torch.compiler.set_stance("default")
        return stance

    def undo(self) -> None:
        """Have the blocks compute as they did before."""
        for module in self._unet.modules():
            module._compiled_call_impl = None
        torch.compiler.reset()
        torch.compiler.set_stance("default")
