"""Counts the memory that tensors take while they live, as a GPU's allocator would hand it out; needs no values."""

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_BLOCK = 512
# Operators that are no view by their signature, and yet compute nothing.
_NO_WORK = {"_unsafe_view", "empty", "empty_like", "new_empty", "new_empty_strided", "empty_strided", "lift_fresh"}


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operators read or return, from their first appearance to their end.

    Attributes:
        live: Bytes alive now.
        peak: Most that were alive at once.
        operators: How many operators computed something: about the kernels that a GPU is told to run.
        at_peak: The bytes alive at the peak, by what made them: an operator and a shape, or the name given to `hold`.
    """

    def __init__(self, device: torch.device) -> None:
        """Count from now on what lies on `device`."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = self.operators = 0
        self.at_peak: Counter[str] = Counter()
        self._device = device
        self._by_origin: Counter[str] = Counter()
        self._known: set[int] = set()

    def hold(self, tensors: Iterable[torch.Tensor], origin: str) -> int:
        """Count tensors that are there already, and return how many bytes they add."""
        before = self.live
        for tensor in tensors:
            self._note(tensor, origin)
        return self.live - before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        self.hold(_tensors((args, named)), "made before")
        returned = func(*args, **named)
        self.operators += not (func.is_view or func.overloadpacket.__name__ in _NO_WORK)
        for tensor in _tensors(returned):
            self._note(tensor, f"{func.overloadpacket.__name__} {'×'.join(map(str, tensor.shape))}")
        return returned

    def _note(self, tensor: torch.Tensor, origin: str) -> None:
        storage = tensor.untyped_storage()
        if tensor.device.type != self._device.type or id(storage) in self._known:
            return
        size = -(-storage.nbytes() // _BLOCK) * _BLOCK
        self._known.add(id(storage))
        weakref.finalize(storage, self._forget, id(storage), size, origin)
        self.live += size
        self._by_origin[origin] += size
        if self.live > self.peak:
            self.peak, self.at_peak = self.live, self._by_origin.copy()

    def _forget(self, storage: int, size: int, origin: str) -> None:
        self._known.remove(storage)
        self.live -= size
        self._by_origin[origin] -= size


@contextmanager
def fused_attention(dtype: torch.dtype) -> Iterator[None]:
    """Have attention take the kernel that a GPU takes; without values torch computes scores and keeps them.

    Forward and backward passes, and what a backward pass computes again, all have to run within.
    """
    has_flash = dtype == torch.bfloat16

    def attend(
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Any:
        if query.shape[-1] % 8 or enable_gqa:
            raise ValueError("attention whose heads would be padded or repeated is not counted")
        if has_flash and attn_mask is None:
            flash = torch.ops.aten._scaled_dot_product_flash_attention
            return flash(query, key, value, dropout_p, is_causal, scale=scale)[0]
        efficient = torch.ops.aten._scaled_dot_product_efficient_attention
        return efficient(query, key, value, attn_mask, True, dropout_p, is_causal, scale=scale)[0]

    own = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = attend
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = own


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
