import hashlib
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from loratui.dataset.buckets import Placement
from loratui.dataset.manifest import Manifest, ManifestImage
from loratui.lora_file.metadata import BaseFacts, Progress, training_metadata, with_hashes
from loratui.profile.schema import Profile

PROGRESS = Progress(
    output_name="emi",
    session=1234567,
    started=1_700_000_000.25,
    finished=1_700_000_100.5,
    epoch=3,
    steps=30,
    epochs=10,
    max_steps=100,
    warmup_steps=5,
    precision="fp16",
)
BASE = BaseFacts("stable-diffusion-v1-5/stable-diffusion-v1-5", "sd1")

# What the format's description asks for; each stands in the file with the prefix ss_.
EXPECTED = """
session_id training_started_at training_finished_at output_name learning_rate unet_lr text_encoder_lr num_train_images
num_reg_images num_batches_per_epoch num_epochs epoch steps max_train_steps lr_warmup_steps lr_scheduler optimizer
network_module network_dim network_alpha network_dropout network_args mixed_precision v2 base_model_version clip_skip
max_token_length cache_latents seed noise_offset min_snr_gamma prior_loss_weight caption_dropout_rate shuffle_caption
keep_tokens flip_aug color_aug random_crop gradient_checkpointing gradient_accumulation_steps batch_size_per_device
total_batch_size resolution enable_bucket bucket_no_upscale min_bucket_reso max_bucket_reso bucket_info dataset_dirs
tag_frequency reg_dataset_dirs sd_model_name sd_model_hash new_sd_model_hash vae_name
"""


def image(name: str, caption: str, folder: str, **others: Any) -> ManifestImage:
    values = {
        "path": f"{folder}/{name}",
        "sha256": "0" * 64,
        "width": 512,
        "height": 512,
        "caption": caption,
        "repeats": 5,
        "regularisation": False,
        "folder": folder,
        "placement": Placement((512, 512), (512, 512), (0, 0)),
    }
    return ManifestImage(**{**values, **others})


