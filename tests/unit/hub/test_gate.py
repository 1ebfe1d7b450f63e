"""What the hub is asked before a download, and what of it is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.gate import ask_hub
from loratui.hub.models import locate
from loratui.hub.presence import presence
from tests.unit.hub.checkpoints import SDXL, checkpoint, diffusers_files
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
    assert presence("emi/mixes/xl.safetensors").note == "emi/mixes/xl.safetensors is an SDXL checkpoint."


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
