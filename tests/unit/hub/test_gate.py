"""What the hub is asked before a download, and what of it is kept."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.gate import ask_hub
from loratui.hub.models import locate
from loratui.hub.presence import presence
from loratui.paths import data_directory
from tests.unit.hub.checkpoints import LORA, SDXL, checkpoint, diffusers_files, sdxl_files
from tests.unit.hub.in_process import use_endpoint, use_stub
from tests.unit.hub.stub_hub import StubAccount, StubHub

TOKEN = "hf_thisIsNotARealTokenAtAll"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    repositories = {
        "emi/base": diffusers_files(),
        "emi/gated": diffusers_files(),
        "emi/private": diffusers_files(),
        "emi/mixes": {"xl.safetensors": checkpoint(SDXL, padding=300_000)},
    }
    with StubHub(repositories, gated=("emi/gated",)) as stub:
        stub.private = ("emi/private",)
        stub.licences = {"emi/base": "creativeml-openrail-m"}
        use_stub(stub, tmp_path / "hf", monkeypatch)
        yield stub


def test_an_open_base_tells_size_family_and_licence_and_they_are_known_from_then_on(hub: StubHub) -> None:
    size = sum(len(content) for content in hub.repositories["emi/base"].values())
    answer = ask_hub(locate("emi/base"))
    assert answer.may_download
    assert (answer.known.size, answer.lacking) == (size, size)
    assert (answer.known.family.name, answer.known.licence) == ("SD 1.x", "creativeml-openrail-m")
    assert answer.page == f"{hub.endpoint}/emi/base"
    hub.repositories = {}
    assert presence("emi/base").bytes_to_fetch == size
    assert presence("emi/base").family == "SD 1.x"


def test_a_file_on_the_hub_tells_its_family_from_its_first_bytes(hub: StubHub) -> None:
    answer = ask_hub(locate("emi/mixes/xl.safetensors"))
    assert answer.known.family.name == "SDXL"
    assert hub.ranges == ["bytes=0-100000"]
    told = presence("emi/mixes/xl.safetensors")
    assert (told.note, told.is_usable, told.family) == ("", True, "SDXL")


def test_a_file_on_the_hub_that_is_no_base_says_what_to_do(hub: StubHub) -> None:
    hub.repositories = {"emi/mixes": {"emi.safetensors": checkpoint(LORA, padding=300_000)}}
    assert not ask_hub(locate("emi/mixes/emi.safetensors")).known.family.is_usable
    told = presence("emi/mixes/emi.safetensors")
    assert not told.is_usable
    assert told.note.startswith("emi/mixes/emi.safetensors is a LoRA, not a base. Name the base")


def test_an_sdxl_repository_is_asked_for_one_set_of_weights(hub: StubHub) -> None:
    half = sdxl_files()
    beside = {
        "sd_xl_base_1.0.safetensors": bytes(5_000),
        "unet/diffusion_pytorch_model.safetensors": bytes(7_000),
        "vae_1_0/diffusion_pytorch_model.safetensors": bytes(3_000),
        "unet/openvino_model.bin": bytes(1_000),
    }
    hub.repositories = {"emi/xl": {**half, **sdxl_files(ending=".safetensors"), **beside}}
    answer = ask_hub(locate("emi/xl"))
    assert answer.known.family.name == "SDXL"
    assert answer.lacking == sum(map(len, half.values()))


def test_a_gated_base_names_the_page_until_the_conditions_are_accepted(
    hub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = ask_hub(locate("emi/gated"))
    assert not stranger.may_download
    assert "gated" in stranger.what
    assert stranger.page in stranger.todo
    assert stranger.known.gate == "auto"
    hub.accounts[TOKEN] = StubAccount()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "sign in" not in ask_hub(locate("emi/gated")).todo
    hub.manual = ("emi/gated",)
    assert "owner decides" in ask_hub(locate("emi/gated")).what
    hub.accounts[TOKEN].may_open = ("emi/gated",)
    friend = ask_hub(locate("emi/gated"))
    assert friend.may_download
    assert friend.known.family.name == "SD 1.x"


def test_a_private_base_is_told_from_an_open_one_to_its_friends(hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BaseModelError, match="or it is private"):
        ask_hub(locate("emi/private"))
    hub.accounts[TOKEN] = StubAccount(may_open=("emi/private",))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert ask_hub(locate("emi/private")).known.private


@pytest.mark.parametrize(
    ("base", "what", "todo"),
    [
        ("runwayml/stable-diffusion-v1-5", "taken off", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
        ("emi/nowhere", "There is no model", "emi/nowhere"),
        ("emi/mixes/lx.safetensors", "has no file", "emi/mixes/xl.safetensors?"),
        ("emi/mixes", "holds single files", "emi/mixes/xl.safetensors"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(hub: StubHub, base: str, what: str, todo: str) -> None:
    with pytest.raises(BaseModelError) as caught:
        ask_hub(locate(base))
    assert what in caught.value.what
    assert todo in caught.value.todo


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(BaseModelError, match="the hub cannot be reached"):
        ask_hub(locate("emi/base"))


def test_what_an_earlier_version_kept_is_asked_for_again(hub: StubHub) -> None:
    ask_hub(locate("emi/mixes/xl.safetensors"))
    (kept,) = (data_directory() / "hub").glob("*xl*.json")
    values = json.loads(kept.read_text())
    values["family"] = {"name": "SDXL", "what": "an SDXL checkpoint", "needs_config": False}
    kept.write_text(json.dumps(values))
    assert presence("emi/mixes/xl.safetensors").size is None
