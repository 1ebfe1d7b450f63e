"""LoRA files as other tools write them do in every layer what A1111 would do: W + strength·(alpha ÷ rank)·B·A."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_loading import attach_lora
from loratui.errors import LoraFileError
from loratui.lora_file.header import read_header
from tests.unit.diffusion.foreign_files import (
    Tensors,
    Trained,
    assert_same,
    by_hand,
    comfyui,
    diffusers_new,
    diffusers_old,
    diffusers_processors,
    diffusers_with_text_model,
    in_diffusers,
    in_kohyas_names,
    kohya_with_diffusers_blocks,
    kohya_with_original_blocks,
    layers_of,
    of_layers,
    peft,
    pipeline_of,
    random_lora,
    without_alphas,
    without_text_model,
)

STRENGTH = -0.7


@pytest.fixture(params=["sd1", "sd2", "sdxl"])
def base(request: pytest.FixtureRequest, bases: dict[str, BaseModel]) -> Iterator[BaseModel]:
    """Each of them; a test leaves it as it was."""
    base = bases[request.param]
    yield base
    assert not any(hasattr(layer, "adapters") for root in base.components.values() for layer in root.modules())


def check(base: BaseModel, file: Path, loras: list[Trained]) -> None:
    """Every layer of `loras`, and no other, does what the formula says."""
    places = list(layers_of(base))
    expected = of_layers(base, places) | by_hand(base, loras, STRENGTH)
    with attach_lora(base, file) as attached:
        attached.set_strength(STRENGTH)
        assert attached.layers == len(loras)
        assert_same(of_layers(base, places), expected)


@pytest.mark.parametrize("conv", [False, True])
def test_kohyas_file_does_the_same_here_by_hand_and_in_diffusers(base: BaseModel, tmp_path: Path, conv: bool) -> None:
    file, loras = tmp_path / "kohya.safetensors", random_lora(base, conv=conv)
    save_file(in_kohyas_names(loras), file)
    check(base, file, loras)
    places = [(lora.component, lora.path) for lora in loras]
    assert_same(in_diffusers(base, file, STRENGTH, places), by_hand(base, loras, STRENGTH))


def test_each_layer_has_its_own_rank_and_alpha_or_none(base: BaseModel, tmp_path: Path) -> None:
    loras = random_lora(base, conv=True, mixed=True)
    assert {lora.alpha for lora in loras} == {None, 0.5, 3.0, 8.0}
    file = tmp_path / "mixed.safetensors"
    save_file(in_kohyas_names(loras), file)
    check(base, file, loras)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_factors_in_half_precision_count_as_they_are(base: BaseModel, tmp_path: Path, precision: torch.dtype) -> None:
    file, loras = tmp_path / "half.safetensors", random_lora(base)
    tensors = {name: tensor.to(precision) for name, tensor in in_kohyas_names(loras).items()}
    save_file(tensors, file)
    rounded = [
        Trained(lora.component, lora.path, lora.kohya, lora.down.to(precision), lora.up.to(precision), lora.alpha)
        for lora in loras
    ]
    check(base, file, rounded)


@pytest.mark.parametrize(
    "write",
    [
        kohya_with_diffusers_blocks,
        kohya_with_original_blocks,
        without_text_model,
        diffusers_new,
        diffusers_with_text_model,
        diffusers_old,
        diffusers_processors,
        peft,
        comfyui,
    ],
)
def test_every_way_of_naming_reaches_the_same_layers(
    base: BaseModel, tmp_path: Path, write: Callable[[BaseModel, list[Trained]], Tensors]
) -> None:
    loras = without_alphas(random_lora(base, conv=True))
    file, tensors = tmp_path / "other.safetensors", write(base, loras)
    save_file(tensors, file)
    if write is diffusers_processors:
        loras = [lora for lora in loras if any(lora.down is factor for factor in tensors.values())]
        assert {lora.component for lora in loras} == set(base.components)
    check(base, file, loras)


@pytest.mark.parametrize("told", [True, False], ids=["alphas in the header", "no alphas"])
def test_what_diffusers_itself_saves_does_here_what_it_did_there(base: BaseModel, tmp_path: Path, told: bool) -> None:
    """peft adapters with ranks and alphas by pattern, written by `save_lora_weights`."""
    layers = layers_of(base)
    saved, places = {}, []
    for component, root in base.components.items():
        names = ("to_q", "to_out.0", "proj_in", "conv1") if component == "unet" else ("q_proj", "fc1")
        config = LoraConfig(
            r=4,
            lora_alpha=6 if told else 4,
            target_modules=list(names),
            rank_pattern={names[1]: 2} if told else {},
            alpha_pattern={names[1]: 5, names[0]: 1} if told else {},
            init_lora_weights=False,
        )
        torch.manual_seed(1)
        root.add_adapter(config, adapter_name="theirs")
        saved[f"{component}_lora_layers"] = get_peft_model_state_dict(
            root, adapter_name="theirs", save_embedding_layers=False
        )
        if told:
            saved[f"{component}_lora_adapter_metadata"] = config.to_dict()
        endings = tuple(f".{name}" for name in names)
        places += [place for place in layers if place[0] == component and place[1].endswith(endings)]
    expected = of_layers(base, places)
    pipeline = pipeline_of(base)
    pipeline.save_lora_weights(tmp_path, weight_name="theirs.safetensors", **saved)
    pipeline.unload_lora_weights()
    bare = of_layers(base, places)
    assert all(not torch.allclose(bare[place], expected[place]) for place in places)

    file = tmp_path / "theirs.safetensors"
    assert ("lora_adapter_metadata" in read_header(file).metadata) is told
    with attach_lora(base, file) as attached:
        assert attached.layers == len(places)
        assert_same(of_layers(base, places), expected)


@pytest.mark.parametrize("part", ["unet", "text_encoder", "text_encoder_2"])
def test_a_file_of_one_model_leaves_the_others_alone(base: BaseModel, tmp_path: Path, part: str) -> None:
    if part not in base.components:
        return
    loras = [lora for lora in random_lora(base) if lora.component == part]
    file = tmp_path / "one.safetensors"
    save_file(in_kohyas_names(loras), file)
    check(base, file, loras)


def test_linear_factors_written_as_convolutions_and_the_other_way_round(base: BaseModel, tmp_path: Path) -> None:
    loras = random_lora(base)
    tensors = in_kohyas_names(loras)
    for name, tensor in tensors.items():
        if tensor.dim() == 2:
            tensors[name] = tensor[:, :, None, None].contiguous()
        elif tensor.dim() == 4 and name.endswith("lora_up.weight"):
            tensors[name] = tensor.flatten(1)
    file = tmp_path / "four.safetensors"
    save_file(tensors, file)
    check(base, file, loras)


@pytest.mark.parametrize(
    ("made_for", "used_with"), [("sd1", "sdxl"), ("sdxl", "sd1"), ("sdxl", "sd2"), ("sd2", "sdxl")]
)
def test_the_first_module_that_does_not_fit_another_family_is_named(
    bases: dict[str, BaseModel], tmp_path: Path, made_for: str, used_with: str
) -> None:
    loras, other = random_lora(bases[made_for]), bases[used_with]
    file = tmp_path / "strange.safetensors"
    save_file(in_kohyas_names(loras), file)
    theirs = {(lora.component, lora.path): (lora.down.numel(), lora.up.numel()) for lora in random_lora(other)}
    strange = {
        f"{lora.kohya}.lora_down.weight": lora.kohya
        for lora in loras
        if theirs.get((lora.component, lora.path)) != (lora.down.numel(), lora.up.numel())
    }
    first = next(strange[name] for name in read_header(file).tensors if name in strange)
    with pytest.raises(LoraFileError, match=rf"does not fit the base .*{first}\b") as failure:
        attach_lora(other, file)
    assert "family" in str(failure.value)
    assert not any(hasattr(layer, "adapters") for root in other.components.values() for layer in root.modules())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("half", ["lora_down", "lora_up"])
def test_values_that_are_no_numbers_are_refused(
    bases: dict[str, BaseModel], tmp_path: Path, value: float, half: str
) -> None:
    base = bases["sdxl"]
    loras = random_lora(base)
    tensors = in_kohyas_names(loras)
    tensors[f"{loras[3].kohya}.{half}.weight"].view(-1)[5] = value
    file = tmp_path / "damaged.safetensors"
    save_file(tensors, file)
    with pytest.raises(LoraFileError, match=rf"{loras[3].kohya} holds values that are no numbers"):
        attach_lora(base, file)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_alpha_that_is_no_number_is_refused(bases: dict[str, BaseModel], tmp_path: Path, value: float) -> None:
    loras = random_lora(base := bases["sd2"])
    file = tmp_path / "damaged.safetensors"
    save_file({**in_kohyas_names(loras), f"{loras[0].kohya}.alpha": torch.tensor(value)}, file)
    with pytest.raises(LoraFileError, match=rf"alpha of module {loras[0].kohya}"):
        attach_lora(base, file)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), "LoHa"),
        (("lokr_w1", "lokr_w2"), "LoKr"),
        (("oft_blocks",), "OFT"),
        (("lora_down.weight", "lora_up.weight", "dora_scale"), "DoRA"),
        (("lora_down.weight", "lora_up.weight", "lora_mid.weight"), "CP decomposition"),
        (("diff",), "full weight differences"),
    ],
)
def test_other_kinds_are_named_and_nothing_of_them_is_applied(
    bases: dict[str, BaseModel], tmp_path: Path, parts: tuple[str, ...], kind: str
) -> None:
    odd, *plain = random_lora(base := bases["sdxl"])
    file = tmp_path / "other.safetensors"
    save_file(in_kohyas_names(plain) | {f"{odd.kohya}.{part}": torch.ones(4, 4) for part in parts}, file)
    with pytest.raises(LoraFileError, match=kind):
        attach_lora(base, file)
