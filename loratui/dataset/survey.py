"""A dataset that is looked at again and again while somebody works on it: what has not changed is not decoded again.

The same scan and the same judgement as a check before a run; adds memory, never rules of its own.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.dataset.buckets import rules_of
from loratui.dataset.checks import Examination, Report, judge, nothing_found
from loratui.dataset.examining import examine_elsewhere
from loratui.dataset.problems import DatasetFault
from loratui.dataset.scan import FoundImage, Scan, scan, scan_caption_again

if TYPE_CHECKING:
    from loratui.profile.schema import Dataset

_Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Question:
    """What a dataset is looked at for: the settings, and the figures of the run that is meant.

    Attributes:
        section: A profile's `dataset` section.
        batch_size: Pictures in a batch.
        epochs: Of the run.
        count_tokens: As for `check`.
    """

    section: "Dataset"
    batch_size: int = 1
    epochs: int = 1
    count_tokens: Callable[[str], int] | None = None


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        question: What it answers.
        scan: Every picture with a readable header, damaged ones included.
        results: For each of them what decoding it brought; empty where nothing could be looked through.
        report: The judgement.
    """

    question: Question
    scan: Scan
    results: tuple[Examination, ...]
    report: Report

    def after_edit(self, captions: Sequence[Path]) -> "Survey":
        """The same dataset after these caption files changed; opens no other file."""
        found = self.scan
        for path in captions:
            found = scan_caption_again(found, self.question.section, path)
        return replace(self, scan=found, report=_judge(self.question, found, self.results))


class Surveyor:
    """Looks through datasets and remembers what decoding each picture brought, until its file changes."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_Signature, Examination]] = {}

    def look(
        self,
        question: Question,
        *,
        found: Callable[[Scan], None] | None = None,
        tell: Callable[[int, FoundImage, Examination], None] | None = None,
    ) -> Survey:
        """Look through the dataset; what is wrong with it is in the report.

        Args:
            question: What to look at.
            found: Called once with what lies there, before any picture is decoded.
            tell: Called for every picture with the number that are done and what came of it, from this thread. What
                either of them raises ends the work; what was decoded until then is remembered.
        """
        section = question.section
        try:
            rules_of(section)
            seen = scan(section)
        except DatasetFault as fault:
            report = nothing_found(section, fault, question.batch_size, question.epochs)
            return Survey(question, report.scan, (), report)
        if found is not None:
            found(seen)
        results = self._examine(seen.images, tell)
        return Survey(question, seen, results, _judge(question, seen, results))

    def without_damaged(self, found: Scan) -> tuple[Scan, bool]:
        """`found` without the pictures that are known to be damaged, and whether every other is known to be good."""
        known = [self._of(image.path, _signature(image.path)) for image in found.images]
        pairs = zip(found.images, known, strict=True)
        usable = tuple(image for image, result in pairs if not isinstance(result, DatasetFault))
        return replace(found, images=usable), None not in known

    def _of(self, path: Path, signature: _Signature | None) -> Examination | None:
        known = self._known.get(path)
        return known[1] if known is not None and known[0] == signature else None

    def _examine(
        self, images: Sequence[FoundImage], tell: Callable[[int, FoundImage, Examination], None] | None
    ) -> tuple[Examination, ...]:
        signatures = {image.path: _signature(image.path) for image in images}
        found = ((path, self._of(path, signature)) for path, signature in signatures.items())
        known = {path: result for path, result in found if result is not None}
        new = [image for image in images if image.path not in known]

        def keep(done: int, result: Examination) -> None:
            image = new[done - 1]
            signature = signatures[image.path]
            if signature is not None:
                self._known[image.path] = (signature, result)
            known[image.path] = result
            if tell is not None:
                tell(len(images) - len(new) + done, image, result)

        examine_elsewhere([image.path for image in new], keep)
        return tuple(known[image.path] for image in images)


def _judge(question: Question, found: Scan, results: Sequence[Examination]) -> Report:
    try:
        return judge(
            question.section,
            found,
            results,
            question.batch_size,
            question.epochs,
            count_tokens=question.count_tokens,
        )
    except DatasetFault as fault:
        return nothing_found(question.section, fault, question.batch_size, question.epochs)


def _signature(path: Path) -> _Signature | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
