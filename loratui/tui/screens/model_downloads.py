"""The downloads that Model follows: which there are, how they go, which have ended since the last look."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loratui.hub.downloads import Download, DownloadProgress


class DownloadWatch:
    """Reads how downloads go.

    Attributes:
        progress: By base, as of the last look.
    """

    def __init__(self) -> None:
        self.progress: dict[str, DownloadProgress] = {}
        self._downloads: dict[str, Download] = {}

    @property
    def is_any_running(self) -> bool:
        """Whether there is something to stop."""
        return any(one.state == "running" for one in self.progress.values())

    def is_running(self, base: str) -> bool:
        """Whether `base` comes at the moment."""
        return base in self.progress and self.progress[base].state == "running"

    def follow(self, downloads: "Iterable[Download]") -> None:
        """Follow these from now on; those that are known are read anew."""
        for download in downloads:
            self._downloads[download.base] = download
            self.progress.pop(download.base, None)

    def running(self, base: str) -> "Download | None":
        """The download of `base` while it runs, else any that does."""
        names = [name for name, one in self.progress.items() if one.state == "running"]
        return self._downloads[base if base in names else names[0]] if names else None

    def look(self) -> "tuple[bool, list[tuple[str, DownloadProgress]]]":
        """Read how they go; says whether anything is different, and which have ended since the last look."""
        before = self.progress
        self.progress = {
            # What has ended stays as it is until it is started again, which `follow` tells.
            base: before[base] if base in before and before[base].state != "running" else download.progress()
            for base, download in self._downloads.items()
        }
        ended = [
            (base, now)
            for base, now in self.progress.items()
            if now.state != "running" and base in before and before[base].state == "running"
        ]
        return before != self.progress, ended
