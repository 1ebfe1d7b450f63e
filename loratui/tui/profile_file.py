"""The open profile's file: read, saved, and watched for what other programs write into it meanwhile."""

from pathlib import Path

from loratui.errors import ProfileError
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile, profile_path, read_profile, write_profile
from loratui.safe_text import printable

Signature = tuple[int, int, int]


class ProfileFile:
    """A saved profile as it was last read or written here.

    Attributes:
        name: Of the profile.
        path: Of its file.
        profile: What it said then.

    Raises:
        ProfileError: there is none of that name, or it cannot be read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = profile_path(name).absolute()
        self.profile = load_profile(name)
        self._seen = _signature(self.path)

    def take_in_changes(self) -> bool:
        """Read the file again if another program has changed it; says whether it did.

        Raises:
            ProfileError: it is gone, as after a renaming, or cannot be read any more.
        """
        seen = _signature(self.path)
        if seen == self._seen:
            return False
        if seen is None:
            raise ProfileError(
                f"The profile {printable(self.name)} is not there any more: it was removed or renamed meanwhile.",
                "Open it again from Home.",
            )
        self.profile, self._seen = read_profile(self.path), seen
        return True

    def save(self, profile: Profile) -> None:
        """Write the profile.

        Raises:
            ProfileError: it cannot be written.
        """
        write_profile(profile, self.path, self.name)
        self.profile, self._seen = profile, _signature(self.path)


def _signature(path: Path) -> Signature | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
