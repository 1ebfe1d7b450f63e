"""The account of Hugging Face: signing in by code or token, switching, signing out; each as a short talk of dialogs.

A token goes from the masked line to `hub.login` and is kept nowhere here.
"""

import subprocess
import threading
from typing import TYPE_CHECKING

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from loratui.errors import AccountError
from loratui.safe_text import printable
from loratui.tui.background import Fault, in_background, in_thread
from loratui.tui.dialogs import Ask, Choice, Entry
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.frame import StepScreen

if TYPE_CHECKING:
    from loratui.hub.device_login import DeviceCode
    from loratui.hub.login import Account, Tokens

_NOBODY = "nobody is signed in; only gated and private bases need it."


async def talk_about_account(screen: StepScreen, account: "Account | None") -> bool:
    """Let the person sign in, switch or sign out; says whether anything may have changed."""
    from loratui.hub import login

    try:
        tokens = await in_thread(login.stored_tokens)
        chosen = await screen.app.push_screen_wait(_menu(account, tokens))
        if chosen == "code":
            return await _sign_in_by_code(screen)
        if chosen == "paste":
            return await _sign_in_by_token(screen)
        if chosen == "switch":
            return await _switch(screen, tokens)
        if chosen == "out":
            return await _sign_out(screen, tokens)
    except AccountError as error:
        screen.say(f"{error.what} {error.todo}", "error")
    return False


def who_line(account: "Account | None", tokens: "Tokens | None", error: AccountError | None) -> tuple[str, bool]:
    """The account in one line, and whether it needs attention."""
    if error is not None:
        return f"Hugging Face: {error.what} {error.todo}", True
    if account is not None:
        return f"Hugging Face: {_described(account, tokens)}", bool(account.warning)
    if tokens is not None and tokens.signed_in:
        return "Hugging Face: somebody is signed in; asking who …", False
    return f"Hugging Face: {_NOBODY}", False


def _described(account: "Account", tokens: "Tokens | None") -> str:
    named = f" {account.token_name}" if account.token_name else ""
    kind = f", {account.permission} token{named}" if account.permission else named
    if account.permission.startswith("signed in"):
        kind = f", {account.permission}"
    source = f" from {tokens.environment}" if tokens is not None and tokens.environment else ""
    return f"{account.name}{kind}{source}. {account.warning}".rstrip()


def _menu(account: "Account | None", tokens: "Tokens") -> Ask:
    text = f"Signed in as {_described(account, tokens)}" if account else _NOBODY[0].upper() + _NOBODY[1:]
    if account is None and tokens.signed_in:
        text = "A token is stored; whose it is, the hub has not said."
    if tokens.environment:
        text += f"\n{tokens.environment} is set in the environment and goes before everything that is stored."
    choices = [
        Choice("code", "Sign in by code", "an address and a code to type on any other computer"),
        Choice("paste", "Paste a token", "from huggingface.co/settings/tokens"),
    ]
    if len(tokens.names) > 1 or (tokens.names and not tokens.signed_in):
        choices.append(Choice("switch", "Switch", f"use another of the {len(tokens.names)} stored tokens"))
    if tokens.names or tokens.signed_in:
        choices.append(Choice("out", "Sign out", "remove tokens from this computer"))
    return Ask("Hugging Face account", text, choices)


async def _sign_in_by_token(screen: StepScreen) -> bool:
    from loratui.hub.login import sign_in, why_no_token

    text = (
        "Make one at huggingface.co/settings/tokens; the kind Read suffices.\n"
        "It is shown nowhere. huggingface_hub stores it, for every program\n"
        "on this computer that uses the hub."
    )
    token = await screen.app.push_screen_wait(Entry("Paste a token", text, secret=True, check=why_no_token))
    if token is None:
        return False
    screen.say("Asking the hub whose token that is …")
    account = await in_thread(lambda: sign_in(token))
    screen.say(f"Signed in as {account.name}.", "good")
    return True


async def _sign_in_by_code(screen: StepScreen) -> bool:
    from loratui.hub import device_login

    if not device_login.is_available():
        return await _sign_in_outside(screen, device_login.COMMAND)
    screen.say("Asking the hub for a code …")
    code = await in_thread(device_login.request_code)
    account = await screen.app.push_screen_wait(CodeDialog(code))
    if isinstance(account, AccountError):
        raise account
    if account is None:
        return False
    screen.say(f"Signed in as {account.name}.", "good")
    return True


