"""Signing in and out against a stub; tokens lie where huggingface_hub puts them and nowhere else."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loratui.errors import AccountError, BaseModelError
from loratui.hub import device_login
from loratui.hub.gate import ask_hub
from loratui.hub.login import sign_in, sign_out, stored_tokens, switch, who, why_no_token
from loratui.hub.models import locate
from tests.permissions import bound_by_permissions
from tests.unit.hub.in_process import use_endpoint, use_stub
from tests.unit.hub.stub_hub import StubAccount, StubHub

LAPTOP = "hf_laptopTokenThatIsNotReal"
WORK = "hf_workTokenThatIsNotReal"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    with StubHub({}) as stub:
        stub.accounts = {LAPTOP: StubAccount(), WORK: StubAccount(token_name="work", role="write")}
        use_stub(stub, tmp_path / "hf", monkeypatch)
        yield stub


def test_a_pasted_token_is_checked_stored_and_told_by_name_and_permission(hub: StubHub, tmp_path: Path) -> None:
    assert who() is None
    assert not stored_tokens().signed_in
    account = sign_in(f"  {LAPTOP}\n")
    assert (account.name, account.permission, account.token_name) == ("emi", "read", "laptop")
    assert who() == account
    assert stored_tokens().names == ("laptop",)
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and LAPTOP in path.read_text()]
    assert {path.name for path in holders} == {"token", "stored_tokens"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_switching_and_signing_out(hub: StubHub) -> None:
    sign_in(LAPTOP)
    sign_in(WORK)
    assert stored_tokens().active == "work"
    switch("laptop")
    assert stored_tokens().active == "laptop"
    account = who()
    assert account is not None
    assert account.permission == "read"
    assert sign_out("laptop") == ""
    assert (stored_tokens().names, stored_tokens().signed_in) == (("work",), False)
    switch("work")
    assert sign_out() == ""
    assert (stored_tokens().names, who()) == ((), None)
    with pytest.raises(AccountError, match="No token called laptop"):
        switch("laptop")


def test_a_fine_grained_token_says_what_it_may_not(hub: StubHub) -> None:
    hub.accounts[LAPTOP] = StubAccount(role="fineGrained", fine_grained={"canReadGatedRepos": False})
    account = sign_in(LAPTOP)
    assert account.permission == "fine-grained"
    assert "may not read gated models" in account.warning


def test_a_variable_overrides_what_is_stored_and_is_named(hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(LAPTOP)
    monkeypatch.setenv("HF_TOKEN", WORK)
    assert (stored_tokens().environment, stored_tokens().active) == ("HF_TOKEN", "")
    account = who()
    assert account is not None
    assert account.permission == "write"
    assert "unset it" in sign_out()


@pytest.mark.parametrize(
    "text", ["", "   ", "hf_with space", "hf_snow\u2603", "api_orgSomething", "my password", "hf_x\x1b[2J"]
)
def test_what_cannot_be_a_token_is_refused_before_it_is_sent_and_never_repeated(hub: StubHub, text: str) -> None:
    assert why_no_token(text)
    with pytest.raises(AccountError) as caught:
        sign_in(text)
    assert not text.strip() or text.strip() not in str(caught.value)
    assert hub.requests == []


def test_no_token_in_errors_logs_and_arguments(
    hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AccountError, match="does not accept this token") as caught:
        sign_in("hf_somethingRevoked")
    assert "hf_somethingRevoked" not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None
    assert not (tmp_path / "hf" / "token").exists()
    use_endpoint("http://127.0.0.1:9", tmp_path / "other", monkeypatch)
    with pytest.raises(AccountError, match="cannot be reached") as caught:
        sign_in(LAPTOP)
    assert LAPTOP not in str(caught.value) + caplog.text


@pytest.mark.parametrize("locked", [".", "token"])
@pytest.mark.parametrize("ask", [stored_tokens, who, sign_out])
def test_tokens_that_may_not_be_read_are_told_in_a_sentence(
    hub: StubHub, tmp_path: Path, ask: Callable[[], object], locked: str
) -> None:
    sign_in(LAPTOP)
    place = tmp_path / "hf" / locked
    place.chmod(0)
    with pytest.raises(AccountError, match=r"cannot be read: Permission denied\.") as caught:
        bound_by_permissions(ask)
    assert str(place) in caught.value.todo
    place.chmod(0o700)


def test_a_directory_in_the_tokens_place_is_told_in_a_sentence(hub: StubHub, tmp_path: Path) -> None:
    (tmp_path / "hf" / "token").mkdir(parents=True)
    for ask in (stored_tokens, who):
        with pytest.raises(AccountError, match=r"cannot be read: Is a directory\.") as caught:
            ask()
        assert str(tmp_path / "hf" / "token") in caught.value.todo
    with pytest.raises(BaseModelError, match=r"cannot be read: Is a directory\."):
        ask_hub(locate("emi/base"))


@pytest.mark.parametrize("told", [{"name": 3, "auth": "yes"}, {"auth": {"accessToken": ["x"]}}, {}])
def test_an_answer_of_another_kind_names_nobody_and_breaks_nothing(hub: StubHub, told: dict[str, Any]) -> None:
    sign_in(LAPTOP)
    hub.accounts[LAPTOP].told = told
    account = who()
    assert account is not None
    assert (account.name, account.permission) == (str(told.get("name", "?")), "")


def test_what_the_library_cannot_make_sense_of_is_told_in_a_sentence(hub: StubHub) -> None:
    hub.accounts[LAPTOP].told = {"name": "emi", "auth": {"accessToken": "x"}}
    with pytest.raises(AccountError, match="Signing in did not work"):
        sign_in(LAPTOP)


def test_a_code_typed_elsewhere_signs_in(hub: StubHub, tmp_path: Path) -> None:
    assert device_login.is_available()
    code = device_login.request_code()
    assert (code.page, code.code) == (f"{hub.endpoint}/device", "EMI-2026")
    assert "secret" not in repr(code)
    hub.accounts["hf_oauth_fromTheCode"] = StubAccount(token_name="")
    hub.consent_token = "hf_oauth_fromTheCode"
    threading.Timer(0.3, lambda: setattr(hub, "consent", "yes")).start()
    account = device_login.wait_for_consent(code, lambda: False)
    assert account is not None
    assert (account.name, account.permission) == ("emi", "signed in by code")
    assert stored_tokens().active == "oauth-emi"


def test_a_code_that_is_refused_or_given_up_signs_nobody_in(hub: StubHub) -> None:
    code = device_login.request_code()
    asked = iter([False, False, True])
    assert device_login.wait_for_consent(code, lambda: next(asked)) is None
    for consent, said in (("no", "was refused on the hub's page"), ("late", "has run out")):
        hub.consent = consent
        with pytest.raises(AccountError, match=said):
            device_login.wait_for_consent(code, lambda: False)
    assert not stored_tokens().signed_in


def test_a_code_without_network_or_from_a_broken_hub_is_told_in_a_sentence_about_that(
    hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.consent = "ill"
    with pytest.raises(AccountError) as caught:
        device_login.request_code()
    assert str(caught.value.what) == "The hub answered 503 when asked for a code."
    use_endpoint("http://127.0.0.1:9", tmp_path / "other", monkeypatch)
    with pytest.raises(AccountError) as caught:
        device_login.request_code()
    assert caught.value.what == "The hub cannot be reached."
    assert "token" not in str(caught.value)


def test_another_version_of_the_library_without_codes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("huggingface_hub.utils._oauth_device.poll_device_token")
    assert not device_login.is_available()
    with pytest.raises(AccountError, match="cannot sign in by code"):
        device_login.request_code()
    assert os.access(device_login.COMMAND[0], os.X_OK)
