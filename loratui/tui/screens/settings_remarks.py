"""What is odd about names and places that were taken all the same, since they may come to exist: one remark a setting.

Looks at the disk (in a thread), never at the network.
"""

import ipaddress
import os
import re
from collections.abc import Iterator

from loratui.errors import BaseModelError
from loratui.hub.models import locate
from loratui.profile.schema import Profile

NO_FOLDER = "There is no such folder yet."
NOT_FOUND = "This is neither a file, a folder nor a hub id."
NO_ADDRESS = "This is no host name or address."
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?", re.ASCII)


def remarks_on(profile: Profile) -> dict[str, str]:
    """What there is to remark, by the setting's name.

    Args:
        profile: With absolute paths.
    """
    return dict(_remarks(profile))


def _remarks(profile: Profile) -> Iterator[tuple[str, str]]:
    folders = {
        "dataset.path": profile.dataset.path,
        "dataset.regularisation_path": profile.dataset.regularisation_path,
        "output.directory": profile.output.directory,
        "model.config": profile.model.config,
    }
    for name, folder in folders.items():
        if folder and not os.path.isdir(os.path.expanduser(folder)):
            yield name, NO_FOLDER if not os.path.lexists(os.path.expanduser(folder)) else "This is not a folder."
    if profile.model.vae and not means_something(profile.model.vae):
        yield "model.vae", NOT_FOUND
    if profile.accelerate.main_address and not is_address(profile.accelerate.main_address):
        yield "accelerate.main_address", NO_ADDRESS


def means_something(base: str) -> bool:
    """Whether a base's name is that of something on this computer, or could be one on the hub."""
    try:
        locate(base)
    except BaseModelError:
        return False
    return True


def is_address(text: str) -> bool:
    """Whether a text can be a host name, or an address in numbers."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) < 254 and _HOST.fullmatch(text) is not None
    return True
