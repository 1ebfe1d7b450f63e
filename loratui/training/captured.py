"""Passes recorded once per shape of a batch and replayed as one piece, so that a quick GPU does not wait for the CPU.

A recorded pass reads its batch from buffers that stay and adds to the same loss and gradients as a plain one. Before a
recording counts it has to add what a plain pass adds; where it does not, or cannot be made, all passes are plain.
Knows nothing of what a pass computes.

Source: PyTorch, CUDA semantics, section CUDA Graphs, whole-network capture.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from loratui.diffusion.conditioning import Conditioning
from loratui.profile.schema import Profile
from loratui.training.objective import Batch
from loratui.training.processes import Processes

# Every recording keeps its own buffers and launches; a bucket beyond these is rare enough to be taken plainly.
_MOST_RECORDINGS = 8
# How far a recording may be from the plain pass, relative to the norm; bf16 may differ by its own rounding.
_TOLERANCE = 1e-3
# Before a capture, so that libraries have chosen their kernels and made their workspaces; PyTorch's own number.
_WARM_UP_PASSES = 3

_Shape = tuple[tuple[torch.Size, torch.dtype] | None, ...]


class Recorder(Protocol):
    """Turns a function that works on tensors at fixed addresses into one that repeats the same work on them."""

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        """Run `function` as often as need be and return what repeats it.

        Raises:
            RuntimeError: It cannot be recorded, or memory does not suffice.
        """

    def release(self) -> None:
        """Wait for what is still running, since all recordings are about to be dropped."""


class CudaRecorder:
    """Records CUDA graphs, which share one pool of memory: no two run at once, and none leaves anything in it."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()
        self._failed: list[torch.cuda.CUDAGraph] = []

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        """Warm up and capture on a stream of its own.

        Raises:
            RuntimeError: Something in `function` cannot be captured, or memory does not suffice.
        """
        graph = torch.cuda.CUDAGraph()
        self._stream.wait_stream(torch.cuda.current_stream())
        try:
            # The outer context brings the stream back even where torch.cuda.graph fails to end the capture.
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UP_PASSES):
                    function()
                with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                    function()
        except RuntimeError:
            # torch's allocator may go on asking a graph whose capture did not end: it must outlive the failure.
            self._failed.append(graph)
            raise
        finally:
            torch.cuda.synchronize()
        return graph.replay

    def release(self) -> None:
        """Wait for the device; later graphs get a new pool, as torch takes none back whose last graph is gone."""
        torch.cuda.synchronize()
        self._pool = torch.cuda.graph_pool_handle()


def recorder_for(profile: Profile, processes: Processes, warn: Callable[[str], None]) -> Recorder | None:
    """Return what records this training's passes; None unless the profile asks for it and nothing rules it out."""
    if not profile.accelerate.cuda_graphs:
        return None
    network = profile.network
    reasons = {
        "this training runs on the CPU": processes.device.type != "cuda",
        "several processes train together": processes.count > 1,
        "network.dropout draws anew in every pass": network.dropout > 0,
        "the text encoder learns": network.train_text_encoder,
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), ""):
        warn(f"CUDA graphs are not used: {reason}.")
        return None
    return CudaRecorder()


