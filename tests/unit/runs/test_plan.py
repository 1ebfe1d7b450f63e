import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.checks import check
from loratui.errors import BaseModelError, LoratuiError, RunError
from loratui.hub.presence import presence
from loratui.profile.groups import changed
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import parameters_of
from loratui.runs.lora_size import lora_bytes
from loratui.runs.places import DiskNeed, check_room, check_writable
from loratui.runs.plan import Plan, make_plan
from tests.permissions import bound_by_permissions
from tests.unit.hub.checkpoints import INPAINTING, LORA, SD1, WHOLE_SDXL, whole, write_checkpoint


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    pictures = tmp_path / "pictures" / "5_emi_person"
    pictures.mkdir(parents=True)
    for number, size in enumerate([(64, 64), (64, 64), (64, 64), (96, 64)]):
        Image.new("RGB", size, (number, 0, 0)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("Emi, girl")
    base = tmp_path / "base"
    base.mkdir()
    (base / "model_index.json").write_text(json.dumps({}))
    profile = Profile()
    profile.model.base = str(base)
    profile.dataset.path = str(pictures.parent)
    profile.dataset.min_bucket_reso = 32
    profile.dataset.resolution = 64
    profile.dataset.bucket_reso_steps = 8
    profile.output.directory = str(tmp_path / "output")
    profile.output.name = "emi"
    profile.training.epochs = 4
    return profile


def plan_of(profile: Profile) -> Plan:
    return make_plan(profile, check(profile.dataset, profile.training.batch_size, profile.training.epochs))


def test_steps_follow_kohyas_rule(profile: Profile) -> None:
    plan = plan_of(profile)
    # 3 square pictures × 5 repeats make 8 batches of 2; the wide one × 5 makes 3.
    assert [(bucket.images, bucket.samples) for bucket in plan.buckets] == [(3, 15), (1, 5)]
    assert plan.batches_per_epoch == 11
    assert (plan.images, plan.epochs, plan.steps) == (4, 4, 44)
    assert [(folder.images, folder.repeats) for folder in plan.folders] == [(4, 5)]


def test_accumulation_and_a_number_of_steps_are_counted(profile: Profile) -> None:
    profile.training.gradient_accumulation = 2
    profile.training.steps = 13
    plan = plan_of(profile)
    assert (plan.steps_per_epoch, plan.steps, plan.epochs) == (6, 13, 3)


def test_the_files_are_those_that_stay(profile: Profile) -> None:
    def names() -> list[str]:
        return [file.name for file in plan_of(profile).files]

    assert names() == [
        "emi-000001.safetensors",
        "emi-000002.safetensors",
        "emi-000003.safetensors",
        "emi.safetensors",
        "emi-grid.png",
    ]
    profile.training.keep_last = 1
    profile.comparison.enabled = False
    assert names() == ["emi-000003.safetensors", "emi.safetensors"]


def test_a_plan_writes_nothing(profile: Profile, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    plan_of(profile)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_base_that_is_not_there_is_refused(profile: Profile, tmp_path: Path) -> None:
    profile.model.base = str(tmp_path / "bases" / "none.safetensors")
    with pytest.raises(BaseModelError):
        plan_of(profile)


def test_a_base_that_cannot_be_trained_is_refused_with_what_to_do(profile: Profile, tmp_path: Path) -> None:
    profile.model.base = str(write_checkpoint(tmp_path / "inpaint.safetensors", INPAINTING))
    with pytest.raises(BaseModelError, match=r"inpainting model.*Train on the plain SD 1\.x model"):
        plan_of(profile)
    full = whole(SD1, "SD 1.x")
    pruned = {name: shape for name, shape in full.items() if not name.startswith("first_stage_model.")}
    profile.model.base = str(write_checkpoint(tmp_path / "pruned.safetensors", pruned))
    with pytest.raises(BaseModelError, match=r"without a VAE.*model\.vae"):
        plan_of(profile)
    profile.model.vae = "stabilityai/sd-vae-ft-mse"
    assert plan_of(profile).steps > 0


def test_a_base_that_lacks_most_of_its_tensors_is_refused(profile: Profile, tmp_path: Path) -> None:
    profile.model.base = str(write_checkpoint(tmp_path / "cut.safetensors", SD1))
    said = r"cut\.safetensors is no whole SD 1\.x model: of its 1,110 tensors 1,106 are missing: model\.diff"
    with pytest.raises(BaseModelError, match=said):
        plan_of(profile)


def test_a_vae_and_configs_that_are_not_there_are_refused_together(profile: Profile, tmp_path: Path) -> None:
    profile.model.vae, profile.model.config = str(tmp_path / "no-vae"), str(tmp_path / "no-configs")
    with pytest.raises(BaseModelError) as caught:
        plan_of(profile)
    assert f"model.vae: There is no base model {tmp_path}/no-vae." in caught.value.what
    assert f"model.config: There is no folder {tmp_path}/no-configs." in caught.value.what


def test_an_output_that_cannot_be_a_directory_is_refused(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    profile.output.directory = str(tmp_path / "taken" / "below")
    with pytest.raises(RunError, match="is not one"):
        plan_of(profile)


@pytest.mark.parametrize("name", ["emi.safetensors", "emi-000002.safetensors", "emi-grid.png"])
def test_a_directory_in_the_place_of_a_file_is_refused(profile: Profile, tmp_path: Path, name: str) -> None:
    (tmp_path / "output" / name).mkdir(parents=True)
    with pytest.raises(RunError, match=f"output/{name} cannot be written: a directory is there"):
        plan_of(profile)


def test_a_gpu_that_is_not_there_is_refused(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    profile.accelerate.device = "cuda"
    with pytest.raises(RunError, match="asks for a GPU"):
        plan_of(profile)
    profile.accelerate.device = "auto"
    plan_of(profile)


def test_an_epoch_to_compare_that_will_not_be_saved_is_refused(profile: Profile) -> None:
    profile.training.save_every = 2
    profile.comparison.epochs = [2]
    plan_of(profile)
    profile.comparison.epochs = [3]
    with pytest.raises(RunError, match="epoch 3"):
        plan_of(profile)


def test_a_disk_without_room_is_refused(profile: Profile) -> None:
    profile.network.rank = 1024
    profile.training.epochs = 100_000
    with pytest.raises(RunError, match="no room on the disk"):
        plan_of(profile)


def test_needs_on_one_disk_are_added_up(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    check_room([DiskNeed(tmp_path / "a", free // 3)])
    with pytest.raises(RunError):
        check_room([DiskNeed(tmp_path / name, free // 3 * 2) for name in ("a", "b")])


def test_a_directory_need_not_exist_to_be_writable(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "newer", "output.directory")


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="Nothing can be written"):
        bound_by_permissions(lambda: check_writable(tmp_path / "new", "output.directory"))
    tmp_path.chmod(0o700)


def test_a_place_that_is_no_disk_is_refused(profile: Profile) -> None:
    profile.output.directory = "/proc/nowhere"
    with pytest.raises(RunError, match=r"Nothing can be written into /proc\."):
        plan_of(profile)


def test_the_room_is_that_of_the_base_that_is_here(profile: Profile, tiny_base_directory: Path) -> None:
    by_family = plan_of(profile)
    profile.model.base = str(tiny_base_directory)
    found = presence(profile.model.base)
    grid = plan_of(changed(profile, {"training.epochs": 1})).disk[0].bytes - lora_bytes(
        profile, found, parameters_of(found)
    )
    plan = plan_of(profile)
    assert plan.disk[0].bytes == 4 * lora_bytes(profile, found, parameters_of(found)) + grid
    assert 10 * plan.disk[0].bytes < by_family.disk[0].bytes


def test_a_stopped_check_makes_no_plan(profile: Profile, tmp_path: Path) -> None:
    profile.dataset.path = str(tmp_path / "nowhere")
    with pytest.raises(LoratuiError, match="no folder"):
        plan_of(profile)


def test_training_far_below_the_bases_own_size_is_warned_of(profile: Profile, tmp_path: Path) -> None:
    assert plan_of(profile).warnings == ()
    profile.model.base = str(write_checkpoint(tmp_path / "xl.safetensors", WHOLE_SDXL))
    profile.dataset.min_bucket_reso, profile.dataset.max_bucket_reso = 32, 2048
    profile.dataset.resolution = 768
    [warning] = plan_of(profile).warnings
    assert warning.message == "Trained at 768 × 768; xl was made for 1024 × 1024."
    assert "dataset.resolution to 1024" in warning.fix
    profile.dataset.resolution = 776
    assert plan_of(profile).warnings == ()


def test_buckets_in_which_tall_and_wide_pictures_are_trained_small_are_warned_of(profile: Profile) -> None:
    profile.dataset.max_bucket_reso = 64
    [warning] = plan_of(profile).warnings
    assert (
        warning.message == "Buckets of at most 64 px train 1 tall or wide picture with down to 67% of the usual pixels."
    )
    assert "dataset.max_bucket_reso to 128" in warning.fix
    for different in ({"bucketing": False}, {"bucket_no_upscale": True}, {"max_bucket_reso": 96}):
        changed = profile.model_copy(deep=True)
        for name, value in different.items():
            setattr(changed.dataset, name, value)
        assert plan_of(changed).warnings == ()
    (Path(profile.dataset.path) / "5_emi_person" / "3.png").unlink()
    assert plan_of(profile).warnings == ()


def test_pure_noise_is_refused_for_a_base_that_predicts_it(profile: Profile, tmp_path: Path) -> None:
    profile.model.base = str(write_checkpoint(tmp_path / "plain.safetensors", whole(SD1, "SD 1.x")))
    profile.dataset.resolution = 512
    profile.model.zero_terminal_snr = "on"
    with pytest.raises(BaseModelError, match="zero_terminal_snr is on, but plain predicts the noise"):
        plan_of(profile)
    profile.model.prediction = "v_prediction"
    assert plan_of(profile).steps > 0


def test_what_is_no_vae_is_refused(profile: Profile, tmp_path: Path) -> None:
    profile.model.vae = str(write_checkpoint(tmp_path / "detail.safetensors", LORA))
    with pytest.raises(BaseModelError, match=r"The VAE detail\.safetensors cannot be used: it is a LoRA"):
        plan_of(profile)
    profile.model.vae = str(write_checkpoint(tmp_path / "vae.safetensors", {"encoder.conv_in.weight": (8, 3, 3, 3)}))
    assert plan_of(profile).steps > 0
