"""One update: the same whatever way the global batch is cut, and the one that plain PyTorch would make."""

import copy
import itertools

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.profile.schema import Network, Training
from loratui.training.objective import Batch, weighted_errors
from loratui.training.processes import Processes
from loratui.training.step import TrainingStep

CPU = torch.device("cpu")
SETTINGS = Training(unet_lr=1e-2, warmup=0.0, scheduler="constant")


def batch_of(count: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        latents=torch.randn(count, 4, 16, 16, generator=generator),
        noise=torch.randn(count, 4, 16, 16, generator=generator),
        timesteps=torch.randint(1000, (count,), generator=generator),
        conditioning=Conditioning(torch.randn(count, 77, 32, generator=generator)),
        weights=torch.linspace(0.2, 1.0, count),
    )


def part(batch: Batch, start: int, stop: int) -> Batch:
    fields = (batch.latents, batch.noise, batch.timesteps, batch.conditioning, batch.weights)
    return Batch(*(field[start:stop] for field in fields))


def fresh(base: BaseModel, settings: Training = SETTINGS) -> TrainingStep:
    components = {"unet": base.unet}
    network = LoraNetwork(
        components, trained_layers(components, Network(rank=4, alpha=4.0)), seed=1, device=CPU, dtype=base.dtype
    )
    return TrainingStep(base, network, settings, total_steps=10, processes=Processes(CPU))


@pytest.mark.parametrize("cuts", [(0, 4), (0, 2, 4), (0, 1, 2, 3, 4), (0, 3, 4)])
def test_the_update_does_not_depend_on_how_the_batch_is_cut(base: BaseModel, cuts: tuple[int, ...]) -> None:
    whole = batch_of(4)
    reference = fresh(base)
    expected = [reference.take([whole], 4) for _ in range(3)]
    masters = reference.network.groups[0].master.detach().clone()
    reference.network.detach()

    step = fresh(base)
    pieces = [part(whole, start, stop) for start, stop in itertools.pairwise(cuts)]
    results = [step.take(pieces, 4) for _ in range(3)]

    for ours, theirs in zip(results, expected, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-4)
    # AdamW turns a gradient's rounding near zero into a step of either sign: compare where the update is large.
    torch.testing.assert_close(step.network.groups[0].master, masters, rtol=1e-3, atol=2e-4)


def test_the_update_is_the_one_of_plain_adamw(base: BaseModel) -> None:
    batch = batch_of(3)
    step = fresh(base)
    network = step.network
    plain = [factor.clone().requires_grad_() for target in network.targets for factor in network.factors(target.key)]
    optimizer = torch.optim.AdamW(plain, lr=1e-2, weight_decay=SETTINGS.weight_decay, fused=False)
    step.take([batch], 3)
    trained = [factor.clone() for target in network.targets for factor in network.factors(target.key)]

    leaves = iter(plain)
    for target in network.targets:
        adapter = network.adapter(target.key)
        adapter.down, adapter.up = next(leaves), next(leaves) * target.scale
    loss = weighted_errors(base, base.schedule, batch).sum() / 3
    loss.backward()
    torch.nn.utils.clip_grad_norm_(plain, 1.0)
    optimizer.step()

    for ours, theirs in zip(trained, plain, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=1e-6)


def test_loss_is_the_weighted_sum_over_the_number_of_samples(base: BaseModel) -> None:
    batch = batch_of(3)
    with torch.no_grad():
        noisy = base.schedule.add_noise(batch.latents, batch.noise, batch.timesteps)
        prediction = base.unet(noisy, batch.timesteps, batch.conditioning.states).sample
        errors = (prediction - batch.noise).square().mean(dim=(1, 2, 3))
        expected = float((errors * batch.weights).sum() / 3)
    assert fresh(base).take([batch], 3).loss == pytest.approx(expected, rel=1e-5)


