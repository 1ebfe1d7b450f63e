"""What a file is, by its table of contents: whole checkpoints in their true shapes, and what is taken for one."""

from pathlib import Path

import pytest

from loratui.hub.checkpoint import checkpoint_of, read_checkpoint
from loratui.hub.family import family_of
from tests.unit.hub import original_shapes as original
from tests.unit.hub.checkpoints import write_checkpoint
from tests.unit.hub.original_shapes import Shapes

FIRST = "model.diffusion_model.input_blocks.0.0.weight"


def without(shapes: Shapes, *starts: str) -> Shapes:
    return {name: shape for name, shape in shapes.items() if not name.startswith(starts)}


def taking(channels: int, shapes: Shapes) -> Shapes:
    return shapes | {FIRST: (320, channels, 3, 3)}


def written(tmp_path: Path, shapes: Shapes) -> Path:
    return write_checkpoint(tmp_path / "mix.safetensors", shapes)


@pytest.mark.parametrize(
    ("shapes", "name", "base", "width"),
    [
        (original.SD1, "SD 1.x", "sd1", 768),
        (original.SD2, "SD 2.x", "sd2", 1024),
        (original.SDXL, "SDXL", "sdxl", 2048),
    ],
)
def test_a_whole_checkpoint_says_what_it_is_and_holds(
    tmp_path: Path, shapes: Shapes, name: str, base: str, width: int
) -> None:
    found = read_checkpoint(written(tmp_path, shapes))
    assert (found.family.name, found.family.what, found.base_family) == (name, "", base)
    assert (found.has_vae, found.text_width) == (True, width)


def test_an_average_beside_the_unet_and_counters_change_nothing(tmp_path: Path) -> None:
    beside: Shapes = {"model_ema.decay": (), "model_ema.diffusion_modelinput_blocks00weight": (320, 4, 3, 3)}
    found = read_checkpoint(written(tmp_path, original.SD1 | beside | {"betas": (1000,)}))
    assert found.family.what == ""


