"""Recorded passes: the same training to the bit, and a plain one wherever a recording cannot be trusted."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.checkpointing import checkpoint_levels
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.profile.schema import Model, Network, Profile
from loratui.profile.schema import Training as TrainingSettings
from loratui.training.captured import CudaRecorder, Recorder, recorder_for
from loratui.training.objective import Batch
from loratui.training.processes import Processes
from loratui.training.step import StepResult, TrainingStep
from tests.operator_tape import OperatorTape, Tape
from tests.tiny_base import CROSS_ATTENTION_DIM, POOLED_DIM, write_tiny_xl
from tests.training_in_pieces import Training, profile_in_pieces

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(unet_lr=1e-2, warmup=0.0, scheduler="constant")


class ForgetfulTape(OperatorTape):
    """Leaves out the last addition to a gradient of the second recording."""

    def spoil(self, tape: Tape) -> None:
        if self.recorded == 2:
            additions = [call for call in tape.calls if call.operator is torch.ops.aten.add_.Tensor]
            largest = max(additions, key=lambda call: call.arguments[0].numel())
            tape.calls.remove(largest)


class DeafTape(OperatorTape):
    """Keeps what the buffers held when it was recorded, as a graph would whose inputs were copied somewhere else."""

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        super().record(function)
        return lambda: None


class FullTape(OperatorTape):
    """Runs out of memory in the middle of the second recording, after it has changed the gradients."""

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        play = super().record(function)
        if self.recorded == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it.")
        return play


@pytest.fixture(scope="module")
def xl_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_xl(tmp_path_factory.mktemp("xl") / "base")


def batch_of(count: int, seed: int, *, height: int = 8, tokens: int = 77, is_xl: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    told = Conditioning(torch.randn(count, tokens, CROSS_ATTENTION_DIM + 24 * is_xl, generator=generator))
    if is_xl:
        pooled, sizes = (
            torch.randn(count, POOLED_DIM, generator=generator),
            torch.rand(count, 6, generator=generator) * 64,
        )
        told = Conditioning(told.states, pooled, sizes)
    return Batch(
        latents=torch.randn(count, 4, height, 16, generator=generator),
        noise=torch.randn(count, 4, height, 16, generator=generator),
        timesteps=torch.randint(1000, (count,), generator=generator),
        conditioning=told,
        weights=torch.rand(count, generator=generator) + 0.2,
    )


# Six updates of two micro-batches each: two shapes in turn, a smaller last batch, one text of 150 tokens.
UPDATES = [
    [batch_of(2, seed, height=8 if seed % 4 < 2 else 16), batch_of(1 if seed == 8 else 2, seed + 1, height=8)]
    for seed in range(0, 10, 2)
] + [[batch_of(2, 20, tokens=154), batch_of(2, 21)]]


class Trained:
    """A step that took all updates, with what it warned of."""

    def __init__(self, base: BaseModel, recorder: Recorder | None, updates: list[list[Batch]] | None = None) -> None:
        self.warnings: list[str] = []
        self.step = step_on(base, recorder, self.warnings.append)
        self.results = [taken(self.step, batches) for batches in updates or UPDATES]
        (group,) = self.step.network.groups
        self.masters, self.gradient = group.master.detach().clone(), group.gradient.clone()
        self.step.network.detach()

    def assert_like(self, other: "Trained") -> None:
        assert self.results == other.results
        assert torch.equal(self.masters, other.masters)
        assert torch.equal(self.gradient, other.gradient)


def step_on(base: BaseModel, recorder: Recorder | None, warn: Callable[[str], None]) -> TrainingStep:
    components = {"unet": base.unet}
    layers = trained_layers(components, Network(rank=4, alpha=2.0, conv_rank=2), base.family)
    network = LoraNetwork(components, layers, seed=1, device=base.device, dtype=base.dtype)
    processes = Processes(base.device)
    return TrainingStep(base, network, SETTINGS, total_steps=10, processes=processes, recorder=recorder, warn=warn)


def taken(step: TrainingStep, batches: Iterable[Batch]) -> StepResult:
    batches = list(batches)
    return step.take(batches, sum(map(len, batches)))


@pytest.mark.parametrize("levels", [0, 2])
def test_a_recorded_training_is_the_plain_one_to_the_bit(base: BaseModel, levels: int) -> None:
    base.unet.train()
    checkpoint_levels(base.unet, levels)
    plain, tape = Trained(base, None), OperatorTape()
    recorded = Trained(base, tape)
    recorded.assert_like(plain)
    assert recorded.warnings == []
    # 8 and 16 high, one sample, 154 tokens: each is replayed once as a proof, and then instead of a plain pass.
    assert (tape.recorded, tape.replayed) == (4, 4 + 2 * len(UPDATES) - 4)


def test_what_sdxl_is_told_is_read_anew_by_every_replay(xl_directory: Path) -> None:
    base = load_base(Model(base=str(xl_directory)), device=CPU, dtype=torch.float32)
    updates = [[batch_of(2, seed, is_xl=True)] for seed in range(4)]
    tape = OperatorTape()
    Trained(base, tape, updates).assert_like(Trained(base, None, updates))
    assert (tape.recorded, tape.replayed) == (1, 4)


def test_a_replay_uses_the_loss_scale_and_the_number_of_samples_of_its_step(base: BaseModel) -> None:
    gradients = []
    for recorder in (None, OperatorTape()):
        step = step_on(base, recorder, pytest.fail)
        step.accumulate([batch_of(2, 0)], 2)
        step.loss_scale.scale = 8.0
        step.accumulate([batch_of(2, 1)], 4)
        gradients.append(step.network.groups[0].gradient.clone())
        step.network.detach()
    assert torch.equal(*gradients)
    assert float(gradients[0].norm()) > 0


def test_recording_leaves_gradients_and_loss_as_a_plain_pass_does(base: BaseModel) -> None:
    first, second = UPDATES[1]
    states, losses = [], []
    for recorder in (None, OperatorTape()):
        step = step_on(base, recorder, pytest.fail)
        step.accumulate([first, second], 4)  # the second recording begins with the gradients of the first
        (group,) = step.network.groups
        states.append(group.gradient.clone())
        step.update()
        losses.append(step.results()[0].loss)
        step.network.detach()
    assert losses[0] == losses[1]
    assert torch.equal(*states)
    assert float(states[0].norm()) > 0


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (ForgetfulTape, "a recorded pass did not give the loss and gradients of a plain one"),
        (DeafTape, "a recorded pass did not give the loss and gradients of a plain one"),
        (FullTape, "a pass could not be recorded (CUDA out of memory. Tried to allocate 2.00 GiB)"),
    ],
)
def test_what_cannot_be_trusted_ends_in_the_plain_training_and_one_sentence(
    base: BaseModel, kind: type[OperatorTape], why: str
) -> None:
    updates, recorder = UPDATES[:3], kind()
    trained = Trained(base, recorder, updates)
    trained.assert_like(Trained(base, None, updates))
    assert trained.warnings == [f"CUDA graphs are not used any more: {why}. The training goes on without them."]
    assert recorder.recorded <= 2


def test_a_pass_that_overflows_is_no_proof_and_the_next_one_is_recorded(base: BaseModel) -> None:
    tape = OperatorTape()
    step = step_on(base, tape, pytest.fail)
    step.loss_scale.scale = float("inf")
    step.accumulate([batch_of(2, 0)], 2)
    assert tape.recorded == 0
    step.loss_scale.scale = 1.0
    step.accumulate([batch_of(2, 0), batch_of(2, 1)], 4)
    assert (tape.recorded, tape.replayed) == (1, 2)
    assert bool(torch.isfinite(step.network.groups[0].gradient).all())


def test_no_more_than_eight_shapes_are_recorded(base: BaseModel) -> None:
    tape = OperatorTape()
    updates = [[batch_of(1, tokens, tokens=tokens)] for tokens in range(2, 12)] * 2
    Trained(base, tape, updates).assert_like(Trained(base, None, updates))
    assert (tape.recorded, tape.replayed) == (8, 16)


def test_a_change_of_the_unet_has_everything_recorded_anew(base: BaseModel) -> None:
    tape = OperatorTape()
    step = step_on(base, tape, pytest.fail)
    taken(step, [batch_of(2, 0)])
    step.passes.forget()
    base.unet.to(torch.float64).to(torch.float32)  # elsewhere in memory
    taken(step, [batch_of(2, 1)])
    taken(step, [batch_of(2, 2)])
    assert (tape.recorded, tape.replayed, tape.released) == (2, 3, 1)


def test_where_memory_runs_out_recordings_make_room_once_and_for_all(base: BaseModel) -> None:
    tape, warnings = OperatorTape(), list[str]()
    step = step_on(base, tape, warnings.append)
    assert not step.passes.make_room()
    taken(step, [batch_of(2, 0)])
    assert step.passes.make_room()
    assert not step.passes.make_room()
    taken(step, [batch_of(2, 1)])
    assert (tape.recorded, tape.replayed, tape.released) == (1, 1, 1)
    assert warnings == ["CUDA graphs are not used any more: memory ran out. The training goes on without them."]


def test_texts_that_learn_are_not_recorded(base: BaseModel) -> None:
    tape = OperatorTape()
    step = step_on(base, tape, pytest.fail)
    batch = batch_of(2, 0)
    batch.conditioning.states.requires_grad_()
    step.accumulate([batch], 2)
    assert tape.recorded == 0
    assert batch.conditioning.states.grad is not None


def test_a_profile_that_asks_for_graphs_where_there_can_be_none_is_told_why() -> None:
    warnings: list[str] = []
    profile = Profile()
    assert recorder_for(profile, Processes(CPU), warnings.append) is None
    assert warnings == []
    profile.accelerate.cuda_graphs = True
    assert recorder_for(profile, Processes(CPU), warnings.append) is None
    assert warnings == ["CUDA graphs are not used: this training runs on the CPU."]


def test_a_whole_training_gives_its_recordings_up_for_memory_before_it_goes_smaller(
    tiny_base_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = profile_in_pieces(tiny_base_directory, tmp_path)
    profile.training.batch_size = 5  # of twelve: the last batch has another shape
    plain, recorded = Training(profile, tmp_path / "runs"), Training(profile, tmp_path / "runs")
    plain.go()
    tape = OperatorTape()
    monkeypatch.setattr("loratui.training.workbench.recorder_for", lambda *_: tape)

    def no_room_beside_a_recording(module: torch.nn.Module, inputs: Any) -> None:
        if torch.is_grad_enabled() and tape.replayed and not tape.released:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    recorded.go(before_forward=no_room_beside_a_recording)
    assert (tape.recorded, tape.released) == (1, 1)
    assert [event["loss"] for event in recorded.events("step")] == [event["loss"] for event in plain.events("step")]
    assert [event["message"] for event in recorded.events("warning")] == [
        "CUDA graphs are not used any more: memory ran out. The training goes on without them."
    ]
    assert recorded.events("recovered") == []


on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_gpu_records_the_training_that_it_takes_plainly(tiny_base_directory: Path, dtype: torch.dtype) -> None:
    device = torch.device("cuda")
    base = load_base(Model(base=str(tiny_base_directory)), device=device, dtype=dtype)
    updates = [[sent(batch, base) for batch in batches] for batches in UPDATES]
    plain, recorded = Trained(base, None, updates), Trained(base, CudaRecorder(), updates)
    assert recorded.warnings == []
    assert [one.loss for one in recorded.results] == pytest.approx([one.loss for one in plain.results], rel=1e-2)


def sent(batch: Batch, base: BaseModel) -> Batch:
    fields = ("latents", "noise", "timesteps", "weights")
    return replace(
        batch,
        conditioning=batch.conditioning.to(base.device, base.dtype),
        **{name: getattr(batch, name).to(base.device) for name in fields},
    )


@on_gpu
def test_a_cuda_graph_repeats_its_work_on_what_is_there_now() -> None:
    device = torch.device("cuda")
    value, total = torch.ones(4, device=device), torch.zeros(4, device=device)

    def add() -> None:
        total.add_(value * 2)

    def wait() -> None:
        total.fill_(float(value.sum()))

    recorder = CudaRecorder()
    repeat = recorder.record(add)
    total.zero_()
    value.fill_(3)
    repeat()
    assert total.tolist() == [6.0] * 4
    with pytest.raises(RuntimeError):
        recorder.record(wait)
    total.zero_()
    repeat()
    assert total.tolist() == [6.0] * 4
