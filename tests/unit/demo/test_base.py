"""The base in the package is a whole Stable Diffusion, small, and its vocabulary knows its captions' words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from loratui.demo.emi import EMI
from loratui.demo.measure import BASE
from loratui.demo.vocabulary import build_tokenizer


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return StableDiffusionPipeline.from_pretrained(BASE, local_files_only=True).to(torch.float32)


def test_ships_in_at_most_25_megabytes() -> None:
    files = [path for path in BASE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt"}


def test_loads_as_a_stable_diffusion_pipeline(pipeline: StableDiffusionPipeline) -> None:
    assert isinstance(pipeline.unet, UNet2DConditionModel)
    assert isinstance(pipeline.vae, AutoencoderKL)
    assert isinstance(pipeline.text_encoder, CLIPTextModel)
    assert isinstance(pipeline.tokenizer, CLIPTokenizer)
    assert pipeline.safety_checker is None
    assert pipeline.feature_extractor is None
    assert all(torch.isfinite(weight).all() for weight in pipeline.unet.parameters())


def test_tokenizer_ends_and_pads_where_the_text_encoder_expects_it(pipeline: StableDiffusionPipeline) -> None:
    tokenizer, config = pipeline.tokenizer, pipeline.text_encoder.config
    assert (config.bos_token_id, config.eos_token_id) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert len(tokenizer) == config.vocab_size
    ids = tokenizer("Emi, cute girl", padding="max_length", max_length=77).input_ids
    assert len(ids) == tokenizer.model_max_length == 77
    assert ids[0] == tokenizer.bos_token_id
    assert set(ids[-60:]) == {tokenizer.eos_token_id}


def test_pooled_text_is_read_at_the_end_of_the_text(pipeline: StableDiffusionPipeline) -> None:
    ids = torch.tensor([pipeline.tokenizer("girl, brown hair", padding="max_length", max_length=77).input_ids])
    end = ids[0].tolist().index(pipeline.tokenizer.eos_token_id)
    with torch.no_grad():
        out = pipeline.text_encoder(ids)
    torch.testing.assert_close(out.pooler_output[0], out.last_hidden_state[0, end])


def test_emis_captions_fit_into_77_tokens(pipeline: StableDiffusionPipeline) -> None:
    assert max(len(pipeline.tokenizer(text).input_ids) for _, text in EMI) <= 77


def test_a_step_of_generation_gives_a_picture(pipeline: StableDiffusionPipeline) -> None:
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("girl, pink hair", num_inference_steps=1, generator=torch.Generator().manual_seed(1)).images[0]
    assert picture.size == (64, 64)


def test_measured_obedience_is_at_least_ninety_percent() -> None:
    measured = json.loads((Path(BASE) / "measured.json").read_text(encoding="utf-8"))
    assert measured["prompts"] >= 200
    assert measured["recogniser_on_drawings"]["both"] >= 0.99
    assert measured["generated"]["both"] >= 0.9


def test_a_vocabulary_makes_known_words_single_tokens_and_spells_unknown_ones() -> None:
    tokenizer = build_tokenizer(["girl, brown hair", "girl, red glasses"])
    assert len(tokenizer.tokenize("girl, brown hair")) == 4
    assert "".join(tokenizer.tokenize("Emi")) == "emi</w>"
    assert tokenizer.bos_token_id == len(tokenizer) - 2
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == len(tokenizer) - 1
