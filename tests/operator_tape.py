"""A recorder of passes that stands for a GPU's, on the CPU.

Like a CUDA graph it keeps the operators of one run and the memory they worked on and knows nothing of the Python around
them: a number that a pass reads in Python stays what it was when it was recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


@dataclass(eq=False)
class Call:
    """An operator that was run, what it was given and what it returned."""

    operator: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    returned: Any


def has_an_address(leaf: Any) -> bool:
    """Whether this is a tensor, other than a packed weight."""
    return isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided


def detached(tree: Any) -> Any:
    return tree_map(lambda leaf: leaf.detach() if has_an_address(leaf) else leaf, tree)


def addresses(tree: Any) -> set[int]:
    return {leaf.untyped_storage().data_ptr() for leaf in tree_leaves(tree) if has_an_address(leaf)}


class Tape(TorchDispatchMode):
    """Writes down every operator while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a recorded pass may not wait for a number")
        returned = func(*args, **(kwargs or {}))
        inputs = (args, kwargs or {})
        if func._schema.is_mutable or not addresses(returned) <= addresses(inputs):  # otherwise a view: still there
            self.calls.append(Call(func, *detached(inputs), detached(returned)))
        return returned

    @torch.no_grad()
    def play(self) -> None:
        for call in self.calls:
            again = call.operator(*call.arguments, **call.named)
            for old, new in zip(tree_leaves(call.returned), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class OperatorTape:
    """A recorder; counts what it did."""

    def __init__(self) -> None:
        self.recorded = self.replayed = self.released = 0

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1
        function()
        with Tape() as tape:
            function()

        def play() -> None:
            self.replayed += 1
            self.spoil(tape)
            tape.play()

        return play

    def spoil(self, tape: Tape) -> None:
        """What a faulty recorder does to its tape."""

    def release(self) -> None:
        self.released += 1
