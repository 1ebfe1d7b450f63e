"""What huggingface_hub raises, turned into sentences for the person.

Never repeats a library's message of a failed request: such messages can quote headers, and headers hold tokens.
"""

import difflib
import errno
import os
from collections.abc import Iterable

from huggingface_hub import constants, get_token
from huggingface_hub import errors as hub_errors

from loratui.errors import BaseModelError
from loratui.hub.location import RETIRED, SIGN_IN, BaseLocation
from loratui.hub.room import no_room
from loratui.safe_text import printable


def is_hub_failure(failure: Exception) -> bool:
    """Whether `failure` comes from the hub, the network or the disk, and not from a mistake in this program."""
    # RuntimeError is what hf_xet, the downloader beneath, raises; ValueError an answer or a token without sense.
    return (
        isinstance(failure, OSError | RuntimeError | ValueError)
        or type(failure).__module__.startswith("huggingface_hub.")
        or is_transport(failure)
    )


def base_model_error(failure: Exception, location: BaseLocation) -> BaseModelError:
    """Say in plain words why `location` could not be fetched."""
    name = printable(location.repo_id)
    page = page_of(location.repo_id)
    if isinstance(failure, hub_errors.GatedRepoError):
        step = "" if get_token() else f", {SIGN_IN},"
        return BaseModelError(
            f"{name} is gated: its owner asks everyone to accept conditions first.",
            f"Open {page} in a browser, accept them{step} and try again.",
        )
    if isinstance(failure, hub_errors.RepositoryNotFoundError):
        return _not_found(location.repo_id, page)
    if isinstance(failure, hub_errors.RemoteEntryNotFoundError):
        return BaseModelError(
            f"{name} has no file {printable(location.filename)}.", f"See the files at {page}/tree/main."
        )
    if isinstance(failure, hub_errors.RevisionNotFoundError):
        return BaseModelError(f"{name} has no revision '{printable(location.revision)}'.", f"See {page}/tree/main.")
    if isinstance(failure, hub_errors.DisabledRepoError):
        return BaseModelError(f"{name} was disabled on the hub.", "Choose another base.")
    if isinstance(failure, hub_errors.HFValidationError):
        return BaseModelError(f"'{name}' is not a valid Hugging Face id.", "Ids look like owner/name.")
    if isinstance(failure, UnicodeError):
        return BaseModelError(
            "The Hugging Face token of this computer contains a character that no token has.",
            "Correct HF_TOKEN, or sign in again with `hf auth login`.",
        )
    if isinstance(failure, ValueError):
        return BaseModelError(
            f"What answered when asked for {name} is not a Hugging Face hub.",
            "Check HF_ENDPOINT, the proxy, or whether the network wants a sign-in page filled first.",
        )
    return _not_reached(failure, location, name)


def no_such_file(location: BaseLocation, present: Iterable[str]) -> BaseModelError:
    """Say that the repository lacks the file, and which one comes nearest."""
    name, filename = printable(location.repo_id), printable(location.filename)
    usable = [file for file in present if file.endswith(".safetensors")]
    near = difflib.get_close_matches(location.filename, usable, n=1, cutoff=0.3)
    todo = (
        f"Did you mean {name}/{printable(near[0])}?"
        if near
        else f"See its files at {page_of(location.repo_id)}/tree/main."
    )
    return BaseModelError(f"{name} has no file {filename}.", todo)


def page_of(repo_id: str) -> str:
    """The address of a repository's page, to be read by a person."""
    return f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')}/{printable(repo_id)}"


def _not_found(repo_id: str, page: str) -> BaseModelError:
    name = printable(repo_id)
    if repo_id in RETIRED:
        return BaseModelError(
            f"{name} was taken off the hub.", f"The same model is maintained as {RETIRED[repo_id]}: use that id."
        )
    if get_token():
        private = "if it is private, the account signed in here must have access to it"
    else:
        private = f"if it is private, {SIGN_IN}"
    return BaseModelError(f"There is no model {name} on the hub, or it is private.", f"Check {page}; {private}.")


def _not_reached(failure: Exception, location: BaseLocation, name: str) -> BaseModelError:
    cause = _root(failure)
    number = getattr(cause, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return no_room(name)
    if str(getattr(cause, "filename", "")) == constants.HF_TOKEN_PATH:
        return BaseModelError(
            f"The stored token of this computer cannot be read: {getattr(cause, 'strerror', '')}.",
            f"Look at {printable(constants.HF_TOKEN_PATH)}, or set HF_TOKEN.",
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BaseModelError(
            f"{name} cannot be stored: {printable(getattr(cause, 'filename', '') or 'the cache')} cannot be written.",
            "Set HF_HOME to a folder of your own.",
        )
    if isinstance(cause, hub_errors.OfflineModeIsEnabled):
        return BaseModelError(
            f"{printable(location.name)} is not (completely) on this computer, and HF_HUB_OFFLINE forbids downloading.",
            "Unset HF_HUB_OFFLINE for one run, or give the path of a local copy.",
        )
    if isinstance(cause, hub_errors.HfHubHTTPError):
        status = cause.response.status_code
        if status == 401:
            return BaseModelError(
                "The hub does not accept the token of this computer.",
                "Sign in again with `hf auth login`, or correct HF_TOKEN.",
            )
        todo = "Check the token's permissions." if status == 403 else "Try again later."
        return BaseModelError(f"The hub answered {status} when asked for {name}.", todo)
    if not isinstance(cause, ConnectionError | hub_errors.LocalEntryNotFoundError) and not is_transport(cause):
        return BaseModelError(
            f"The download of {printable(location.name)} broke off ({type(cause).__name__}).",
            "Try again: what has arrived is kept.",
        )
    return BaseModelError(
        f"{printable(location.name)} is not (completely) on this computer, and the hub cannot be reached.",
        "Check the network (and HF_ENDPOINT, HTTPS_PROXY where used), or give the path of a local copy.",
    )


def _root(failure: BaseException) -> BaseException:
    """huggingface_hub hides the reason behind LocalEntryNotFoundError."""
    cause = failure
    while isinstance(cause, hub_errors.LocalEntryNotFoundError) and cause.__cause__ is not None:
        cause = cause.__cause__
    return cause


def is_transport(failure: BaseException) -> bool:
    """Whether the connection failed, and not the question or its answer."""
    # The HTTP library under huggingface_hub changed its name with its versions; each has exceptions of its own.
    return type(failure).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2", "requests")
