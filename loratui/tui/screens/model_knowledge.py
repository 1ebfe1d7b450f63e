"""What Model has learnt of each base by now, from the disk and from the hub, and what is still worth asking."""

from collections.abc import Iterable
from dataclasses import replace

from loratui.tui.screens.model_asking import Asked, Looked
from loratui.tui.screens.model_details import BaseFacts
from loratui.tui.screens.model_downloads import DownloadWatch


class Knowledge:
    """Facts by base; the hub is asked about each base once until `forget_answers`.

    Attributes:
        downloads: How they go.
    """

    def __init__(self, downloads: DownloadWatch) -> None:
        self.downloads = downloads
        self._facts: dict[str, BaseFacts] = {}

    def of(self, base: str) -> BaseFacts:
        """What is known of a base."""
        return replace(self._facts.get(base, BaseFacts()), download=self.downloads.progress.get(base))

    def looked(self, event: Looked) -> None:
        """Keep what the disk says."""
        self._facts[event.base] = replace(self.of(event.base), presence=event.presence)

    def asked(self, event: Asked) -> None:
        """Keep what the hub says."""
        before = self.of(event.base)
        self._facts[event.base] = replace(
            before,
            presence=event.presence or before.presence,
            answer=event.answer,
            refusal=event.refusal,
            no_room=event.no_room,
            asking=False,
        )

    def begin_asking(self, bases: Iterable[str]) -> list[str]:
        """Those of `bases` that the hub may know more of, from now on being asked about."""
        wanted = []
        for base in dict.fromkeys(bases):
            facts = self.of(base)
            is_settled = facts.answer is not None or facts.refusal is not None or facts.asking
            if facts.presence is not None and facts.presence.location.repo_id and not is_settled:
                self._facts[base] = replace(facts, asking=True)
                wanted.append(base)
        return wanted

    def forget(self, base: str) -> None:
        """Have a base looked for anew."""
        self._facts.pop(base, None)

    def forget_answers(self) -> None:
        """Have the hub asked anew, as after signing in."""
        self._facts = {base: BaseFacts(presence=facts.presence) for base, facts in self._facts.items()}
