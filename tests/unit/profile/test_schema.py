"""What a profile accepts, field by field."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from loratui.errors import ProfileError
from loratui.profile.fields import split_lora, valid_name
from loratui.profile.schema import SECTIONS, Accelerate, Comparison, Dataset, Model, Profile


def changed(section: str, key: str, value: Any) -> Any:
    """The value that a profile holds after `section.key` was given as `value`."""
    return getattr(getattr(Profile.model_validate({section: {key: value}}), section), key)


ALL_FIELDS = [(section, key) for section, model in SECTIONS.items() for key in model.model_fields]


@pytest.mark.parametrize(("section", "key"), ALL_FIELDS)
def test_every_field_has_a_label_and_a_help_text(section: str, key: str) -> None:
    field = SECTIONS[section].model_fields[key]
    assert field.title
    assert "\n" not in field.title
    assert len(field.title) <= 30
    assert field.description
    assert field.description.endswith(".")


@pytest.mark.parametrize(("section", "key"), ALL_FIELDS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"a": 1}, object()])
def test_no_field_accepts_nan_infinity_or_tables(section: str, key: str, value: Any) -> None:
    for wrong in (value, [value]):
        with pytest.raises(ValidationError):
            changed(section, key, wrong)


def test_defaults_are_those_for_a_small_character_set() -> None:
    profile = Profile()
    assert (profile.network.rank, profile.network.alpha) == (16, 8)
    assert (profile.training.unet_lr, profile.training.epochs, profile.training.batch_size) == (2e-4, 10, 2)
    assert not profile.network.train_text_encoder
    assert profile.comparison.strengths == [0.0, 0.4, 0.7, 0.8, 0.9, 1.0, 1.2]
    assert Profile.model_validate(profile.model_dump(by_alias=True)) == profile


def test_two_profiles_share_no_list() -> None:
    Profile().comparison.seeds.append(1)
    assert Profile().comparison.seeds == [7]


@pytest.mark.parametrize("given", [512, "512", "512,512", " 512 , 512 ", [512, 512]])
def test_resolution_understands_kohyas_way(given: Any) -> None:
    assert changed("dataset", "resolution", given) == 512


@pytest.mark.parametrize(
    "given", ["512,640", "512,512,512", "large", 500, 24, 0, -512, 512.0, True, "", [], 1e9, [512.5], "9" * 5000]
)
def test_resolutions_that_make_no_square_of_multiples_of_8_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        changed("dataset", "resolution", given)


def test_strengths_are_sorted_unique_and_hold_no_lora() -> None:
    assert changed("comparison", "strengths", [1, 0.5, 1.0, -0.5]) == [-0.5, 0.0, 0.5, 1.0]
    assert changed("comparison", "strengths", []) == [0.0]
    assert math.copysign(1, changed("comparison", "strengths", [-0.0])[0]) == 1


def test_lists_are_put_in_order() -> None:
    assert changed("comparison", "seeds", [3, 1, 3]) == [3, 1]
    assert changed("comparison", "epochs", [5, 2, 5]) == [2, 5]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("comparison", "strengths", [5.1]),
        ("comparison", "seeds", []),
        ("comparison", "seeds", [2**32]),
        ("comparison", "seeds", [-1]),
        ("comparison", "prompts", [""]),
        ("comparison", "prompts", ["a\x00b"]),
        ("comparison", "width", 20),
        ("comparison", "width", 100),
        ("comparison", "guidance", 0.5),
        ("comparison", "sampler", "Eula"),
        ("comparison", "other_loras", ["a.safetensors:9"]),
        ("comparison", "other_loras", ["a.safetensors:nan"]),
        ("comparison", "epochs", [0]),
        ("dataset", "caption_extension", "txt"),
        ("dataset", "caption_extension", "."),
        ("dataset", "caption_extension", "./x"),
        ("dataset", "max_token_length", 77),
        ("dataset", "path", "a\x1bb"),
        ("dataset", "path", "a\udc80"),
        ("dataset", "repeats", 0),
        ("dataset", "dropout", 1.1),
        ("dataset", "flip", 1),
        ("network", "alpha", 0),
        ("network", "rank", 0),
        ("network", "rank", 2.0),
        ("network", "dropout", 1),
        ("training", "batch_size", True),
        ("training", "batch_size", "2"),
        ("training", "epochs", 0),
        ("training", "save_every", 0),
        ("training", "seed", 2**32),
        ("training", "unet_lr", 0),
        ("training", "steps", 10**30),
        ("model", "clip_skip", 13),
        ("model", "base", " "),
        ("accelerate", "gpu_ids", "0,"),
        ("accelerate", "main_port", 0),
        ("output", "name", "../x"),
        ("output", "directory", ""),
        ("output", "install_to", "one"),
    ],
)
def test_values_outside_the_limits_are_refused(section: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        changed(section, key, value)


def test_a_prompt_may_have_lines() -> None:
    assert changed("comparison", "prompts", ["Emi,\nsmiling"]) == ["Emi,\nsmiling"]


def test_assignment_is_checked_and_leaves_the_old_value() -> None:
    profile = Profile()
    with pytest.raises(ValidationError):
        profile.training.batch_size = 0
    assert profile.training.batch_size == 2
    with pytest.raises(ValidationError):
        profile.training.no_such = 1  # type: ignore[attr-defined]


def test_fields_that_contradict_each_other_are_refused_together_only() -> None:
    small = Dataset(resolution=64)
    with pytest.raises(ValidationError, match="between dataset"):
        Profile(dataset=small)
    assert Profile(dataset=Dataset(resolution=64, bucketing=False)).dataset.resolution == 64
    with pytest.raises(ValidationError, match="machine_rank"):
        Profile(accelerate=Accelerate(machine_rank=1))
    with pytest.raises(ValidationError, match="main_address"):
        Profile(accelerate=Accelerate(machines=2))


@pytest.mark.parametrize(
    ("text", "lora"),
    [
        ("a.safetensors:0.6", ("a.safetensors", 0.6)),
        ("a.safetensors", ("a.safetensors", 1.0)),
        ("/x:y/a.safetensors", ("/x:y/a.safetensors", 1.0)),
        ("/x:y/a.safetensors:-1", ("/x:y/a.safetensors", -1.0)),
        ("0.6", ("0.6", 1.0)),
        (":0.6", (":0.6", 1.0)),
    ],
)
def test_path_and_strength(text: str, lora: tuple[str, float]) -> None:
    assert split_lora(text) == lora
    assert Comparison(other_loras=[text]).other_loras == [text]


@pytest.mark.parametrize("name", ["emi", "emi_v2", "Émi 2", "emi-1.5", "エミ"])
def test_plain_names_are_valid(name: str) -> None:
    assert valid_name(name) == name


BAD_NAMES = ["", " ", ".", "..", ".x", "a..b", "../x", "a/b", "a\\b", "a:b", "a>b", "a<b", "a=b", "a,b", "a\n", "a\x1b"]


@pytest.mark.parametrize("name", [*BAD_NAMES, "a ", "\u202eb", "a\udc80", "x" * 181, "a\0"])
def test_names_that_could_leave_their_folder_or_break_a_prompt_are_refused(name: str) -> None:
    with pytest.raises(ProfileError) as caught:
        valid_name(name)
    assert "\x1b" not in str(caught.value)
    assert caught.value.todo


def test_a_schedule_that_ends_in_pure_noise_is_refused_with_epsilon() -> None:
    for prediction in ("auto", "v_prediction"):
        Profile(model=Model(prediction=prediction, zero_terminal_snr="on"))
    Profile(model=Model(prediction="epsilon", zero_terminal_snr="off"))
    with pytest.raises(ValidationError, match=r"zero_terminal_snr is on, which needs model\.prediction v_prediction"):
        Profile(model=Model(prediction="epsilon", zero_terminal_snr="on"))
