import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from loratui.lora_file.metadata import BaseFacts, training_metadata
from loratui.lora_file.rebuilding import Rebuilt, rebuild_profile
from loratui.profile.kohya import KOHYA_KEYS
from loratui.profile.schema import SECTIONS, Profile
from tests.unit.lora_file.test_metadata import PROGRESS, image, manifest, profile


def valid(rebuilt: Rebuilt) -> Profile:
    """The profile as it is read again: its fields must agree."""
    return Profile.model_validate(rebuilt.profile.model_dump(by_alias=True))


def setting(of: Profile, name: str) -> Any:
    section, _, field = name.partition(".")
    return getattr(getattr(of, section), field)


SETTINGS: dict[str, dict[str, Any]] = {
    "model": {"clip_skip": 2, "base": "emi/anime", "prediction": "v_prediction", "zero_terminal_snr": "on"},
    "dataset": {
        "trigger": "Emi",
        "resolution": 768,
        "bucketing": False,
        "min_bucket_reso": 320,
        "max_bucket_reso": 1536,
        "bucket_no_upscale": True,
        "flip": True,
        "shuffle": True,
        "keep_tokens": 2,
        "dropout": 0.1,
        "tag_dropout": 0.2,
        "max_token_length": 150,
        "prior_loss_weight": 0.5,
    },
    "network": {"rank": 32, "alpha": 4.0, "conv_rank": 8, "conv_alpha": 2.0, "dropout": 0.1},
    "training": {
        "batch_size": 3,
        "gradient_accumulation": 2,
        "unet_lr": 3e-4,
        "optimizer": "adamw8bit",
        "weight_decay": 0.0,
        "scheduler": "linear",
        "max_grad_norm": 0.0,
        "min_snr_gamma": 0.0,
        "noise_offset": 0.05,
        "seed": 0,
        "gradient_checkpointing": True,
    },
}


def test_what_we_wrote_is_rebuilt() -> None:
    ours = profile(**SETTINGS)
    pictures = manifest(image("1.png", "Emi", "/home/ann/3_emi", repeats=3))
    base = BaseFacts("emi/anime", "sd1", "v_prediction", vae="emi/vae", zero_terminal_snr=True)
    progress = replace(PROGRESS, epochs=7, warmup_steps=25)
    rebuilt = rebuild_profile(training_metadata(ours, pictures, base, progress), ("BF16",), ("unet",))
    again = valid(rebuilt)
    chosen = {f"{section}.{field}" for section, values in SETTINGS.items() for field in values}
    for name in sorted(chosen):
        assert setting(ours, name) != setting(Profile(), name), f"{name} is the default and proves nothing"
        assert setting(again, name) == setting(ours, name), name
    assert (again.model.base, again.model.vae) == ("emi/anime", "emi/vae")
    assert (again.training.epochs, again.training.steps, again.training.warmup) == (7, 0, 0.25)
    assert (again.dataset.path, again.dataset.repeats) == ("", 3)
    assert (again.output.name, again.output.precision) == ("emi", "bf16")
    assert rebuilt.left_out == ()
    assert any("3_emi (1 pictures)" in sentence for sentence in rebuilt.to_choose)


def evil_text(name: str) -> str:
    """A value that the setting `name` takes and that is not its default."""
    default = setting(Profile(), name)
    if isinstance(default, bool):
        return str(not default)
    if isinstance(default, int):
        return str(default + 8)
    if isinstance(default, float):
        return "0.5"
    section, _, field = name.partition(".")
    choices = get_args(SECTIONS[section].model_fields[field].annotation)
    return str(next((choice for choice in choices if isinstance(choice, str) and choice != default), "evil/x"))


NAMES = [f"{section}.{field}" for section, model in SECTIONS.items() for field in model.model_fields]
# Where things lie and are loaded from, which devices take part, and what is drawn.
NOT_A_STRANGERS = {
    name
    for name in NAMES
    if name.startswith(("accelerate.", "comparison."))
    or name.endswith((".path", ".directory", "_path", ".base", ".vae", ".config", ".install_to", "_base_model"))
}


def test_a_strangers_file_sets_no_path_device_or_picture() -> None:
    keys = [*KOHYA_KEYS.items(), *((name.rpartition(".")[2], name) for name in NAMES)]
    outside = {"output.directory", "dataset.path", "dataset.regularisation_path", "accelerate.main_address"}
    assert outside | {"model.base", "output.install_to", "comparison.prompts"} <= NOT_A_STRANGERS
    for key, name in keys:
        for metadata in (
            {f"ss_{key}": evil_text(name)},
            {"ss_datasets": json.dumps([{key: evil_text(name), "subsets": [{key: evil_text(name)}]}])},
        ):
            rebuilt = rebuild_profile(metadata)
            assert not NOT_A_STRANGERS & set(rebuilt.taken), key
            for protected in NOT_A_STRANGERS:
                assert setting(rebuilt.profile, protected) == setting(Profile(), protected), key


