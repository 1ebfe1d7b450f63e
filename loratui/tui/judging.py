"""What a step lacks, found out without its screen: after a change elsewhere the rail shall not be silent for long.

Only what the disk says at once; pictures and the hub are asked by their own screens.
"""

from typing import TYPE_CHECKING

from loratui.errors import BaseModelError

if TYPE_CHECKING:
    from loratui.profile.schema import Profile


def lacking_of_model(profile: "Profile") -> tuple[str, ...] | None:
    """What Model lacks with this profile; None where only the hub could tell."""
    from loratui.hub.presence import presence

    try:
        found = presence(profile.model.base)
    except BaseModelError as error:
        return (error.what,)
    except OSError:
        return None
    if not found.is_usable or (found.needs_config and not profile.model.config):
        return (found.note,)
    return () if found.here else None
