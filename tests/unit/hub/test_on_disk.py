"""Bases that are found on the disk: the hub's cache, and the folders of other programs."""

from pathlib import Path

import pytest

from loratui.hub.on_disk import bases_on_disk
from loratui.hub.presence import presence
from loratui.profile.schema import Model
from tests.unit.hub.checkpoints import (
    INPAINTING,
    LORA,
    SD2,
    SDXL,
    diffusers_files,
    sdxl_files,
    write_checkpoint,
    write_in_cache,
)
from tests.unit.hub.in_process import use_endpoint

NO_HUB = "http://127.0.0.1:9"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_endpoint(NO_HUB, tmp_path / "hf", monkeypatch)
    monkeypatch.setattr("loratui.hub.on_disk._SHARED_PARENTS", ())
    return tmp_path


def test_the_cache_and_the_tools_are_listed_with_family_and_size(home: Path) -> None:
    files = diffusers_files()
    write_in_cache(home / "hf", "emi/base", files)
    write_in_cache(home / "hf", "emi/half-here", {"model_index.json": b"{}"})
    write_in_cache(home / "hf", "emi/mixes", {"style/mix.safetensors": write_checkpoint(home / "x").read_bytes()})
    write_in_cache(home / "hf", "other/clip", {"model.safetensors": write_checkpoint(home / "y", LORA).read_bytes()})
    write_checkpoint(home / "stable-diffusion-webui" / "models" / "Stable-diffusion" / "anime" / "counter.safetensors")
    write_checkpoint(home / "ai" / "webui_forge" / "models" / "Stable-diffusion" / "big.safetensors", SDXL)
    write_checkpoint(home / "ComfyUI" / "models" / "checkpoints" / "v2.safetensors", SD2)
    (home / "ComfyUI" / "models" / "checkpoints" / "put_here.safetensors").write_bytes(b"")
    found = {base.name: base for base in bases_on_disk((), home)}
    told = {name: (base.place, base.family.name, base.family.is_usable) for name, base in found.items()}
    assert told == {
        "emi/base": ("cache", "SD 1.x", True),
        "emi/mixes/style/mix.safetensors": ("cache", "SD 1.x", True),
        "anime/counter.safetensors": ("A1111", "SD 1.x", True),
        "big.safetensors": ("Forge", "SDXL", True),
        "v2.safetensors": ("ComfyUI", "SD 2.x", True),
    }
    assert found["emi/base"].size == sum(map(len, files.values()))
    assert found["emi/base"].base == "emi/base"
    assert found["v2.safetensors"].base == str(home / "ComfyUI" / "models" / "checkpoints" / "v2.safetensors")


def test_the_programs_that_a_profile_installs_into_are_looked_at_and_links_are_named_once(home: Path) -> None:
    root = home / "far" / "away" / "webui"
    file = write_checkpoint(root / "models" / "Stable-diffusion" / "mix.safetensors")
    (root / "models" / "Stable-diffusion" / "same.safetensors").symlink_to(file)
    (root / "models" / "Lora").mkdir()
    for folder in (root, root / "models" / "Lora"):
        assert [base.name for base in bases_on_disk([str(folder)], home)] == ["mix.safetensors"]
    assert bases_on_disk((), home) == []


def test_presence_of_what_is_here(home: Path) -> None:
    write_in_cache(home / "hf", "emi/base", diffusers_files())
    here = presence("emi/base")
    assert (here.here, here.bytes_to_fetch, here.family, here.note) == (True, 0, "SD 1.x", "")
    demo = presence("demo")
    assert (demo.here, demo.family, demo.is_usable) == (True, "SD 1.x", True)
    big = presence(str(write_checkpoint(home / "xl.safetensors", SDXL)))
    assert (big.here, big.is_usable, big.family, big.note) == (True, True, "SDXL", "")
    other = presence(str(write_checkpoint(home / "inpainting.safetensors", INPAINTING)))
    assert (other.here, other.is_usable) == (True, False)
    assert other.note == (
        "inpainting is an inpainting model: its UNet takes 9 channels. "
        "Train on the plain SD 1.x model that it was made from; the LoRA works on both."
    )


def test_a_checkpoint_without_a_vae_suits_a_profile_that_names_one(home: Path) -> None:
    pruned = {name: shape for name, shape in SDXL.items() if not name.startswith("first_stage_model.")}
    found = presence(str(write_checkpoint(home / "xl.safetensors", pruned)))
    assert found.is_usable
    assert not found.suits(Model())
    assert found.suits(Model(vae="madebyollin/sdxl-vae-fp16-fix"))


def test_an_sdxl_of_the_cache_is_listed_once_all_of_it_is_here(home: Path) -> None:
    files = sdxl_files()
    lacking = {name: content for name, content in files.items() if not name.startswith("text_encoder_2/")}
    write_in_cache(home / "hf", "emi/xl", lacking)
    assert bases_on_disk((), home) == []
    write_in_cache(home / "hf", "emi/xl", files)
    assert [(base.name, base.family.name) for base in bases_on_disk((), home)] == [("emi/xl", "SDXL")]


def test_what_is_used_beside_a_base_is_not_listed_among_bases(home: Path) -> None:
    folder = home / "ComfyUI" / "models" / "checkpoints"
    write_checkpoint(folder / "control.safetensors", {"control_model.time_embed.0.weight": (1, 1)})
    write_checkpoint(folder / "flux.safetensors", {"double_blocks.0.img_attn.proj.weight": (1, 1)})
    assert [base.name for base in bases_on_disk((), home)] == ["flux.safetensors"]


def test_presence_of_what_is_not_here(home: Path) -> None:
    unknown = presence("emi/base")
    assert (unknown.here, unknown.bytes_to_fetch, unknown.family) == (False, None, "unknown")
    retired = presence("runwayml/stable-diffusion-v1-5")
    assert retired.note == (
        "runwayml/stable-diffusion-v1-5 was taken off the hub; the same model is maintained as "
        "stable-diffusion-v1-5/stable-diffusion-v1-5."
    )
    # A folder that lacks a file is not passed off as a model.
    files = diffusers_files()
    del files["vae/config.json"]
    write_in_cache(home / "hf", "emi/broken", files)
    assert not presence("emi/broken").here