def manifest(*images: ManifestImage) -> Manifest:
    return Manifest(images, seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


EMI = "/home/ann/secret project/5_emi_person"
WIDE = Placement((576, 448), (597, 448), (10, 0))
MANIFEST = manifest(
    image("1.png", "Emi, smiling, Brown Hair", EMI),
    image("2.png", "Emi,  brown hair ,, glasses", EMI),
    image("3.png", "Emi, smiling", EMI, width=1024, height=768, placement=WIDE),
    image("1.png", "girl", "/home/ann/secret project/reg/1_girl", repeats=15, regularisation=True),
)


def profile(**sections: dict[str, Any]) -> Profile:
    return Profile.model_validate({"dataset": {"path": "/home/ann/secret project", "trigger": "Emi"}, **sections})


def test_every_key_of_the_format_is_there_and_every_value_a_text() -> None:
    base = replace(
        BASE, name="/models/anime.safetensors", sha256="ab" * 32, legacy_hash="12345678", vae="/models/kl.pt"
    )
    metadata = training_metadata(profile(), MANIFEST, base, PROGRESS)
    assert [key for key in EXPECTED.split() if f"ss_{key}" not in metadata] == []
    assert all(type(value) is str for value in metadata.values())
    assert metadata["ss_sd_model_name"] == "anime.safetensors"
    assert metadata["ss_new_sd_model_hash"] == "ab" * 32
    assert metadata["ss_vae_name"] == "kl.pt"


def test_values_are_written_as_kohya_prints_them() -> None:
    metadata = training_metadata(profile(), MANIFEST, BASE, PROGRESS)
    expected = {
        "ss_resolution": "(512, 512)",
        "ss_network_module": "networks.lora",
        "ss_network_dim": "16",  # 25 squares and 5 wide ones, two by two
        "ss_network_alpha": "8.0",
        "ss_network_dropout": "None",
        "ss_network_args": "{}",
        "ss_text_encoder_lr": "None",
        "ss_unet_lr": "0.0002",
        "ss_noise_offset": "None",
        "ss_min_snr_gamma": "5.0",
        "ss_max_token_length": "None",
        "ss_v2": "False",
        "ss_base_model_version": "sd_v1",
        "ss_enable_bucket": "True",
        "ss_epoch": "3",
        "ss_steps": "30",
        "ss_num_train_images": "15",
        "ss_num_reg_images": "15",
        "ss_num_batches_per_epoch": "16",  # 25 squares and 5 wide ones, two by two
        "ss_training_started_at": "1700000000.25",
        "ss_optimizer": "torch.optim.adamw.AdamW(weight_decay=0.01)",
        "ss_sd_model_name": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    }
    assert {key: metadata[key] for key in expected} == expected
    assert "ss_sd_model_hash" not in metadata


def test_tags_are_counted_by_folder_in_lower_case_once_per_picture() -> None:
    metadata = training_metadata(profile(), MANIFEST, BASE, PROGRESS)
    assert json.loads(metadata["ss_tag_frequency"]) == {
        "5_emi_person": {"emi": 3, "smiling": 2, "brown hair": 2, "glasses": 1},
        "1_girl": {"girl": 1},
    }
    assert json.loads(metadata["ss_dataset_dirs"]) == {"5_emi_person": {"n_repeats": 5, "img_count": 3}}
    assert json.loads(metadata["ss_reg_dataset_dirs"]) == {"1_girl": {"n_repeats": 15, "img_count": 1}}


def test_buckets_are_counted_with_repeats_in_order_of_their_size() -> None:
    info = json.loads(training_metadata(profile(), MANIFEST, BASE, PROGRESS)["ss_bucket_info"])
    assert info["buckets"] == {
        "0": {"resolution": [512, 512], "count": 25},
        "1": {"resolution": [576, 448], "count": 5},
    }
    assert info["mean_img_ar_error"] == pytest.approx(abs(576 / 448 - 4 / 3) / 4)


def test_without_buckets_there_is_no_bucket_info() -> None:
    metadata = training_metadata(profile(dataset={"bucketing": False}), MANIFEST, BASE, PROGRESS)
    assert (metadata["ss_enable_bucket"], metadata["ss_bucket_info"]) == ("False", "null")


def test_two_folders_of_one_name_stay_apart() -> None:
    two = manifest(image("1.png", "a", "/one/5_emi"), image("1.png", "b", "/two/5_emi", repeats=7))
    metadata = training_metadata(profile(), two, BASE, PROGRESS)
    assert json.loads(metadata["ss_dataset_dirs"]) == {
        "5_emi": {"n_repeats": 5, "img_count": 1},
        "5_emi (2)": {"n_repeats": 7, "img_count": 1},
    }
    assert json.loads(metadata["ss_tag_frequency"]) == {"5_emi": {"a": 1}, "5_emi (2)": {"b": 1}}


def test_settings_of_the_network_and_text_encoder_are_told() -> None:
    chosen = profile(
        network={"rank": 32, "conv_rank": 8, "conv_alpha": 4.0, "dropout": 0.1, "train_text_encoder": True},
        dataset={"max_token_length": 225, "shuffle": True, "dropout": 0.05},
    )
    metadata = training_metadata(chosen, MANIFEST, BASE, PROGRESS)
    assert json.loads(metadata["ss_network_args"]) == {"conv_dim": "8", "conv_alpha": "4.0"}
    assert metadata["ss_network_dropout"] == "0.1"
    assert metadata["ss_text_encoder_lr"] == "5e-05"
    assert metadata["ss_max_token_length"] == "225"
    assert (metadata["ss_shuffle_caption"], metadata["ss_caption_dropout_rate"]) == ("True", "0.05")


def test_modelspec_tells_tools_the_family_and_people_the_trigger() -> None:
    metadata = training_metadata(profile(), MANIFEST, BASE, PROGRESS)
    assert metadata["modelspec.sai_model_spec"] == "1.0.1"
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert metadata["modelspec.prediction_type"] == "epsilon"
    assert metadata["modelspec.title"] == "emi"
    assert metadata["modelspec.resolution"] == "512x512"
    assert metadata["modelspec.date"] == "2023-11-14T22:15:00+00:00"
    assert metadata["modelspec.trigger_phrase"] == "Emi"
    assert metadata["modelspec.tags"].split(", ") == ["emi", "smiling", "brown hair", "glasses"]
    assert "“Emi”" in metadata["modelspec.usage_hint"]


@pytest.mark.parametrize(
    ("prediction", "version", "architecture", "said"),
    [
        ("epsilon", "sd_v2", "stable-diffusion-v2-512/lora", "epsilon"),
        ("v_prediction", "sd_v2_v", "stable-diffusion-v2-768-v/lora", "v"),
    ],
)
def test_stable_diffusion_2_is_told_apart(prediction: Any, version: str, architecture: str, said: str) -> None:
    metadata = training_metadata(profile(), MANIFEST, BaseFacts("sd2", "sd2", prediction), PROGRESS)
    assert metadata["ss_v2"] == "True"
    assert metadata["ss_base_model_version"] == version
    assert metadata["modelspec.architecture"] == architecture
    assert metadata["modelspec.prediction_type"] == said


@pytest.mark.parametrize(("prediction", "said"), [("epsilon", "epsilon"), ("v_prediction", "v")])
def test_sdxl_is_told_by_one_version_whatever_it_predicts(prediction: Any, said: str) -> None:
    metadata = training_metadata(profile(), MANIFEST, BaseFacts("xl", "sdxl", prediction), PROGRESS)
    assert metadata["ss_v2"] == "False"
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert metadata["modelspec.implementation"] == "https://github.com/Stability-AI/generative-models"
    assert metadata["modelspec.prediction_type"] == said
    # SDXL reads the last layer but one at any setting.
    assert metadata["ss_clip_skip"] == "None"
    assert "modelspec.encoder_layer" not in metadata


def test_stable_diffusion_1_that_predicts_v_and_ends_in_noise_says_so() -> None:
    base = BaseFacts("v", "sd1", "v_prediction", zero_terminal_snr=True)
    metadata = training_metadata(profile(), MANIFEST, base, PROGRESS)
    assert metadata["ss_base_model_version"] == "sd_v1_v"
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert metadata["ss_zero_terminal_snr"] == "True"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("owner/model", "owner/model"),
        ("demo", "demo"),
        ("/home/ann/models/anime", "anime"),
        ("~/models/anime.safetensors", "anime.safetensors"),
        ("owner/repo/file.safetensors", "file.safetensors"),
        ("models/file.safetensors", "file.safetensors"),
        ("../anime", "anime"),
        (r"C:\Users\ann\anime.safetensors", "anime.safetensors"),
        (r"models\anime", "anime"),
        ("https://huggingface.co/owner/repo/resolve/main/file.safetensors?token=secret", "file.safetensors"),
    ],
)
def test_of_a_path_only_the_last_part_is_told(name: str, told: str) -> None:
    metadata = training_metadata(profile(), MANIFEST, BaseFacts(name, "sd1", vae=name), PROGRESS)
    assert metadata["ss_sd_model_name"] == metadata["ss_vae_name"] == told


