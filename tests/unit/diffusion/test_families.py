"""The three families side by side: loading from directories and single files, reading text, telling sizes."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import PictureSizes, joined
from loratui.diffusion.loading import load_base
from loratui.diffusion.loading_checkpoint import predicts_velocity
from loratui.diffusion.loading_directory import family_of_configs
from loratui.diffusion.text import encode_captions, encode_prompts, windows
from loratui.errors import BaseModelError
from loratui.lora_file.naming import BaseFamily
from loratui.profile.schema import Model
from tests.original_layout import write_single_file
from tests.tiny_base import POOLED_DIM, write_tiny_base, write_tiny_sd2, write_tiny_xl

CPU = torch.device("cpu")
LONG = " ".join(f"word{number}" for number in range(40))


def load(**settings: object) -> BaseModel:
    return load_base(Model(**settings), device=CPU, dtype=torch.float32)


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[BaseFamily, Path]:
    folder = tmp_path_factory.mktemp("families")
    return {
        "sd1": write_tiny_base(folder / "sd1"),
        "sd2": write_tiny_sd2(folder / "sd2"),
        "sdxl": write_tiny_xl(folder / "sdxl"),
    }


@pytest.fixture(scope="module")
def xl(directories: dict[BaseFamily, Path]) -> BaseModel:
    return load(base=str(directories["sdxl"]))


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    left, right = first.state_dict(), second.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_single_file_is_the_same_base_as_its_directory(
    directories: dict[BaseFamily, Path], tmp_path: Path, family: BaseFamily
) -> None:
    whole = load(base=str(directories[family]))
    file = write_single_file(directories[family], tmp_path / "tiny.safetensors")
    alone = load(base=str(file), config=str(directories[family]))
    assert (whole.family, alone.family) == (family, family)
    assert alone.prediction_type == whole.prediction_type
    for component, model in whole.components.items():
        assert same(model, alone.components[component]), component
    assert same(whole.vae, alone.vae)
    ids = [[windows(text.tokenizer, "Emi, girl", 1) for text in base.texts] for base in (whole, alone)]
    assert all(torch.equal(one, other) for one, other in zip(*ids, strict=True))


def test_averaged_weights_beside_the_others_are_not_taken(directories: dict[BaseFamily, Path], tmp_path: Path) -> None:
    whole = load(base=str(directories["sd1"]))
    averaged = {
        f"model_ema.{name.replace('.', '')}": torch.zeros_like(tensor)
        for name, tensor in whole.unet.state_dict().items()
    }
    file = write_single_file(directories["sd1"], tmp_path / "ema.safetensors", extra=averaged)
    assert same(load(base=str(file), config=str(directories["sd1"])).unet, whole.unet)


def test_mixes_of_the_first_months_are_read_whose_text_encoder_is_named_otherwise(
    directories: dict[BaseFamily, Path], tmp_path: Path
) -> None:
    file = write_single_file(directories["sd1"], tmp_path / "old.safetensors")
    named = {
        name.replace("transformer.text_model.", "transformer."): tensor for name, tensor in load_file(file).items()
    }
    save_file(named, file)
    whole, old = load(base=str(directories["sd1"])), load(base=str(file), config=str(directories["sd1"]))
    assert same(old.text_encoder, whole.text_encoder)


@pytest.mark.parametrize(("family", "padding"), [("sd1", "<|endoftext|>"), ("sd2", "!"), ("sdxl", "!")])
def test_an_exclamation_mark_is_no_padding(
    directories: dict[BaseFamily, Path], family: BaseFamily, padding: str
) -> None:
    text = load(base=str(directories[family])).texts[-1]
    mark, filling = text.tokenizer.convert_tokens_to_ids(["!</w>", padding])
    [ids] = windows(text.tokenizer, "!", 1).tolist()
    assert ids == [text.tokenizer.bos_token_id, mark, text.tokenizer.eos_token_id, *[filling] * 74]


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_files_load(directories: dict[BaseFamily, Path], tmp_path: Path, precision: torch.dtype) -> None:
    file = write_single_file(directories["sdxl"], tmp_path / "half.safetensors")
    save_file({name: tensor.to(precision) for name, tensor in load_file(file).items()}, file)
    base = load(base=str(file), config=str(directories["sdxl"]))
    whole = load(base=str(directories["sdxl"]))
    for ours, theirs in zip(base.unet.parameters(), whole.unet.parameters(), strict=True):
        assert torch.equal(ours, theirs.to(precision).float())
    assert base.vae.dtype == torch.float32


def test_marks_in_the_file_say_velocity_and_zero_terminal_snr(
    directories: dict[BaseFamily, Path], tmp_path: Path
) -> None:
    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    file = write_single_file(directories["sdxl"], tmp_path / "noob.safetensors", extra=marks)
    base = load(base=str(file), config=str(directories["sdxl"]))
    assert base.prediction_type == "v_prediction"
    assert float(base.schedule.alphas_cumprod[-1]) < 1e-6
    plain = load(base=str(file), config=str(directories["sdxl"]), prediction="epsilon")
    assert plain.prediction_type == "epsilon"
    assert float(plain.schedule.alphas_cumprod[-1]) > 1e-3
    assert not plain.scheduler_config["rescale_betas_zero_snr"]


def test_the_profile_sets_zero_terminal_snr(directories: dict[BaseFamily, Path]) -> None:
    plain, ending = (load(base=str(directories["sd2"]), zero_terminal_snr=said) for said in ("auto", "on"))
    assert float(plain.schedule.alphas_cumprod[-1]) > 1e-3
    assert float(ending.schedule.alphas_cumprod[-1]) < 1e-6


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_pure_noise_is_refused_for_a_base_that_predicts_it(
    directories: dict[BaseFamily, Path], family: BaseFamily
) -> None:
    with pytest.raises(BaseModelError, match="zero_terminal_snr is on") as caught:
        load(base=str(directories[family]), zero_terminal_snr="on")
    assert "v_prediction" in caught.value.todo
    told = load(base=str(directories[family]), zero_terminal_snr="on", prediction="v_prediction")
    assert float(told.schedule.alphas_cumprod[-1]) < 1e-6


def test_the_width_of_the_text_decides_the_family_before_the_projections(
    directories: dict[BaseFamily, Path], tmp_path: Path
) -> None:
    file = tmp_path / "unet" / "config.json"
    file.parent.mkdir()
    told = json.loads((directories["sd1"] / "unet" / "config.json").read_text())
    for width, linear, family in ((768, True, "sd1"), (1024, False, "sd2"), (32, True, "sd2"), (32, False, "sd1")):
        file.write_text(json.dumps({**told, "cross_attention_dim": width, "use_linear_projection": linear}))
        assert family_of_configs(tmp_path) == family


@pytest.mark.parametrize(("shift", "velocity"), [(0.0, False), (-3.0, True)])
def test_a_unet_is_asked_what_it_predicts(directories: dict[BaseFamily, Path], shift: float, velocity: bool) -> None:
    unet = load(base=str(directories["sd2"])).unet
    with torch.no_grad():
        unet.conv_out.weight.zero_()
        unet.conv_out.bias.fill_(0.5 + shift)
    assert predicts_velocity(unet) is velocity


def test_without_a_vae_the_setting_for_one_is_named(directories: dict[BaseFamily, Path], tmp_path: Path) -> None:
    file = write_single_file(directories["sdxl"], tmp_path / "bare.safetensors", with_vae=False)
    with pytest.raises(BaseModelError, match=r"model\.vae"):
        load(base=str(file), config=str(directories["sdxl"]))


def test_prompts_of_sdxl_are_read_as_diffusers_reads_them(directories: dict[BaseFamily, Path], xl: BaseModel) -> None:
    pipeline = StableDiffusionXLPipeline.from_pretrained(directories["sdxl"])
    states, _, pooled, _ = pipeline.encode_prompt("Emi, girl", device=CPU, do_classifier_free_guidance=False)
    told = encode_prompts(xl, ["Emi, girl"])
    torch.testing.assert_close(told.states, states)
    torch.testing.assert_close(told.pooled, pooled)


def test_captions_of_sdxl_are_joined_and_summed_up_by_their_first_window(xl: BaseModel) -> None:
    told = encode_captions(xl, [LONG, "b"], max_token_length=150)
    assert told.states.shape == (2, 152, 32 + 24)
    assert told.pooled is not None
    assert told.pooled.shape == (2, POOLED_DIM)
    ids = windows(xl.tokenizer_2, LONG, 2)
    both = xl.text_encoder_2(ids, output_hidden_states=True)
    torch.testing.assert_close(told.pooled[0], both.text_embeds[0])
    torch.testing.assert_close(told.states[0, 76:, 32:], both.hidden_states[-2][1, 1:])


def test_sizes_reach_the_unet_in_diffusers_order(xl: BaseModel) -> None:
    told = encode_prompts(xl, ["a", "b"]).with_sizes(
        [PictureSizes((10, 20), (1, 2), (30, 40)), PictureSizes.whole(8, 6)]
    )
    assert told.sizes is not None
    assert told.sizes.tolist() == [[10, 20, 1, 2, 30, 40], [6, 8, 0, 0, 6, 8]]
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = xl.predict(latents, torch.tensor([500, 500]), told)
        theirs = xl.unet(
            latents,
            500,
            encoder_hidden_states=told.states,
            added_cond_kwargs={"text_embeds": told.pooled, "time_ids": told.sizes},
        ).sample
        other = xl.predict(latents, torch.tensor([500, 500]), told.with_sizes([PictureSizes.whole(8, 6)] * 2))
    torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(ours[0], other[0])


def test_a_base_that_asks_for_no_sizes_is_told_none(directories: dict[BaseFamily, Path], xl: BaseModel) -> None:
    told = encode_prompts(load(base=str(directories["sd1"])), ["a"])
    assert told.with_sizes([PictureSizes.whole(8, 8)]).added is None
    with pytest.raises(ValueError, match="sizes"):
        _ = encode_prompts(xl, ["a"]).added


def test_rows_are_joined_chosen_and_repeated(xl: BaseModel) -> None:
    first, second = (encode_prompts(xl, [prompt]).with_sizes([PictureSizes.whole(8, 8)]) for prompt in "ab")
    both = joined([first, second])
    assert len(both) == 2
    for told, expected in ((both[:1], first), (both[1:], second), (second.expand(3)[2:], second)):
        assert torch.equal(told.states, expected.states)
        assert torch.equal(told.pooled, expected.pooled)  # type: ignore[arg-type]
        assert torch.equal(told.sizes, expected.sizes)  # type: ignore[arg-type]
    nothing = both.zeros()
    assert not nothing.states.any()
    assert nothing.sizes is not None
    assert nothing.sizes.any()
