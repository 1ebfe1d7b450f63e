"""Step 2's account against a stub hub: signing in by token and by code, switching, signing out."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.functional.wizard.model_bases import TOKEN, WORK, name_base, see
from tests.unit.hub.stub_hub import StubAccount, StubHub
from tests.wizard import paste, session_of, until, wizard


async def ask_for_a_code(pilot: Pilot[int]) -> None:
    """Choose the first way to sign in."""
    await pilot.press("at")
    await see(pilot, "Sign in by code")
    await pilot.press("enter")


async def test_a_gated_base_is_opened_by_signing_in_with_a_token_that_is_never_seen(hub: StubHub, home: Path) -> None:
    hub.accounts[TOKEN].may_open = ("emi/gated",)
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/gated")
        await see(pilot, "emi/gated is gated: its owner asks everyone to accept conditions first.")
        await see(pilot, f"Open {hub.endpoint}/emi/gated in a browser")
        assert session_of(pilot).unmet("model")
        await pilot.press("at")
        await see(pilot, "Nobody is signed in")
        await pilot.press("down", "enter")
        await see(pilot, "Paste a token")
        await paste(pilot, "not a token")
        await see(pilot, "A token has only letters, digits and _")
        await pilot.press("ctrl+u")
        await paste(pilot, TOKEN)
        assert TOKEN not in pilot.app.export_screenshot()
        await pilot.press("enter")
        await see(pilot, "Hugging Face: emi, read token laptop.")
        await see(pilot, "gated, and open to you")
        await until(pilot, lambda: session_of(pilot).unmet("model") == ())
        assert TOKEN not in pilot.app.export_screenshot()
    holders = {path.name for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()}
    assert holders == {"token", "stored_tokens"}


async def test_a_revoked_token_is_refused_in_words(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await pilot.press("at")
        await see(pilot, "Paste a token")
        await pilot.press("down", "enter")
        await paste(pilot, "hf_revoked")
        await pilot.press("enter")
        assert "hf_revoked" not in await see(pilot, "The hub does not accept this token.")


async def test_signing_in_by_code_waits_until_it_was_typed_elsewhere(hub: StubHub) -> None:
    hub.accounts["hf_oauth_fromTheCode"] = StubAccount(token_name="")
    hub.consent_token = "hf_oauth_fromTheCode"
    async with wizard(profile="emi", mode="model") as pilot:
        await ask_for_a_code(pilot)
        await see(pilot, "EMI-2026")
        await see(pilot, f"{hub.endpoint}/device")
        hub.consent = "yes"
        await see(pilot, "Hugging Face: emi, signed in by code.")


async def test_a_refused_code_is_said_and_a_code_may_be_left(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await ask_for_a_code(pilot)
        await see(pilot, "EMI-2026")
        await pilot.press("escape")
        await see(pilot, "built in")
        hub.consent = "no"
        await pilot.press("at", "enter")
        await see(pilot, "Signing in by code was refused on the hub's page.")


async def test_without_codes_in_the_library_its_own_command_is_offered(
    hub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("huggingface_hub.utils._oauth_device.poll_device_token")
    async with wizard(profile="emi", mode="model") as pilot:
        await ask_for_a_code(pilot)
        await see(pilot, "Run hf auth login")
        await pilot.press("enter")
        await see(pilot, "This terminal cannot be lent")


async def test_switching_between_tokens_and_signing_out(hub: StubHub) -> None:
    from loratui.hub.login import sign_in, stored_tokens

    sign_in(TOKEN)
    sign_in(WORK)
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "Hugging Face: emi, write token work.")
        await pilot.press("at")
        await see(pilot, "Signed in as emi, write token work.")
        await pilot.press("down", "down", "enter")
        await see(pilot, "Use which token?")
        await pilot.press("down", "enter")
        await see(pilot, "Hugging Face: emi, read token laptop.")
        await pilot.press("at")
        await see(pilot, "Signed in as")
        await pilot.press("down", "down", "down", "enter")
        await see(pilot, "Stay signed in")
        await pilot.press("down", "enter")
        await see(pilot, "Hugging Face: nobody is signed in")
        assert stored_tokens().names == ("work",)