def test_what_a_stranger_may_not_decide_is_told() -> None:
    metadata = {
        "ss_output_dir": "/home/victim/.config/autostart",
        "ss_train_data_dir": "/etc",
        "ss_reg_data_dir": "/x",
        "ss_main_process_ip": "6.6.6.6",
        "ss_num_machines": "2",
        "ss_num_processes": "8",
        "ss_sample_prompts": "x",
        "ss_vae": "evil/vae",
    }
    rebuilt = rebuild_profile(metadata)
    assert valid(rebuilt) == Profile()
    assert rebuilt.taken == ()
    assert {f"ss_{key}": value for key, value, _ in rebuilt.left_out} == metadata


@pytest.mark.parametrize(
    "where",
    ["/models/evil.safetensors", "../evil", "~/evil", "C:\\evil", "https://evil.net/x", "a/b/c", "a/b.ckpt", "./x"],
)
def test_a_file_names_its_base_but_does_not_say_where_it_lies(where: str) -> None:
    for key in ("sd_model_name", "vae_name"):
        rebuilt = rebuild_profile({f"ss_{key}": where})
        assert valid(rebuilt) == Profile()
        assert [(found, text) for found, text, _ in rebuilt.left_out] == [(key, where)]
    named = rebuild_profile({"ss_sd_model_name": "anime.safetensors", "ss_vae_name": "emi/vae"})
    assert (named.profile.model.base, named.profile.model.vae) == ("anime.safetensors", "emi/vae")
    assert any("emi/vae" in sentence and "see that" in sentence for sentence in named.to_choose)


@pytest.mark.parametrize(
    ("key", "text", "name", "value"),
    [
        ("lr_warmup_steps", "0", "training.warmup", 0),
        ("lr_warmup_steps", "0.1", "training.warmup", 0.1),
        ("seed", "0", "training.seed", 0),
        ("enable_bucket", "False", "dataset.bucketing", False),
        ("max_grad_norm", "0.0", "training.max_grad_norm", 0),
        ("min_snr_gamma", "0", "training.min_snr_gamma", 0),
        ("optimizer", "torch.optim.adamw.AdamW(weight_decay=0.0)", "training.weight_decay", 0),
        ("prior_loss_weight", "0.0", "dataset.prior_loss_weight", 0),
        ("keep_tokens", "0", "dataset.keep_tokens", 0),
        ("zero_terminal_snr", "True", "model.zero_terminal_snr", "on"),
        ("zero_terminal_snr", "False", "model.zero_terminal_snr", "off"),
    ],
)
def test_zero_and_false_are_values_and_not_our_defaults(key: str, text: str, name: str, value: Any) -> None:
    assert setting(Profile(), name) != value
    rebuilt = rebuild_profile({f"ss_{key}": text, "ss_max_train_steps": "100"})
    assert setting(valid(rebuilt), name) == value
    assert name in rebuilt.taken
    assert rebuilt.left_out == ()


@pytest.mark.parametrize("text", ["", "None", "null"])
def test_what_says_nothing_leaves_the_default(text: str) -> None:
    keys = ("lr_warmup_steps", "seed", "enable_bucket", "max_grad_norm", "optimizer", "resolution", "text_encoder_lr")
    rebuilt = rebuild_profile({f"ss_{key}": text for key in keys})
    assert (valid(rebuilt), rebuilt.taken, rebuilt.left_out) == (Profile(), (), ())


def test_an_alpha_of_zero_is_the_rank_as_kohya_takes_it() -> None:
    again = valid(rebuild_profile({"ss_network_dim": "24", "ss_network_alpha": "0"}))
    assert (again.network.rank, again.network.alpha) == (24, 24)


def test_settings_that_were_off_are_off_and_not_our_defaults() -> None:
    assert Profile().training.min_snr_gamma > 0
    again = valid(rebuild_profile({"ss_min_snr_gamma": "None", "ss_noise_offset": "None", "ss_keep_tokens": "0"}))
    assert (again.training.min_snr_gamma, again.training.noise_offset, again.dataset.keep_tokens) == (0, 0, 0)


