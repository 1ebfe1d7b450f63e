"""What a run would take: the schedule's own steps, measured time and memory, and figures that can be checked."""

from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.checks import check
from loratui.dataset.manifest import freeze
from loratui.dataset.scan import scan
from loratui.dataset.schedule import total_steps
from loratui.hub.presence import presence
from loratui.profile.groups import changed
from loratui.profile.schema import Accelerate, Dataset, Model, Network, Profile, Training
from loratui.runs.base_parameters import OF_FAMILY, parameters_of
from loratui.runs.estimate import Device, Estimate, estimate
from loratui.runs.lora_size import lora_parameters
from loratui.runs.measured import Measurement, remember, shape_of_step
from loratui.runs.memory import dreambooth_bytes, dreambooth_memory, lora_memory

CARD = Device("RTX 2070", 8 << 30)
SD1 = OF_FAMILY["SD 1.x"]


def write_mixed_pictures(folder: Path) -> Path:
    """Pictures of several shapes in a folder with repeats."""
    pictures = folder / "3_emi"
    pictures.mkdir(parents=True)
    for number, size in enumerate([(64, 64), (96, 64), (64, 96), (64, 64), (128, 64)]):
        Image.new("RGB", size, (number, 0, 0)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text(f"Emi {number % 2}")
    return folder


def look(profile: Profile, device: Device = CARD) -> Estimate:
    base = presence(profile.model.base)
    found = scan(profile.dataset) if profile.dataset.path else None
    return estimate(profile, base, parameters_of(base), found, device)


def small(folder: Path, **training: object) -> Profile:
    dataset = Dataset(path=str(folder), resolution=64, min_bucket_reso=32, bucket_reso_steps=32)
    return Profile(dataset=dataset, training=Training(**training))


@pytest.mark.parametrize(
    "training", [{}, {"batch_size": 4, "gradient_accumulation": 2}, {"steps": 7}, {"epochs": 3, "batch_size": 1}]
)
@pytest.mark.parametrize("bucketing", [True, False])
def test_steps_are_those_of_the_schedule(tmp_path: Path, training: dict[str, int], bucketing: bool) -> None:
    profile = changed(small(write_mixed_pictures(tmp_path), **training), {"dataset.bucketing": bucketing})
    manifest = freeze(check(profile.dataset, profile.training.batch_size, profile.training.epochs), profile)
    assert look(profile).steps == total_steps(manifest, profile)


def test_regularisation_and_processes_count_as_in_the_schedule(tmp_path: Path) -> None:
    others = write_mixed_pictures(tmp_path / "reg")
    profile = small(write_mixed_pictures(tmp_path / "own"))
    profile = changed(profile, {"dataset.regularisation_path": str(others), "accelerate.processes": 2})
    manifest = freeze(check(profile.dataset, profile.training.batch_size, profile.training.epochs), profile)
    assert look(profile).steps == total_steps(manifest, profile)


def test_without_pictures_there_are_no_steps_and_no_time() -> None:
    found = look(Profile())
    assert (found.steps, found.seconds, found.files) == (None, None, None)


def test_time_and_memory_are_those_that_were_measured_for_this_shape(tmp_path: Path) -> None:
    profile = small(write_mixed_pictures(tmp_path), epochs=2)
    assert look(profile).seconds is None
    facts = ("RTX 2070", "torch 2.6", "torch.float16", "processes 1")
    shape = shape_of_step(profile, profile.model.base, (64, 64))
    remember((*facts, *shape), Measurement(1.0, 0.0, 5 << 30))
    found = look(profile)
    assert found.steps is not None
    assert found.seconds == pytest.approx(found.steps + 3 * (1 / 3 * 5 * 2 / 2))
    assert (found.memory, found.memory_is_measured) == (5 << 30, True)
    assert look(profile, Device("RTX 3090", 24 << 30)).seconds is None
    bf16 = changed(profile, {"accelerate.mixed_precision": "bf16"})
    assert look(bf16).seconds is None


def test_memory_is_weights_lora_and_activations() -> None:
    profile, base = Profile(), presence(Profile().model.base)
    found = lora_memory(profile, base, SD1, (512, 512), half=True)
    assert found is not None
    assert found.frozen == 2 * (859_520_964 + 123_060_480)
    assert found.trained == 20 * lora_parameters(profile, base, SD1)
    assert found.activations == 2 * 886 * 1024 * 1024
    one = lora_memory(Profile(training=Training(batch_size=1)), base, SD1, (512, 256), half=True)
    assert one is not None
    assert one.activations * 4 == found.activations
    assert look(profile).memory == found.whole
    assert not look(profile).memory_is_measured


@pytest.mark.parametrize(
    "changes",
    [{"training.gradient_checkpointing": True}, {"model.base": "demo"}, {"model.base": "owner/never-asked-for"}],
)
def test_where_no_figure_is_known_none_is_made_up(changes: dict[str, object]) -> None:
    assert look(changed(Profile(), changes)).memory is None


def test_the_cpu_computes_in_full_precision() -> None:
    on_card, on_cpu = look(Profile()), look(Profile(), Device("", 32 << 30))
    assert on_card.memory is not None
    assert on_cpu.memory is not None
    assert on_cpu.memory > 1.8 * on_card.memory
    full = look(Profile(accelerate=Accelerate(mixed_precision="no")))
    assert full.memory == on_cpu.memory


def test_the_file_grows_with_the_rank_and_epochs_are_counted(tmp_path: Path) -> None:
    profile = small(write_mixed_pictures(tmp_path), epochs=5, save_every=2)
    assert look(profile).files == 3
    rank_8, rank_16 = (look(Profile(network=Network(rank=rank))).file for rank in (8, 16))
    assert rank_16 == 2 * rank_8


def test_dreambooth_trains_every_weight() -> None:
    profile, base = Profile(), presence(Profile().model.base)
    found = dreambooth_memory(profile, base, SD1, (512, 512), half=True)
    assert found is not None
    assert found.trained == 16 * SD1.unet
    assert found.frozen == 2 * SD1.text_encoder
    both = dreambooth_memory(Profile(network=Network(train_text_encoder=True)), base, SD1, (512, 512), half=True)
    assert both is not None
    assert both.frozen == 0
    assert dreambooth_bytes(profile, SD1) == 2 * SD1.whole


def test_parameters_are_counted_where_the_files_are_here(tiny_base_directory: Path) -> None:
    from diffusers import UNet2DConditionModel

    found = parameters_of(presence(str(tiny_base_directory)))
    assert found is not None
    assert found.counted
    unet = UNet2DConditionModel.from_pretrained(tiny_base_directory, subfolder="unet")
    assert found.unet == sum(parameter.numel() for parameter in unet.parameters())
    assert parameters_of(presence("demo")) == parameters_of(presence(Profile(model=Model(base="demo")).model.base))
    assert parameters_of(presence("owner/never-asked-for")) is None
    default = parameters_of(presence(Profile().model.base))
    assert default is not None
    assert default.unet == SD1.unet