async def _sign_in_outside(screen: StepScreen, command: tuple[str, ...]) -> bool:
    question = Ask(
        "Sign in by code",
        "This version of huggingface_hub does it in the terminal only. The wizard steps aside until it has ended.",
        [Choice("go", "Run hf auth login", "and come back here")],
    )
    if await screen.app.push_screen_wait(question) != "go":
        return False
    try:
        with screen.app.suspend():
            subprocess.run(command, check=False)
    except SuspendNotSupported:
        screen.say("This terminal cannot be lent; run `hf auth login` in another one.", "warning")
        return False
    return True


async def _switch(screen: StepScreen, tokens: "Tokens") -> bool:
    from loratui.hub.login import switch

    names = sorted(tokens.names, key=lambda name: name != tokens.active)
    choices = [Choice(str(place), name, "in use" if name == tokens.active else "") for place, name in enumerate(names)]
    chosen = await screen.app.push_screen_wait(Ask("Use which token?", "", choices))
    if chosen is None:
        return False
    await in_thread(lambda: switch(names[int(chosen)]))
    screen.say(f"The token {names[int(chosen)]} is used from now on.", "good")
    return True


async def _sign_out(screen: StepScreen, tokens: "Tokens") -> bool:
    from loratui.hub.login import sign_out

    choices = [Choice("stay", "Stay signed in")]
    if tokens.active and len(tokens.names) > 1:
        choices.append(Choice("one", f"Remove the token {tokens.active}", "the others stay stored"))
    choices.append(Choice("all", "Remove all tokens" if len(tokens.names) > 1 else "Remove the token"))
    text = "Every program on this computer that uses the hub is signed out with it."
    chosen = await screen.app.push_screen_wait(Ask("Sign out of Hugging Face?", text, choices))
    if chosen not in ("one", "all"):
        return False
    left = await in_thread(lambda: sign_out(tokens.active if chosen == "one" else ""))
    screen.say(left or "Signed out.", "warning" if left else "good")
    return True


class CodeDialog(Dialog["Account | AccountError | None"]):
    """Shows where to go and what to type there, until that has happened, the code ran out, or Esc."""

    BINDINGS = [
        Binding("escape", "leave", "Leave", id="leave"),
        Binding("y", "send", "Copy", id="copy"),
    ]

    class Ended(Message):
        """The waiting is over."""

        def __init__(self, account: "Account | AccountError | None") -> None:
            super().__init__()
            self.account = account

    def __init__(self, code: "DeviceCode") -> None:
        super().__init__(classes="dialog")
        self._code = code
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        """The address, the code, and that it is waited for."""
        with Vertical(classes="window"):
            yield Static("Sign in by code", classes="dialog-title", markup=False)
            yield Static(
                Content.assemble(
                    "On any computer or telephone, open\n\n    ",
                    (printable(self._code.page), "bold $text-accent"),
                    "\n\nand type the code\n\n    ",
                    (printable(self._code.code), "bold $text-accent"),
                    f"\n\nIt holds for {max(1, self._code.seconds // 60)} minutes. ",
                    "This goes on by itself once you have agreed there.",
                ),
                classes="dialog-text",
                markup=False,
            )
            yield Static("y copy the address   Esc back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Begin to wait."""
        in_background(self, self._wait)

    def on_unmount(self) -> None:
        """Have the waiting end."""
        self._left.set()

    def _wait(self) -> Message:
        from loratui.hub.device_login import wait_for_consent

        try:
            return self.Ended(wait_for_consent(self._code, self._left.is_set))
        except AccountError as error:
            return self.Ended(error)

    def on_code_dialog_ended(self, event: Ended) -> None:
        """Answer."""
        event.stop()
        if not self._left.is_set():
            self.dismiss(event.account)

    def on_fault(self, event: Fault) -> None:
        """A fault of the program ends it in the usual way."""
        raise event.error

    def action_send(self) -> None:
        """Send the address to the terminal's clipboard."""
        self.app.copy_to_clipboard(self._code.page)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)
