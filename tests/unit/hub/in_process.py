"""Points this process's huggingface_hub at a stub: it reads its environment when it is imported, which has happened."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import _auth

from tests.unit.hub.checkpoints import diffusers_files
from tests.unit.hub.stub_hub import StubHub


def use_stub(hub: StubHub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process and its children ask `hub`, and keep cache and tokens below `home`."""
    use_endpoint(hub.endpoint, home, monkeypatch)


@contextmanager
def base_and_gated(home: Path, monkeypatch: pytest.MonkeyPatch, large: int) -> Iterator[StubHub]:
    """Have this process and its children ask a hub that has a base of `large` bytes, and another behind a gate."""
    repositories = {"emi/base": diffusers_files(large=large), "emi/gated": diffusers_files()}
    with StubHub(repositories, gated=("emi/gated",)) as stub:
        use_stub(stub, home, monkeypatch)
        yield stub


def use_endpoint(endpoint: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `use_stub`, by address."""
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
    monkeypatch.setattr(hf_api.api, "endpoint", endpoint)
    monkeypatch.setattr(_auth, "_OAUTH_REFRESH_CACHE", None)
    huggingface_hub.close_session()