class Passes:
    """Forward and backward passes over batches, recorded where that is possible and plain otherwise."""

    def __init__(
        self,
        plain: Callable[[Batch], None],
        sums: Sequence[torch.Tensor],
        recorder: Recorder | None,
        warn: Callable[[str], None],
    ) -> None:
        """Begin with nothing recorded.

        Args:
            plain: A pass; works on tensors at fixed addresses but for its batch, and keeps nothing of it.
            sums: Everything that a pass adds to.
            recorder: None to take every pass plainly.
            warn: Told in a sentence when recording is given up.
        """
        self._plain = plain
        self._sums = tuple(sums)
        self._recorder = recorder
        self._records = recorder is not None
        self._warn = warn
        self._recordings: dict[_Shape, _Recording] = {}

    def take(self, batch: Batch) -> None:
        """Add what `batch` makes to the sums.

        Raises:
            torch.OutOfMemoryError: The sums are not what they were.
        """
        shape = _shape_of(batch)
        if recording := self._recordings.get(shape):
            recording.replay(batch)
        elif self._recorder and self._records and len(self._recordings) < _MOST_RECORDINGS and not _learns(batch):
            self._take_and_record(batch, self._recorder)
        else:
            self._plain(batch)

    def forget(self) -> None:
        """Drop what was recorded, since a pass works otherwise or elsewhere in memory from now on."""
        if self._recorder and self._recordings:
            self._recorder.release()
            self._recordings.clear()

    def make_room(self) -> bool:
        """Drop what was recorded and record no more, since memory ran out; False when nothing was recorded."""
        if not self._recordings:
            return False
        self._give_up("memory ran out")
        return True

    def _take_and_record(self, batch: Batch, recorder: Recorder) -> None:
        """Take a plain pass, and keep a recording of it if that adds the same; the sums are the plain pass's."""
        before = self._copies()
        self._plain(batch)
        after = self._copies()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in after):
            return  # an overflow proves nothing about a recording: the next pass of this shape will
        trouble = ""
        try:
            recording = _Recording(self._plain, batch, recorder)
            self._set(before)
            recording.replay(batch)
            if self._have_come_to(after, before):
                self._recordings[_shape_of(batch)] = recording
            else:
                trouble = "a recorded pass did not give the loss and gradients of a plain one"
        except RuntimeError as error:
            trouble = f"a pass could not be recorded ({_first_cause(error)})"
        finally:
            self._set(after)
        # Outside of the except clause, whose traceback holds on to the tensors.
        if trouble:
            self._give_up(trouble)

    def _give_up(self, why: str) -> None:
        self.forget()
        self._records = False
        self._warn(f"CUDA graphs are not used any more: {why}. The training goes on without them.")

    def _copies(self) -> list[torch.Tensor]:
        return [tensor.clone() for tensor in self._sums]

    @torch.no_grad()
    def _set(self, values: Sequence[torch.Tensor]) -> None:
        for tensor, value in zip(self._sums, values, strict=True):
            tensor.copy_(value)

    def _have_come_to(self, after: Sequence[torch.Tensor], before: Sequence[torch.Tensor]) -> bool:
        """Say whether every sum is now what it should be, in proportion to what was added to it."""
        tolerance = max(_TOLERANCE, *(torch.finfo(tensor.dtype).eps for tensor in self._sums))
        return all(
            bool(_norm(now - should) <= tolerance * _norm(should - was))
            for now, should, was in zip(self._sums, after, before, strict=True)
        )


class _Recording:
    """A pass over batches of one shape, which are copied to where it reads them."""

    def __init__(self, plain: Callable[[Batch], None], like: Batch, recorder: Recorder) -> None:
        # Recorded over zeros: what a recording took from the batch itself rather than from the buffers would show.
        told = like.conditioning
        states, pooled, sizes = (
            None if part is None else torch.zeros_like(part) for part in (told.states, told.pooled, told.sizes)
        )
        assert states is not None
        batch = Batch(
            latents=torch.zeros_like(like.latents),
            noise=torch.zeros_like(like.noise),
            timesteps=torch.zeros_like(like.timesteps),
            conditioning=Conditioning(states, pooled, sizes),
            weights=torch.zeros_like(like.weights),
        )
        self._buffers = _tensors_of(batch)
        self._repeat = recorder.record(lambda: plain(batch))

    def replay(self, batch: Batch) -> None:
        for buffer, tensor in zip(self._buffers, _tensors_of(batch), strict=True):
            if buffer is not None and tensor is not None:
                buffer.copy_(tensor)
        self._repeat()


def _tensors_of(batch: Batch) -> tuple[torch.Tensor | None, ...]:
    told = batch.conditioning
    return batch.latents, batch.noise, batch.timesteps, batch.weights, told.states, told.pooled, told.sizes


def _shape_of(batch: Batch) -> _Shape:
    return tuple(None if tensor is None else (tensor.shape, tensor.dtype) for tensor in _tensors_of(batch))


def _learns(batch: Batch) -> bool:
    """Whether the backward pass goes on into a text encoder."""
    return any(tensor is not None and tensor.requires_grad for tensor in _tensors_of(batch))


def _first_cause(error: BaseException) -> str:
    """What went wrong first, in a line: ending a capture that failed fails too."""
    while isinstance(error.__context__, RuntimeError):
        error = error.__context__
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(tensor, dtype=torch.float32)