@pytest.mark.parametrize(
    ("shapes", "name", "word"),
    [
        (original.REFINER, "refiner", "stable-diffusion-xl-base-1.0"),
        (original.SSD_1B, "SSD-1B", "Train on SDXL"),
        (original.VEGA, "Vega", "Train on SDXL"),
        (taking(9, original.SD1), "inpaint", "plain SD 1.x"),
        (taking(9, original.SDXL), "inpaint", "plain SDXL"),
        (taking(5, original.SD2), "depth", "plain SD 2.x"),
        (taking(7, original.SD2), "upscaler", "enlarges"),
        (taking(8, original.SD1), "pix2pix", "plain SD 1.x"),
        (original.SD2 | {"model.diffusion_model.label_emb.0.0.weight": (1280, 1536)}, "unCLIP", "2.1"),
        (original.SDXL | {"edm_mean": (1, 4, 1, 1)}, "SDXL EDM", "schedule"),
        (
            original.SD1_UNET | {"cond_stage_model.roberta.embeddings.word_embeddings.weight": (9, 9)},
            "AltDiff.",
            "text",
        ),
        (original.SDXL | {"model.diffusion_model.input_blocks.4.1.time_stack.0.norm1.bias": (1,)}, "video", "video"),
        (original.SD1_UNET, "SD 1.x", "whole checkpoint"),
        (without(original.SDXL, "conditioner.embedders.1."), "SDXL", "both its text encoders"),
        (original.SD2_UNET | original.VAE, "SD 2.x", "whole checkpoint"),
        ({"model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight": (1, 1)}, "SD 3", "XL base"),
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}, "Flux", "XL base"),
        ({"model.diffusion_model.single_stream_modulation.lin.weight": (1, 1)}, "Flux", "XL base"),
        (
            {"distilled_guidance_layer.in_proj.bias": (1,), "double_blocks.0.img_attn.proj.bias": (1,)},
            "Chroma",
            "XL base",
        ),
        ({"t_block.1.weight": (1, 1)}, "PixArt", "XL base"),
        ({"mlp_t5.0.weight": (1, 1)}, "Hunyuan", "XL base"),
        (
            {"txt_in.individual_token_refiner.blocks.0.norm1.weight": (1,), "double_blocks.0.a": (1,)},
            "Hunyuan",
            "XL base",
        ),
        ({"head.modulation": (1, 2, 1)}, "Wan", "video"),
        ({"transformer.txt_norm.weight": (3584,)}, "Qwen", "XL base"),
        ({"layers.0.adaLN_modulation.0.weight": (1, 1), "cap_embedder.0.weight": (1,)}, "Z-Image", "XL base"),
        ({"cap_embedder.0.weight": (1,)}, "Lumina", "XL base"),
        ({"model.double_layers.0.attn.w1q.weight": (1, 1)}, "AuraFlow", "XL base"),
        ({"double_layers.0.attn.w1q.weight": (1, 1)}, "AuraFlow", "XL base"),
        ({"visual_transformer_blocks.0.cross_attention.key_norm.weight": (1,)}, "Kandinsky", "XL base"),
        ({"clip_txt_mapper.weight": (2048, 1280)}, "Cascade", "XL base"),
        ({"control_model.time_embed.0.weight": (1, 1)} | original.SD1_UNET, "ControlNet", "choose the base"),
        ({"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}, "ControlNet", "choose the base"),
        ({"adapter.body.0.in_conv.weight": (1, 1, 1, 1)}, "T2I-Ad.", "choose the base"),
        ({"body.0.resnets.0.block1.weight": (1, 1, 3, 3)}, "T2I-Ad.", "choose the base"),
        ({"image_proj.proj.weight": (1, 1), "ip_adapter.1.to_k_ip.weight": (1, 1)}, "IP-Ad.", "choose the base"),
        ({"down_blocks.0.motion_modules.0.temporal_transformer.norm.bias": (1,)}, "motion", "choose the base"),
        (original.VAE, "VAE", "model.vae"),
        ({"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (1,)}, "VAE", "model.vae"),
        (original.clip_text(""), "text", "CLIP-L"),
        (original.clip_text("", 1280, 1), "text", "CLIP-G"),
        (original.open_clip_text("conditioner.embedders.0.model.", 1280, 1), "text", "CLIP-G"),
        ({"encoder.block.0.layer.0.SelfAttention.q.weight": (1, 1), "shared.weight": (1, 1)}, "text", "T5"),
        ({"emb_params": (8, 768)}, "embedding", "textual inversion"),
        ({"clip_l": (4, 768), "clip_g": (4, 1280)}, "embedding", "textual inversion"),
        ({"<emi>": (768,)}, "embedding", "textual inversion"),
        ({"lora_unet_down_blocks_0_x.lora_down.weight": (4, 4)}, "LoRA", "comparison.other_loras"),
        ({"unet.down_blocks.0.attentions.0.proj_in.lora_A.weight": (4, 4)}, "LoRA", "comparison.other_loras"),
        ({"lora_unet_input_blocks_4_1.hada_w1_a": (4, 4)}, "LyCORIS", "LoHa"),
        ({"lycoris_down_blocks_0.lokr_w1": (4, 4)}, "LyCORIS", "LoHa"),
        ({"conv_in.weight": (320, 4, 3, 3), "time_embedding.linear_1.weight": (1, 1)}, "UNet", "whole checkpoint"),
        ({"input_blocks.0.0.weight": (320, 4, 3, 3)}, "UNet", "whole checkpoint"),
        ({"model_ema.diffusion_modelinput_blocks00weight": (1,)}, "unknown", "EMA"),
        ({"model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)}, "ESRGAN", "upscaler"),
        ({"params_ema.conv_first.weight": (64, 3, 3, 3)}, "ESRGAN", "upscaler"),
        ({"something.else": (1,)}, "unknown", "no UNet"),
        ({}, "unknown", "no UNet"),
    ],
)
def test_what_cannot_be_trained_is_named_with_what_to_do(tmp_path: Path, shapes: Shapes, name: str, word: str) -> None:
    family = family_of(written(tmp_path, shapes))
    assert (family.name, family.is_usable, family.base_family) == (name, False, None)
    assert word in family.about("mix")
    assert family.todo.endswith(".")


def test_a_checkpoint_without_its_vae_can_be_trained_with_another(tmp_path: Path) -> None:
    family = family_of(written(tmp_path, without(original.SDXL, "first_stage_model.")))
    assert (family.is_usable, family.needs_vae, family.needs_config) == (True, True, False)
    assert family.base_family == "sdxl"
    assert "model.vae" in family.about("mix")


def test_a_checkpoint_of_another_width_can_be_trained_by_its_own_configs(tmp_path: Path) -> None:
    narrow = original.original_unet((1, 1), 32, middle=1, multipliers=(1, 2), channels=32, linear=False)
    shapes = narrow | original.clip_text("cond_stage_model.transformer.", 32, 1)
    family = family_of(written(tmp_path, shapes | original.VAE))
    assert (family.name, family.is_usable, family.needs_config, family.needs_vae) == ("SD 1.x", True, True, False)
    assert "width 32" in family.what
    both = family_of(written(tmp_path, shapes))
    assert (both.needs_config, both.needs_vae) == (True, True)
    assert "model.config" in both.todo
    assert "model.vae" in both.todo


@pytest.mark.parametrize("dtype", ["F8_E4M3", "I8", "U8"])
def test_weights_that_were_made_coarse_are_refused(tmp_path: Path, dtype: str) -> None:
    attention = "model.diffusion_model.middle_block.1.proj_in.weight"
    path = write_checkpoint(tmp_path / "mix.safetensors", original.SDXL, types={attention: dtype})
    family = family_of(path)
    assert (family.name, family.is_usable) == ("SDXL", False)
    assert dtype in family.what
    assert "fp16" in family.todo


@pytest.mark.parametrize(
    ("shapes", "metadata", "prediction", "ends_in_noise", "side"),
    [
        (original.SD1, {}, "epsilon", False, 512),
        (original.SDXL, {}, "epsilon", False, 1024),
        (original.SD2, {}, None, None, None),
        (original.SD2, {"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v_prediction", None, 768),
        (original.SD2, {"modelspec.architecture": "stable-diffusion-v2-512"}, "epsilon", False, 512),
        (original.SD2, {"modelspec.prediction_type": "v"}, "v_prediction", None, 768),
        (
            original.SD2,
            {"modelspec.prediction_type": "v", "modelspec.resolution": "640x640"},
            "v_prediction",
            None,
            640,
        ),
        (original.SD2, {"modelspec.resolution": "nonsense"}, None, None, None),
        (original.SDXL | {"v_pred": (0,), "ztsnr": (0,)}, {}, "v_prediction", True, 1024),
        (original.SDXL | {"v_pred": (0,)}, {"modelspec.prediction_type": "epsilon"}, "v_prediction", False, 1024),
        (original.SD2 | {"ztsnr": (0,)}, {}, None, True, None),
        (original.SDXL, {"modelspec.prediction_type": "v"}, "v_prediction", None, 1024),
        (original.REFINER | {"v_pred": (0,)}, {}, None, None, None),
    ],
)
def test_prediction_and_schedule_are_told_by_markers(
    tmp_path: Path,
    shapes: Shapes,
    metadata: dict[str, str],
    prediction: str | None,
    ends_in_noise: bool | None,
    side: int | None,
) -> None:
    found = read_checkpoint(write_checkpoint(tmp_path / "mix.safetensors", shapes, metadata))
    assert (found.prediction, found.zero_terminal_snr, found.native_resolution) == (prediction, ends_in_noise, side)


def test_an_empty_table_of_contents_says_nothing() -> None:
    found = checkpoint_of({}, {})
    assert (found.base_family, found.prediction, found.has_vae, found.text_width) == (None, None, False, None)
