"""One question to the hub over huggingface_hub's own connection, with a limit to its patience and nothing printed.

The library's own calls wait for ever on a network that swallows packets, and tell of themselves on the screen.
"""

import logging
from typing import Any

from huggingface_hub import HfApi, get_session
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

SECONDS_TO_ANSWER = 15


def silence_the_library() -> None:
    """Keep huggingface_hub's remarks off a screen that is not its own; failures are raised all the same."""
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)


def answer_json(path: str, token: str | None = None) -> dict[str, Any]:
    """GET `path` of the hub and read a JSON object; {} where it is none.

    Args:
        path: Begins with "/".
        token: Used instead of the one that is signed in.

    Raises:
        Exception: whatever the library, the network or the answer raise.
    """
    silence_the_library()
    session: Any = get_session()
    response = session.get(
        f"{HfApi().endpoint}{path}", headers=build_hf_headers(token=token), timeout=SECONDS_TO_ANSWER
    )
    hf_raise_for_status(response)
    found = response.json()
    return found if isinstance(found, dict) else {}
