"""Watches any trainer from outside: with this folder on PYTHONPATH, an unmodified script tells when its steps end.

Python imports `sitecustomize` at every start. Where LORATUI_PROBE names a file, the process that takes optimizer steps
writes there, as JSON: when each step ended (CLOCK_MONOTONIC, which all processes share), its most memory, and on a GPU
the times that the host had to wait for it. Nothing waits for a GPU but the first counted step and the last.
"""

import atexit
import importlib.util
import json
import os
import resource
import sys
import time
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Steps before these are warm-up: kernels are chosen, graphs captured, memory is found.
FIRST_COUNTED = int(os.environ.get("LORATUI_PROBE_FROM", "3"))
LAST_STEP = int(os.environ.get("LORATUI_PROBE_TO", "0"))


# Kept: operators go with the library that defined them.
_operators: object = None


class StepWatch:
    """The optimizer steps of this process."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._ended: list[float] = []
        self._waits = 0

    def count(self, *_: object) -> None:
        """Take the time of a step that just ended."""
        import torch

        is_on_gpu = torch.cuda.is_initialized()
        number = len(self._ended) + 1
        if is_on_gpu and number in (1, FIRST_COUNTED, LAST_STEP):
            torch.cuda.set_sync_debug_mode("default")
            torch.cuda.synchronize()
        self._ended.append(time.monotonic())
        if is_on_gpu and number == FIRST_COUNTED:
            warnings.showwarning = self._wait_or(warnings.showwarning)
            warnings.filterwarnings("always", message="called a synchronizing CUDA operation")
            torch.cuda.set_sync_debug_mode("warn")
        if number == 1:
            atexit.register(self.write)

    def _wait_or(self, show: object) -> object:
        def showwarning(message: Warning, *rest: object) -> None:
            if "synchronizing CUDA operation" in str(message):
                self._waits += 1
            else:
                show(message, *rest)  # type: ignore[operator]

        return showwarning

    def write(self) -> None:
        """Write what was seen."""
        import torch

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        seen: dict[str, object] = {"steps": self._ended, "peak_memory_bytes": peak, "ended": time.monotonic()}
        if torch.cuda.is_initialized():
            seen["allocated_bytes"] = torch.cuda.max_memory_allocated()
            seen["reserved_bytes"] = torch.cuda.max_memory_reserved()
            seen["host_waits"] = self._waits
        with open(self._file, "w", encoding="utf-8") as file:
            json.dump(seen, file)


def watch_steps(module: ModuleType) -> None:
    """Have every optimizer of this process tell of its steps."""
    module.register_optimizer_step_post_hook(StepWatch(os.environ["LORATUI_PROBE"]).count)


def make_small_card(module: ModuleType) -> None:
    """Have torch use no more of the GPU than an older card has, and none of the attention that such a card lacks."""

    def limit() -> None:
        whole = module.get_device_properties(0).total_memory
        module.set_per_process_memory_fraction(min(1.0, float(os.environ["LORATUI_PROBE_CAP"]) * 2**30 / whole))
        sys.modules["torch.backends.cuda"].enable_flash_sdp(False)
        sys.modules["torch.backends.cuda"].enable_cudnn_sdp(False)

    module._lazy_call(limit)  # when the GPU is first used


def define_missing_operators(_: ModuleType) -> None:
    """Let torchvision's transforms be imported where its compiled operators fit no torch of this machine."""
    import torch

    global _operators
    if not hasattr(torch.ops.torchvision, "nms"):
        _operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


class Around(MetaPathFinder):
    """Does something before or after one module is executed."""

    def __init__(self, name: str, action: object, *, after: bool) -> None:
        self._name, self._action, self._after = name, action, after
        self._is_looking = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find the module as if this were not here."""
        if name != self._name or self._is_looking:
            return None
        self._is_looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._is_looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = Wrapped(spec.loader, self._action, after=self._after)
        return spec


class Wrapped(Loader):
    """A loader with an action."""

    def __init__(self, loader: Loader, action: object, *, after: bool) -> None:
        self._loader, self._action, self._after = loader, action, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as its own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute it, and act."""
        if not self._after:
            self._action(module)  # type: ignore[operator]
        self._loader.exec_module(module)
        if self._after:
            self._action(module)  # type: ignore[operator]


if "LORATUI_PROBE" in os.environ:
    sys.meta_path.insert(0, Around("torch.optim.optimizer", watch_steps, after=True))
    if os.environ.get("LORATUI_PROBE_CAP"):
        sys.meta_path.insert(0, Around("torch.cuda", make_small_card, after=True))
    if os.environ.get("LORATUI_PROBE_TORCHVISION"):
        sys.meta_path.insert(0, Around("torchvision", define_missing_operators, after=False))
