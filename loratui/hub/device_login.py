"""Signing in by code: an address and a few letters to type on another computer, for a box without a browser.

huggingface_hub has this for its own command line only: its functions are private, and all that is known of them stands
here. Where another version lacks them `is_available` says so, and COMMAND does it in the terminal.
"""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from huggingface_hub import errors as hub_errors

from loratui.errors import AccountError
from loratui.hub.asking import silence_the_library
from loratui.hub.login import NOT_REACHED, Account, in_our_words, who
from loratui.hub.refusals import is_transport
from loratui.safe_text import printable

T = TypeVar("T")

COMMAND = (sys.executable, "-m", "huggingface_hub.cli.hf", "auth", "login", "--force")


@dataclass(frozen=True)
class DeviceCode:
    """What a person types elsewhere.

    Attributes:
        page: The address to open.
        code: The letters to type there.
        seconds: For how long they hold.
        request: What the library wants back; holds a secret, and is shown to nobody.
    """

    page: str
    code: str
    seconds: int
    request: Any = None

    def __repr__(self) -> str:
        """Without the secret, should it ever be logged."""
        return f"DeviceCode({self.page!r}, {self.code!r})"


class _GivenUp(Exception):
    """The person went away."""


def is_available() -> bool:
    """Whether this version of the library has what is called here."""
    return _functions() is not None


def request_code() -> DeviceCode:
    """Ask the hub for a code.

    Raises:
        AccountError: the hub gives none.
    """
    silence_the_library()
    told = _in_our_words(_required()[0])
    try:
        return DeviceCode(
            printable(told["verification_uri"]), printable(told["user_code"]), int(told["expires_in"]), told
        )
    except (KeyError, TypeError, ValueError):
        raise AccountError("What the hub answered is no code.", "Paste a token instead.") from None


def wait_for_consent(code: DeviceCode, given_up: Callable[[], bool]) -> Account | None:
    """Wait until the person has typed the code elsewhere, and have the library store the token; blocks for minutes.

    Args:
        code: From `request_code`.
        given_up: Asked every few seconds; when it says yes the waiting ends and None is returned.

    Raises:
        AccountError: it was refused, the time is over, or the hub wants something else.
    """
    _, poll, save = _required()

    def look() -> None:
        if given_up():
            raise _GivenUp

    try:
        token = _in_our_words(lambda: poll(code.request, on_pending=look))
    except _GivenUp:
        return None
    if given_up():
        return None
    in_our_words(lambda: save(token))
    return who()


def _in_our_words(ask: Callable[[], T]) -> T:
    """Return what `ask` returns.

    Raises:
        AccountError: whatever the library raised; of a code it has one exception for everything.
    """

    def asking() -> T:
        try:
            return ask()
        except Exception as failure:
            if type(failure).__name__ != "DeviceCodeError":
                raise
            raise _refusal(failure) from None

    return in_our_words(asking)


def _refusal(failure: Exception) -> AccountError:
    cause, code = failure.__cause__, getattr(failure, "error_code", None)
    match getattr(code, "value", code):
        case "expired_token":
            return AccountError("The code has run out.", "Begin again for a new one.")
        case "access_denied":
            return AccountError("Signing in by code was refused on the hub's page.", "Begin again, and agree there.")
    if isinstance(cause, hub_errors.HfHubHTTPError):
        return AccountError(
            f"The hub answered {cause.response.status_code} when asked for a code.",
            "Try again later, or paste a token.",
        )
    if isinstance(cause, ConnectionError) or (cause is not None and is_transport(cause)):
        return AccountError(*NOT_REACHED)
    return AccountError("The hub does not let this computer sign in by code.", "Begin again, or paste a token.")


def _functions() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]] | None:
    try:
        device = importlib.import_module("huggingface_hub.utils._oauth_device")
        storing = importlib.import_module("huggingface_hub._login")
        return device.request_device_code, device.poll_device_token, storing._save_oauth_token
    except (ImportError, AttributeError):
        return None


def _required() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    functions = _functions()
    if functions is None:
        raise AccountError("This huggingface_hub cannot sign in by code from here.", "Paste a token instead.")
    return functions
