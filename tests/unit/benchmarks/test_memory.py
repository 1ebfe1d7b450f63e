"""The memory that a training step keeps, counted without values: against numbers by hand and the CPU's allocator."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

from loratui.diffusion.checkpointing import checkpoint_levels
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.lora_file.naming import Component
from loratui.profile.schema import Network
from tests.benchmarks.live_memory import LiveMemory, fused_attention
from tests.benchmarks.memory import META, Counted, Job, count, flat_buffers, table
from tests.tiny_base import CROSS_ATTENTION_DIM, tiny_unet

CPU = torch.device("cpu")
FP32 = 4


@pytest.fixture
def memory() -> Iterator[LiveMemory]:
    with LiveMemory(META) as counter:
        yield counter


def test_a_tensor_counts_while_any_view_of_it_is_alive(memory: LiveMemory) -> None:
    whole = torch.zeros(100, 256, device=META)
    half, rows = whole[:50], whole.view(-1, 32)
    assert memory.live == memory.peak == 100 * 256 * FP32
    del whole, half
    assert memory.live == 100 * 256 * FP32
    del rows
    assert memory.live == 0
    assert memory.peak == 100 * 256 * FP32


def test_what_is_freed_makes_room_for_what_comes(memory: LiveMemory) -> None:
    for _ in range(3):
        large = torch.zeros(1000, 256, device=META)
        del large
    kept = torch.zeros(10, 256, device=META)
    assert memory.peak == 1000 * 256 * FP32
    assert memory.live == kept.nbytes


def test_operators_are_those_that_compute(memory: LiveMemory) -> None:
    x, weight = torch.empty(4, 8, device=META), torch.empty(3, 8, device=META, requires_grad=True)
    assert memory.operators == 0
    y = torch.nn.functional.linear(x.view(2, 2, 8), weight)  # a product, between views
    y.add_(1)
    assert memory.operators == 2
    y.sum().backward()  # the sum; the factor 1 for it; one product, for the weight alone
    assert memory.operators == 5


def test_sizes_are_those_of_the_blocks_that_cuda_hands_out(memory: LiveMemory) -> None:
    kept = [torch.zeros(numbers, device=META) for numbers in (1, 128, 129)]
    assert memory.live == 512 + 512 + 1024
    assert len(kept) == 3


def test_work_in_place_adds_nothing(memory: LiveMemory) -> None:
    y, low, up = (torch.zeros(shape, device=META) for shape in ((2, 64, 128), (128, 16), (128, 16)))
    before = memory.live
    y.view(-1, 128).addmm_(low, up.t())
    y += 1
    y[0].relu_()
    y.copy_(y)
    assert memory.peak == memory.live == before


def test_what_was_there_before_counts_when_it_is_held_or_read() -> None:
    held, read, elsewhere = torch.zeros(128, device=META), torch.zeros(256, device=META), torch.zeros(999)
    memory = LiveMemory(META)
    assert memory.hold([held, held.view(2, 64), elsewhere], "held") == 512
    with memory:
        sum_of_all = read.sum()
    assert memory.live == 512 + 1024 + 512
    assert memory.at_peak == {"held": 512, "made before": 1024, "sum ": sum_of_all.nbytes // FP32 * 512}


def test_two_layers_keep_what_they_keep_by_hand() -> None:
    with META:
        first, second = nn.Linear(256, 512, bias=False), nn.Linear(512, 64, bias=False)
        x = torch.zeros(128, 256)
    inputs, weights = 128 * 256 * FP32, (512 * 256 + 64 * 512) * FP32
    hidden, output, number = 128 * 512 * FP32, 128 * 64 * FP32, 512
    memory = LiveMemory(META)
    assert memory.hold([x, first.weight, second.weight], "before") == inputs + weights
    with memory:
        y = second(first(x))
        assert memory.live == inputs + weights + hidden + output  # the second layer's weight wants it
        loss = y.sum()
        loss.backward()
    # The last product is the largest: the first weight's gradient. By then the hidden activations are gone and their
    # gradient is there, of the same size, as is the second weight's; the one that all began with is still held.
    assert memory.peak == inputs + weights + hidden + output + weights + 2 * number
    assert memory.live == inputs + weights + output + weights + number
    del y, loss
    assert memory.live == inputs + 2 * weights


def test_without_gradients_nothing_is_kept(memory: LiveMemory) -> None:
    layers = nn.Sequential(*[nn.Linear(256, 256, bias=False, device=META) for _ in range(5)]).requires_grad_(False)
    x = torch.zeros(1000, 256, device=META)
    before = memory.live
    y = layers(x)
    assert memory.peak == before + 2 * y.nbytes
    assert memory.live == before + y.nbytes


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attention_as_on_a_gpu_keeps_no_scores(dtype: torch.dtype) -> None:
    plain, fused = LiveMemory(META), LiveMemory(META)
    own = functional.scaled_dot_product_attention
    with plain:
        attend(dtype)
    with fused_attention(dtype), fused:
        attend(dtype)
    assert functional.scaled_dot_product_attention is own
    scores, states, sums_of_rows = 2 * 512 * 512 * 2, 2 * 512 * 8 * 2, 2 * 512 * FP32
    assert plain.peak > scores
    # Query, key, value, the gradients of these three and the output; the rest are single numbers.
    assert 0 <= fused.peak - (7 * states + sums_of_rows) <= 8 * 512


def attend(dtype: torch.dtype) -> None:
    query, key, value = (torch.zeros(1, 2, 512, 8, device=META, dtype=dtype, requires_grad=True) for _ in range(3))
    functional.scaled_dot_product_attention(query, key, value).sum().backward()  # type: ignore[no-untyped-call]


def test_heads_that_would_be_padded_are_refused() -> None:
    query = torch.zeros(1, 2, 16, 4, device=META)
    with fused_attention(torch.float16), pytest.raises(ValueError, match="padded"):
        functional.scaled_dot_product_attention(query, query, query)


class TinyTraining:
    """A tiny UNet with a LoRA on a device, and its passes."""

    def __init__(self, device: torch.device, levels: int) -> None:
        self.device = device
        with device:
            self.unet = tiny_unet().requires_grad_(False)
        assert isinstance(self.unet, UNet2DConditionModel)
        components: dict[Component, nn.Module] = {"unet": self.unet}
        layers = trained_layers(components, Network(rank=4, alpha=4.0))
        self.network = LoraNetwork(components, layers, seed=0, device=device, dtype=torch.float32)
        checkpoint_levels(self.unet, levels)

    def take(self) -> None:
        with self.device, sdpa_kernel(SDPBackend.MATH):
            inputs = torch.zeros(2, 4, 32, 32), torch.zeros(2), torch.zeros(2, 77, CROSS_ATTENTION_DIM)
            self.unet(*inputs).sample.square().mean().backward()
        self.network.collect_gradients()

    def counted(self) -> int:
        """The most that the passes need beside weights and LoRA."""
        memory = LiveMemory(self.device)
        resident = memory.hold([*self.unet.parameters(), *flat_buffers(self.network)], "resident")
        with memory:
            self.take()
        assert memory.live == resident
        return memory.peak - resident


@cache
def counted_without_values(levels: int) -> int:
    return TinyTraining(META, levels).counted()


def test_every_level_that_is_checkpointed_lowers_the_peak() -> None:
    assert all(fewer < more for more, fewer in pairwise(map(counted_without_values, range(3))))


@pytest.mark.parametrize("levels", [0, 2])
def test_the_count_without_values_is_what_the_cpus_allocator_hands_out(levels: int) -> None:
    training = TinyTraining(CPU, levels)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        training.take()
    assert seen.profiler is not None
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    assert training.counted() == counted_without_values(levels) == pytest.approx(peak, rel=0.02)


def test_a_real_step_holds_weights_in_half_precision_and_twenty_bytes_a_trained_number() -> None:
    job = Job("sd15", 64, batch=1, rank=4, precision="fp16", levels=0)
    plain = count(job)
    assert plain.weights == pytest.approx(859_520_964 * 2, rel=1e-3)  # the parameters of SD 1.5's UNet
    wider = count(Job("sd15", 64, batch=1, rank=8, precision="fp16", levels=4, text_encoder=True))
    assert wider.weights - plain.weights == pytest.approx(123_060_480 * 2, rel=1e-3)  # those of CLIP ViT-L/14's text
    # Fp32 masters, their gradients and two moments, half-precision shadows and their gradients.
    assert plain.trained == pytest.approx(trained_numbers(4) * 20, rel=1e-3)
    assert wider.activations < plain.activations


def trained_numbers(rank: int) -> int:
    """Numbers in a LoRA of `rank` on the attention and its projections of SD 1.5's UNet, by its widths."""
    total = 0
    for width, blocks in ((320, 5), (640, 5), (1280, 6)):
        attention = 4 * 2 * width + 2 * 2 * width + 2 * (768 + width)  # self: q, k, v, out; cross: q, out; k, v
        feed_forward = (width + 8 * width) + (4 * width + width)
        projections = 2 * 2 * width
        total += blocks * rank * (attention + feed_forward + projections)
    return total


def test_the_table_tells_every_part_and_the_target() -> None:
    job = Job("sdxl", 1024, batch=1, rank=16, precision="bf16", levels=3, target=10.0)
    found = Counted(weights=4 * 2**30, trained=2**30, activations=2**29, operators=1234, largest={})
    assert table([(job, found)]).splitlines()[-1] == (
        "| sdxl | 1024 | 1 | 16 | bf16 | UNet | 3 | 4.00 | 1.00 | 0.50 | 5.50 | ≤ 10.0 | 1234 |"
    )
