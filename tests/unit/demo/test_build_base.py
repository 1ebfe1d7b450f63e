"""The stages of the base's build, a few steps each on a handful of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from loratui.demo.build_base import denoising_loss, new_denoiser, read_plan
from loratui.demo.build_plan import Plan
from loratui.demo.build_text import ATTRIBUTES, attribute_labels, train_text_encoder
from loratui.demo.build_vae import Latents, encode, refine_decoder
from loratui.demo.corpus import Corpus, draw_corpus
from loratui.demo.models import new_scheduler, new_vae


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "base", tmp_path, pictures=6, batch_size=2, decoder_steps=2, text_steps=2)


@pytest.fixture
def corpus(plan: Plan) -> Corpus:
    return draw_corpus(plan.pictures, plan.seed, plan.work / "pictures.npy")


def test_corpus_is_kept_for_a_resumed_build(plan: Plan, corpus: Corpus) -> None:
    again = draw_corpus(plan.pictures, plan.seed, plan.work / "pictures.npy")
    assert again.characters == corpus.characters
    assert (again.pictures == corpus.pictures).all()
    assert corpus.pictures.shape == (6, 64, 64, 3)


def test_latents_have_unit_spread_and_a_refined_decoder_leaves_the_encoder_alone(plan: Plan, corpus: Corpus) -> None:
    torch.manual_seed(0)
    vae = new_vae().eval()
    latents = encode(vae, corpus)
    assert latents.mean.shape == (6, 4, 16, 16)
    draws = torch.Generator().manual_seed(0)
    sample = latents.sample(torch.arange(6), draws) * vae.config.scaling_factor
    assert sample.std().item() == pytest.approx(1.0, rel=0.05)
    before = {name: weight.clone() for name, weight in vae.state_dict().items()}
    refine_decoder(plan, corpus, vae, latents)
    changed = {name for name, weight in vae.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed
    assert {name.split(".")[0] for name in changed} <= {"decoder", "post_quant_conv"}


def test_denoising_loss_is_a_function_of_seed_and_step(plan: Plan, corpus: Corpus) -> None:
    model = new_denoiser(plan)
    latents = Latents(torch.randn(6, 4, 16, 16), torch.full((6, 4, 16, 16), 0.01))
    schedule = new_scheduler()
    losses = [denoising_loss(plan, model, corpus, latents, 1.0, schedule, step) for step in (3, 3, 4)]
    assert losses[0].item() == losses[1].item() != losses[2].item()
    losses[0].backward()
    for network in (model.unet, model.text_encoder):
        assert sum(w.grad.abs().sum().item() for w in network.parameters() if w.grad is not None) > 0


def test_reading_task_numbers_every_attribute(plan: Plan, corpus: Corpus) -> None:
    labels, choices = attribute_labels(corpus)
    assert labels.shape == (6, len(ATTRIBUTES))
    assert all(int(labels[:, i].max()) == count - 1 for i, count in enumerate(choices))
    model = new_denoiser(plan)
    before = [weight.detach().clone() for weight in model.text_encoder.parameters()]
    train_text_encoder(plan, corpus, model.text_encoder, model.tokenizer)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.text_encoder.parameters(), strict=True))


def test_plan_is_read_from_the_command_line(tmp_path: Path) -> None:
    plan = read_plan([str(tmp_path), "--unet-steps", "7", "--bf16", "--threads", "1"])
    assert (plan.unet_steps, plan.bf16, plan.out) == (7, True, tmp_path)
    assert plan.facts()["unet_steps"] == 7
    assert "out" not in plan.facts()