def test_no_path_of_the_author_is_in_the_file() -> None:
    chosen = profile(output={"directory": "/home/ann/out"}, model={"base": "/home/ann/m", "vae": "/home/ann/v"})
    told = " ".join(
        training_metadata(chosen, MANIFEST, BaseFacts("/home/ann/m", "sd1", vae="/home/ann/v"), PROGRESS).values()
    )
    assert "ann" not in told.split("/")
    assert "secret project" not in told
    assert "/home" not in told


def test_names_that_are_not_utf8_do_not_break_the_file() -> None:
    odd = manifest(image("1.png", "a", "/x/5_emi\udce9"))
    metadata = training_metadata(profile(), odd, BaseFacts("/x/b\udce9se", "sd1"), PROGRESS)
    assert save({}, metadata)


def test_hashes_are_those_of_the_file_with_ss_metadata_only(tmp_path: Any) -> None:
    tensors = {"a": np.arange(600_000, dtype=np.float32)}
    metadata = training_metadata(profile(), MANIFEST, BASE, PROGRESS)

    complete = with_hashes(metadata, lambda chosen: save(tensors, chosen))
    (tmp_path / "emi.safetensors").write_bytes(save(tensors, complete))

    # Once more, in the way sd-scripts reads its own buffer.
    buffer = io.BytesIO(save(tensors, {key: text for key, text in metadata.items() if key.startswith("ss_")}))
    buffer.seek(8 + int.from_bytes(buffer.read(8), "little"))
    assert complete["sshs_model_hash"] == hashlib.sha256(buffer.read()).hexdigest()
    buffer.seek(0x100000)
    assert complete["sshs_legacy_hash"] == hashlib.sha256(buffer.read(0x10000)).hexdigest()[:8]
    with safe_open(tmp_path / "emi.safetensors", "np") as file:
        assert file.metadata() == complete