def test_gradient_checkpointing_changes_no_gradient(base: BaseModel) -> None:
    batch = batch_of(2)
    step = fresh(base)
    plain = step.take([batch], 2)
    masters = step.network.groups[0].master.detach().clone()
    step.network.detach()
    base.unet.train().enable_gradient_checkpointing()
    step = fresh(base)
    checkpointed = step.take([batch], 2)
    assert checkpointed.loss == plain.loss
    torch.testing.assert_close(step.network.groups[0].master.detach(), masters, rtol=1e-5, atol=1e-7)


def test_clipping_shortens_a_long_gradient_and_leaves_a_short_one(base: BaseModel) -> None:
    from loratui.training.optimizer import clip_gradients, gradient_norm

    network = fresh(base).network
    network.groups[0].gradient.fill_(1.0)
    length = float(gradient_norm(network))
    assert length == pytest.approx(network.parameter_count**0.5, rel=1e-5)
    clip_gradients(network, gradient_norm(network), 2 * length)
    assert float(gradient_norm(network)) == pytest.approx(length)
    clip_gradients(network, gradient_norm(network), 1.0)
    assert float(gradient_norm(network)) == pytest.approx(1.0, rel=1e-4)
    clip_gradients(network, gradient_norm(network), 0)
    assert float(gradient_norm(network)) == pytest.approx(1.0, rel=1e-4)


def half_precision(base: BaseModel, dtype: torch.dtype) -> BaseModel:
    half = copy.copy(base)
    half.unet, half.dtype = copy.deepcopy(base.unet).to(dtype), dtype
    return half


def test_bf16_follows_fp32(base: BaseModel) -> None:
    batch = batch_of(4)
    reference = fresh(base)
    losses = [reference.take([batch], 4).loss for _ in range(8)]
    reference.network.detach()
    step = fresh(half_precision(base, torch.bfloat16))
    halves = [step.take([batch], 4).loss for _ in range(8)]
    assert losses[-1] < losses[0]
    assert halves == pytest.approx(losses, rel=0.02)


def test_fp16_overflow_skips_the_update_and_lowers_the_scale(base: BaseModel) -> None:
    batch = batch_of(2)
    step = fresh(half_precision(base, torch.float16))
    step.loss_scale.scale = 2.0**40  # far beyond fp16: every gradient overflows
    masters = step.network.groups[0].master.detach().clone()

    result = step.take([batch], 2)

    assert result.overflowed
    assert step.loss_scale.scale == 2.0**39
    assert torch.equal(step.network.groups[0].master.detach(), masters)
    assert step.schedule.last_epoch == 0
    step.loss_scale.scale = 128.0
    assert not step.take([batch], 2).overflowed
    assert not torch.equal(step.network.groups[0].master.detach(), masters)
    assert step.schedule.last_epoch == 1


def test_loss_scale_grows_after_a_calm_stretch() -> None:
    from loratui.training.precision import LossScale

    scale = LossScale(torch.float16)
    for _ in range(LossScale.GROWTH_INTERVAL):
        scale.update(overflow=False)
    assert scale.scale == 2 * 65536
    scale.update(overflow=True)
    assert scale.scale == 65536
    plain = LossScale(torch.bfloat16)
    plain.update(overflow=True)
    assert plain.scale == 1.0


@pytest.mark.parametrize(
    ("scheduler", "at_start", "at_half", "at_end"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("linear", 1.0, 0.5, 0.0),
        ("cosine", 1.0, 0.5, 0.0),
        ("cosine_with_restarts", 1.0, 1.0, 0.0),
    ],
)
def test_learning_rate_schedules(
    base: BaseModel, scheduler: str, at_start: float, at_half: float, at_end: float
) -> None:
    from loratui.training.optimizer import build_optimizer, build_schedule

    settings = Training(unet_lr=1.0, scheduler=scheduler, warmup=0.2, scheduler_cycles=2)
    optimizer = build_optimizer(fresh(base).network, settings)
    schedule = build_schedule(optimizer, settings, 100)
    rates = []
    for _ in range(101):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates[0] == 0.0
    assert rates[10] == pytest.approx(0.5)
    assert rates[20] == pytest.approx(at_start)
    assert rates[60] == pytest.approx(at_half, abs=1e-6)
    assert rates[100] == pytest.approx(at_end, abs=1e-6)