def test_kohyas_list_of_data_sets_is_read() -> None:
    data_sets = [
        {
            "batch_size_per_device": 4,
            "resolution": [1024, 1024],
            "enable_bucket": True,
            "min_bucket_reso": 320,
            "max_bucket_reso": 2048,
            "subsets": [{"shuffle_caption": True, "keep_tokens": 1, "num_repeats": 3}],
        }
    ]
    metadata = {
        "ss_datasets": json.dumps(data_sets),
        "ss_dataset_dirs": json.dumps({"a": {"n_repeats": 3, "img_count": 9}, "b": {"n_repeats": 3, "img_count": 1}}),
    }
    again = valid(rebuild_profile(metadata))
    assert (again.training.batch_size, again.dataset.resolution, again.dataset.repeats) == (4, 1024, 3)
    assert (again.dataset.min_bucket_reso, again.dataset.max_bucket_reso, again.dataset.shuffle) == (320, 2048, True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer", "lion_pytorch.Lion(weight_decay=0.1)"),
        ("lr_scheduler", "polynomial"),
        ("resolution", "(512, 768)"),
        ("multires_noise_iterations", "6"),
        ("network_module", "lycoris.kohya"),
        ("loss_type", "huber"),
        ("network_dim", "100000"),
        ("network_dim", "rank\x1b"),
        ("seed", "-1"),
        ("unet_lr", "nan"),
        ("output_name", "../../emi"),
        ("sd_model_name", "a\x00b"),
        ("lr_warmup_steps", "500"),
        ("batch_size_per_device", "0"),
        ("text_encoder_lr", "quick"),
        ("resolution", "large"),
        ("optimizer", "torch.optim.adamw.AdamW(weight_decay=0.1,betas=(0.9, 0.99))"),
    ],
)
def test_what_has_no_place_in_a_profile_is_listed(key: str, value: str) -> None:
    rebuilt = rebuild_profile({f"ss_{key}": value})
    assert valid(rebuilt).network == Profile().network
    assert [(found, text) for found, text, _ in rebuilt.left_out] == [(key, value)]


def test_the_schedule_and_the_warm_up_of_kohya_become_ours() -> None:
    metadata = {"ss_lr_scheduler": "constant_with_warmup", "ss_lr_warmup_steps": "300", "ss_max_train_steps": "2000"}
    again = valid(rebuild_profile(metadata))
    assert (again.training.scheduler, again.training.warmup, again.training.steps) == ("constant", 0.15, 2000)


def test_a_resolution_beyond_the_default_buckets_still_makes_a_profile() -> None:
    assert valid(rebuild_profile({"ss_resolution": "2048"})).dataset.max_bucket_reso == 2048


def test_text_encoders_at_rates_of_their_own_are_trained_and_the_second_rate_is_told() -> None:
    rebuilt = rebuild_profile({"ss_text_encoder_lr": "[1e-05, 2e-05]"}, (), ("unet", "text_encoder_2"))
    again = valid(rebuilt)
    assert again.network.train_text_encoder
    assert again.training.text_encoder_lr == 1e-5
    assert [(key, text) for key, text, _ in rebuilt.left_out] == [("text_encoder_lr", "[1e-05, 2e-05]")]
    for text in ("[1e-05, 1e-05]", "[1e-05]", "1e-05"):
        alike = rebuild_profile({"ss_text_encoder_lr": text})
        assert (alike.profile.training.text_encoder_lr, alike.left_out) == (1e-5, ())


def test_a_text_encoder_that_does_not_learn_has_no_rate() -> None:
    assert rebuild_profile({"ss_text_encoder_lr": "0.0"}).left_out == ()
    told = rebuild_profile({"ss_text_encoder_lr": "0.0"}, (), ("text_encoder",))
    assert [(key, text) for key, text, _ in told.left_out] == [("text_encoder_lr", "0.0")]


@pytest.mark.parametrize(
    "text", ["", "None", "{", "[" * 100_000, "[1]", '{"a": 1}', "9" * 5000, "1e999", "\x00", '[{"subsets": 3}]']
)
def test_damaged_metadata_makes_a_profile_all_the_same(text: str) -> None:
    keys: list[Any] = [f"ss_{key}" for key in ("datasets", "dataset_dirs", "network_args", "resolution", "optimizer")]
    keys += ["ss_lr_warmup_steps", "ss_max_train_steps", "ss_training_started_at", "ss_text_encoder_lr", "ss_seed"]
    keys += ["ss_network_dim", "ss_learning_rate", "ss_num_epochs", "ss_vae_name", "modelspec.trigger_phrase"]
    valid(rebuild_profile(dict.fromkeys(keys, text)))
