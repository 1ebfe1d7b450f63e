"""Asks the hub about a base before anything is downloaded: is it there, may we have it, how large, of which family.

One question at a time, each with a limit to its patience; what is learnt is kept in `known.py`.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from huggingface_hub import HfApi, get_hf_file_metadata, get_token, hf_hub_url
from huggingface_hub import errors as hub_errors

from loratui.errors import BaseModelError
from loratui.hub.asking import SECONDS_TO_ANSWER, answer_json, silence_the_library
from loratui.hub.family import directory_family
from loratui.hub.kinds import UNKNOWN, Family
from loratui.hub.known import Known, remember
from loratui.hub.listing import Listing, lacking_sizes, list_repository, wanted_sizes
from loratui.hub.location import BaseLocation
from loratui.hub.recognition import checkpoint_family
from loratui.hub.refusals import base_model_error, is_hub_failure, page_of


@dataclass(frozen=True)
class Answer:
    """What the hub says of a base.

    Attributes:
        known: Size, family, gate and licence.
        lacking: Bytes that a download would bring.
        may_download: Whether the account signed in here is let in.
        page: Where the conditions are accepted, and the card read.
        what: Why it cannot be had as things are; "" when it can.
        todo: What to do about it.
    """

    known: Known
    lacking: int
    may_download: bool
    page: str
    what: str = ""
    todo: str = ""


def ask_hub(location: BaseLocation) -> Answer:
    """Ask about a base on the hub.

    Raises:
        BaseModelError: it is missing, retired or no base, or the hub cannot be reached.
    """
    silence_the_library()
    try:
        listing = list_repository(location)
        size = sum(wanted_sizes(location, listing).values())
        refusal = _refusal(location, listing)
        family = UNKNOWN if refusal else _family(location, listing)
        lacking = sum(lacking_sizes(location, listing).values())
    except Exception as failure:
        if isinstance(failure, BaseModelError) or not is_hub_failure(failure):
            raise
        raise base_model_error(failure, location) from None
    known = Known(size, family, listing.gate, listing.licence, listing.private)
    remember(location, known)
    what, todo = (refusal.what, refusal.todo) if refusal else ("", "")
    return Answer(known, lacking, refusal is None, page_of(location.repo_id), what, todo)


def _refusal(location: BaseLocation, listing: Listing) -> BaseModelError | None:
    """Whether files are given, which the listing does not tell: gated repositories show it to everybody."""
    if not listing.gate:
        return None
    name = location.filename or next(iter(wanted_sizes(location, listing)))
    try:
        _metadata(location, name)
    except hub_errors.GatedRepoError as failure:
        refusal = base_model_error(failure, location)
        if listing.gate == "manual" and get_token():
            return BaseModelError(
                f"{location.repo_id} is gated: its owner decides who may have it.",
                f"Ask on {page_of(location.repo_id)}, and try again once the owner has agreed.",
            )
        return refusal
    return None


def _family(location: BaseLocation, listing: Listing) -> Family:
    """Read from the files that tell, of some kilobytes; unknown where they are not given."""
    api = HfApi()
    try:
        if location.filename:
            parsed = api.parse_safetensors_file_metadata(
                location.repo_id, location.filename, revision=location.revision
            )
            return checkpoint_family(parsed.tensors)
        return directory_family(
            _small_json(location, listing, "model_index.json"), _small_json(location, listing, "unet/config.json")
        )
    except Exception as failure:
        if not is_hub_failure(failure):
            raise
        return UNKNOWN


def _small_json(location: BaseLocation, listing: Listing, name: str) -> dict[str, Any]:
    if name not in listing.sizes:
        return {}
    return answer_json(f"/{location.repo_id}/resolve/{quote(location.revision, safe='')}/{name}")


def _metadata(location: BaseLocation, name: str) -> object:
    endpoint = HfApi().endpoint
    url = hf_hub_url(location.repo_id, name, revision=location.revision, endpoint=endpoint)
    return get_hf_file_metadata(url, timeout=SECONDS_TO_ANSWER, endpoint=endpoint)