def test_unet_and_text_encoder_learn_at_their_own_rates(base: BaseModel) -> None:
    from loratui.training.optimizer import build_optimizer

    components = {"unet": base.unet, "text_encoder": base.text_encoder}
    network = LoraNetwork(
        components, trained_layers(components, Network(rank=2)), seed=1, device=CPU, dtype=torch.float32
    )
    optimizer = build_optimizer(network, Training(unet_lr=1e-3, text_encoder_lr=1e-5))
    assert {group["name"]: group["lr"] for group in optimizer.param_groups} == {"unet": 1e-3, "text_encoder": 1e-5}


def spoilt(step: TrainingStep) -> None:
    """Have the next update meet a gradient that is no number."""
    step.network.groups[0].gradient[0] = float("nan")


def test_updates_heard_of_together_are_those_heard_of_one_by_one(base: BaseModel) -> None:
    batch = batch_of(2)
    one_by_one = fresh(base)
    expected = [one_by_one.take([batch], 2) for _ in range(4)]
    masters = one_by_one.network.groups[0].master.detach().clone()
    one_by_one.network.detach()

    step = fresh(base)
    for _ in range(4):
        step.accumulate([batch], 2)
        step.update()
    assert step.unheard == 4
    assert step.results() == expected
    assert (step.unheard, step.results()) == (0, [])
    assert torch.equal(step.network.groups[0].master.detach(), masters)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_nothing_is_taken_behind_an_update_that_is_not_finite(base: BaseModel, dtype: torch.dtype) -> None:
    batch = batch_of(2)
    settings = Training(unet_lr=1e-3, warmup=0.5, scheduler="cosine")
    step = fresh(half_precision(base, dtype), settings)
    first = step.take([batch], 2)
    masters, scalars = step.state()
    rate = step.optimizer.param_groups[0]["lr"]
    for number in range(3):
        step.accumulate([batch], 2)
        if number == 1:
            spoilt(step)
        step.update()

    good, bad = step.results()

    assert good.is_finite
    assert not good.overflowed
    assert bad.overflowed == (dtype == torch.float16)
    assert bad.is_finite == (dtype == torch.float16)
    after, _ = step.state()
    assert float(after["optimizer.unet.step"]) == 2
    assert step.schedule.last_epoch == 2
    assert step.optimizer.param_groups[0]["lr"] > rate
    assert step.loss_scale.scale == (scalars["scale"] / 2 if dtype == torch.float16 else 1.0)

    # The same as if the bad one had never been: the next update is the third.
    following = step.take([batch], 2)
    reference = fresh(half_precision(base, dtype), settings)
    reference.loss_scale.scale = step.loss_scale.scale
    expected = [reference.take([batch], 2) for _ in range(3)]
    assert first.loss == expected[0].loss
    assert following.learning_rate == expected[2].learning_rate
    # fp16 rounds otherwise under another loss scale, and AdamW turns a rounding near zero into a step of either sign.
    nearness = 2e-3 if dtype == torch.float16 else 1e-7
    expected_masters = reference.network.groups[0].master.detach()
    torch.testing.assert_close(step.network.groups[0].master.detach(), expected_masters, rtol=0, atol=nearness)
    assert not torch.equal(step.network.groups[0].master.detach(), masters["master.unet"])


def test_a_state_forgets_what_was_not_heard_of(base: BaseModel) -> None:
    batch = batch_of(2)
    step = fresh(base)
    state = step.state()
    step.accumulate([batch], 2)
    spoilt(step)
    step.update()
    step.restore(*state, step=0)
    assert step.unheard == 0
    assert step.take([batch], 2).is_finite
