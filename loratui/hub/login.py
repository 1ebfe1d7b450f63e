"""The Hugging Face account of this computer: who is signed in, with which permission; signing in and out, switching.

Tokens are stored by huggingface_hub's own functions and by nothing else. A token that is handed in here goes there and
nowhere: not into an error, not into a value that is returned.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from huggingface_hub import auth_switch, get_token
from huggingface_hub import errors as hub_errors
from huggingface_hub import login as library_login
from huggingface_hub import logout as library_logout
from huggingface_hub.utils import get_stored_tokens  # type: ignore[attr-defined]

from loratui.errors import AccountError
from loratui.hub.asking import answer_json, silence_the_library
from loratui.hub.refusals import is_hub_failure, is_transport
from loratui.safe_text import printable

T = TypeVar("T")

TOKEN_PAGE = "https://huggingface.co/settings/tokens"
NOT_REACHED = ("The hub cannot be reached.", "Check the network (and HF_ENDPOINT, HTTPS_PROXY where used).")
_FROM_ENVIRONMENT = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True)
class Account:
    """Who is signed in.

    Attributes:
        name: The user's name on the hub.
        permission: Of the token: "read", "write", "fine-grained", "signed in by code"; "" when the hub does not say.
        token_name: What the token is called; "" when it has no name.
        warning: What this token cannot do that a base may need; "" for nothing.
    """

    name: str
    permission: str
    token_name: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Tokens:
    """What is stored on this computer; names only.

    Attributes:
        names: Of the stored tokens.
        active: The one in use; "" when there is none, or it has no name here.
        environment: The variable that overrides them all; "" when none is set.
        signed_in: Whether there is a token at all.
    """

    names: tuple[str, ...]
    active: str
    environment: str
    signed_in: bool


def stored_tokens() -> Tokens:
    """The tokens of this computer, by name; asks no network beyond what refreshing an expired one takes.

    Raises:
        AccountError: they cannot be read.
    """
    silence_the_library()
    stored, token = _read(get_stored_tokens), _read(get_token)
    variable = next((name for name in _FROM_ENVIRONMENT if os.environ.get(name, "").strip()), "")
    active = next((name for name, value in stored.items() if token is not None and value.strip() == token), "")
    return Tokens(tuple(stored), "" if variable else active, variable, token is not None)


def who() -> Account | None:
    """Ask the hub who is signed in; None when nobody is.

    Raises:
        AccountError: the token is not accepted, or the hub cannot be asked.
    """
    if _read(get_token) is None:
        return None
    return _account(in_our_words(lambda: answer_json("/api/whoami-v2")))


def why_no_token(text: str) -> str:
    """Say in plain words why `text` cannot be a token, without repeating it; "" when it may be one."""
    token = text.strip()
    if not token:
        return "Paste the token, or leave with Esc."
    if not token.isascii() or not token.isprintable() or " " in token:
        return "A token has only letters, digits and _; something else was pasted."
    if token.startswith("api_org"):
        return "This is an organisation's token; a personal one is needed."
    if not token.startswith("hf_"):
        return "A token begins with hf_."
    return ""


def sign_in(text: str) -> Account:
    """Check a pasted token with the hub and have huggingface_hub store it.

    Raises:
        AccountError: it cannot be a token, the hub does not accept it, or it cannot be stored.
    """
    if reason := why_no_token(text):
        raise AccountError(reason, f"Make one on {TOKEN_PAGE}; the kind Read suffices.")
    token = text.strip()
    # Asked with a limit to our patience first; the library asks again without one.
    account = _account(in_our_words(lambda: answer_json("/api/whoami-v2", token)))
    in_our_words(lambda: library_login(token=token, add_to_git_credential=False))
    return account


def switch(token_name: str) -> None:
    """Use another stored token.

    Raises:
        AccountError: there is none of that name, or it cannot be stored.
    """
    silence_the_library()
    if token_name not in _read(get_stored_tokens):
        raise AccountError(f"No token called {printable(token_name)} is stored here.")
    in_our_words(lambda: auth_switch(token_name))


def sign_out(token_name: str = "") -> str:
    """Remove one stored token, or all of them; returns what a person should know besides, "" for nothing.

    Raises:
        AccountError: they cannot be removed.
    """
    silence_the_library()
    try:
        library_logout(token_name or None)
    except OSError:
        # The library removes first and then complains of HF_TOKEN, and of a computer without git.
        pass
    except Exception as failure:
        raise _error(failure) from None
    left = stored_tokens()
    if left.environment:
        return f"{left.environment} is set in the environment and still signs in: unset it and start again."
    if left.signed_in and not token_name:
        raise AccountError("The stored tokens cannot be removed.", "Try `hf auth logout` in a shell.")
    return ""


def _account(told: dict[str, Any]) -> Account:
    auth = _object(told.get("auth"))
    token = _object(auth.get("accessToken"))
    role = str(token.get("role") or "")
    permission = {"fineGrained": "fine-grained"}.get(role, role)
    if not permission and auth.get("type") == "oauth":
        permission = "signed in by code"
    warning = ""
    if role == "fineGrained" and not _object(token.get("fineGrained")).get("canReadGatedRepos", True):
        warning = f"It may not read gated models: allow it on {TOKEN_PAGE}."
    return Account(
        printable(told.get("name") or "?"), printable(permission), printable(token.get("displayName") or ""), warning
    )


def _object(told: Any) -> dict[str, Any]:
    """What the hub told, where it is of the kind that it should be."""
    return told if isinstance(told, dict) else {}


def _read(ask: Callable[[], T]) -> T:
    """Return what `ask` finds where tokens are stored.

    Raises:
        AccountError: it cannot be read.
    """

    def ask_files() -> T:
        try:
            return ask()
        except OSError as failure:
            if failure.filename is None:  # it is not about a file
                raise
            reason = failure.strerror or type(failure).__name__
            todo = f"Look at {printable(failure.filename)}, or set HF_TOKEN."
            raise AccountError(f"The stored token cannot be read: {reason}.", todo) from None

    return in_our_words(ask_files)


def in_our_words(ask: Callable[[], T]) -> T:
    """Return what `ask` returns.

    Raises:
        AccountError: whatever the library raised; its own words can quote a token.
    """
    try:
        return ask()
    except Exception as failure:
        # The last three: the library met an answer of a kind that it does not know.
        if not is_hub_failure(failure) and not isinstance(failure, LookupError | TypeError | AttributeError):
            raise
        raise _error(failure) from None


def _error(failure: Exception) -> AccountError:
    if isinstance(failure, hub_errors.HfHubHTTPError):
        status = failure.response.status_code
        if status in (401, 403):
            return AccountError(
                "The hub does not accept this token.", f"It may have been revoked: see {TOKEN_PAGE}, or sign in again."
            )
        return AccountError(f"The hub answered {status}.", "Try again later.")
    if isinstance(failure, ConnectionError) or is_transport(failure):
        return AccountError(*NOT_REACHED)
    if isinstance(failure, OSError):
        return AccountError(
            f"The account cannot be stored: {failure.strerror or type(failure).__name__}.", "Check HF_HOME."
        )
    return AccountError(
        "Signing in did not work: what answered is no Hugging Face hub.",
        "Check HF_ENDPOINT and HTTPS_PROXY, where they are set.",
    )
