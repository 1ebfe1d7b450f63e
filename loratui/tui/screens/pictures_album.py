"""What the pictures' screen knows so far of every picture: first its name, then its size, then whether it can be read.

Plain values that grow while a thread looks; knows no widgets, opens no files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loratui.dataset.buckets import BucketRules, Placement, Size, rules_of
from loratui.dataset.checks import Examination, is_much_enlarged
from loratui.dataset.folders import Listing
from loratui.dataset.problems import DatasetFault, Problem, counted
from loratui.safe_text import printable

if TYPE_CHECKING:
    from loratui.dataset.scan import FoundImage, Scan
    from loratui.dataset.survey import Survey
    from loratui.dataset.tokens import CaptionTokens
    from loratui.profile.schema import Dataset

_MOST_DAMAGED_WATCHED = 50
State = Literal["unknown", "good", "odd", "bad"]

# A few words for a row; the sentence and the fix stand below the picture and in the list of problems.
_SHORT = {
    "truncated-image": "cut off or damaged",
    "unreadable-image": "not a picture",
    "empty-image": "empty file",
    "image-too-large": "too large",
    "not-a-file": "not a file",
    "broken-link": "link to nothing",
    "unreadable-file": "may not be read",
    "caption-not-utf8": "caption not UTF-8",
    "caption-too-long": "caption too long",
    "empty-caption": "empty caption",
    "control-characters": "odd signs",
    "animated-image": "moves",
    "same-stem": "shared caption",
}


@dataclass(frozen=True)
class PictureRow:
    """One picture as the list shows it.

    Attributes:
        path: The file.
        name: Safe for a terminal; with its folder where there are several.
        size: In pixels, upright; None while it is not known, or cannot be.
        bucket: What is trained where that is not `size`; None otherwise.
        state: "unknown" until the picture has been decoded.
        reason: A few words where the state is "odd" or "bad".
    """

    path: Path
    name: str
    size: Size | None = None
    bucket: Size | None = None
    state: State = "unknown"
    reason: str = ""


class Album:
    """The pictures of a dataset, in their order.

    Attributes:
        paths: Every file that is named like a picture.
        found: What the scan says of those with a readable header.
        results: What decoding brought, as far as it has come.
        problems: What the scan has to say about single files.
        survey: The whole, once it has been looked through.
        tokens: The base's tokenizer; None while it is not on this computer.
    """

    def __init__(self, section: "Dataset") -> None:
        self.section = section
        self.paths: tuple[Path, ...] = ()
        self.found: dict[Path, FoundImage] = {}
        self.results: dict[Path, Examination] = {}
        self.problems: dict[Path, list[Problem]] = {}
        self.survey: Survey | None = None
        self.tokens: CaptionTokens | None = None
        self.query = ""
        self._shown: tuple[Path, ...] | None = None
        self._many_folders = False
        try:
            self._rules: BucketRules | None = rules_of(section)
        except DatasetFault:
            self._rules = None

    def under(self, section: "Dataset") -> "Album":
        """What is known of the same files under other settings."""
        other = Album(section)
        other.paths, other.found, other.results, other.problems = self.paths, self.found, self.results, self.problems
        other.tokens, other.query, other._many_folders = self.tokens, self.query, self._many_folders
        return other

    # Growing

    def take_names(self, listings: Sequence[Listing]) -> None:
        """Begin with what the folders list; what is known of these files already stays."""
        self.paths = tuple(listing.path / name for listing in listings for name in listing.pictures)
        self._many_folders = len(listings) > 1
        self._shown = None

    def take_scan(self, scan: "Scan") -> None:
        """Add sizes and captions."""
        self.found = {image.path: image for image in scan.images}
        self._take_problems(scan.problems)
        self._shown = None

    def take_results(self, results: Mapping[Path, Examination]) -> None:
        """Add what decoding brought."""
        self.results.update(results)

    def take_survey(self, survey: "Survey") -> None:
        """Add the whole; nothing is missing afterwards."""
        self.take_scan(survey.scan)
        self.results = {image.path: result for image, result in zip(survey.scan.images, survey.results, strict=False)}
        self.survey = survey

    def take_caption(self, image: "FoundImage", problems: Sequence[Problem]) -> None:
        """Replace a picture's caption by what its file says now."""
        before = self.found.get(image.path)
        for path in (image.caption_path, before.caption_path if before else None):
            if path is not None:
                self.problems.pop(path, None)
        self.found[image.path] = image
        for problem in problems:
            if problem.path is not None:
                self.problems.setdefault(problem.path, []).append(problem)
        self._shown = None

    def search(self, query: str) -> None:
        """Show only pictures whose name or caption contains `query`; "" shows all."""
        self.query = query
        self._shown = None

    def _take_problems(self, problems: Iterable[Problem]) -> None:
        self.problems = {}
        for problem in problems:
            if problem.path is not None:
                self.problems.setdefault(problem.path, []).append(problem)

    # Asking

    @property
    def shown(self) -> tuple[Path, ...]:
        """The pictures that the search leaves."""
        if self._shown is None:
            words = self.query.casefold()
            self._shown = tuple(path for path in self.paths if self._matches(path, words)) if words else self.paths
        return self._shown

    @property
    def captions(self) -> list[str]:
        """The captions of the pictures that teach, as they are trained; without those that were made up."""
        return [image.caption for image in self.found.values() if self._teaches_its_caption(image)]

    @property
    def caption_paths(self) -> list[Path]:
        """The caption files of the pictures that teach; those of regularisation pictures get no trigger."""
        return [
            image.caption_path
            for image in self.found.values()
            if image.caption_path is not None and not image.folder.regularisation
        ]

    def told_of_trigger(self, word: str) -> str:
        """That every caption holds the word, as training sees it: upper and lower case are one."""
        captions = self.captions
        lacking = sum(not image.folder.regularisation for image in self.found.values()) - len(captions)
        where = f"in every one of {counted(len(captions), 'caption')}" if lacking else "in every caption"
        case = "" if all(word in caption for caption in captions) else ", in upper or lower case, which is the same"
        without = f"; {counted(lacking, 'picture')} {'has' if lacking == 1 else 'have'} none" if lacking else ""
        return f"{word} is {where}{case}{without}."

    def watched(self, seen: Iterable[Path]) -> list[Path]:
        """Files that may be written without their folder showing it: damaged ones, and those of pictures in sight."""
        damaged = sorted(path for path, result in self.results.items() if isinstance(result, DatasetFault))
        files = [*damaged[:_MOST_DAMAGED_WATCHED], *seen]
        found = [self.found[path] for path in files if path in self.found]
        return files + [image.caption_path for image in found if image.caption_path is not None]

    def name_of(self, path: Path) -> str:
        """A picture's name as the list shows it."""
        return printable(f"{path.parent.name}/{path.name}" if self._many_folders else path.name)

    def row(self, path: Path) -> PictureRow:
        """What the list shows of one picture."""
        name, image, result = self.name_of(path), self.found.get(path), self.results.get(path)
        if image is None:
            problem = next(iter(self.problems.get(path, ())), None)
            return PictureRow(path, name, state="bad" if problem else "unknown", reason=_short(problem))
        if isinstance(result, DatasetFault):
            return PictureRow(path, name, state="bad", reason=_SHORT.get(result.code, "cannot be read"))
        size = (result.width, result.height) if result is not None else (image.width, image.height)
        placement = self._rules.place(*size) if self._rules is not None else None
        bucket = placement.bucket if placement is not None and placement.bucket != size else None
        stop = next((problem for problem in self._own(image) if problem.severity == "stop"), None)
        if stop is not None:
            return PictureRow(path, name, size, bucket, "bad", _short(stop))
        reason = self._oddity(image, size, placement)
        state: State = "odd" if reason else "good" if result is not None else "unknown"
        return PictureRow(path, name, size, bucket, state, reason)

    def problem_of(self, path: Path) -> Problem | None:
        """The most serious thing to say about one picture; None where there is nothing."""
        result, image = self.results.get(path), self.found.get(path)
        if isinstance(result, DatasetFault):
            return result.problem("warning", path)
        own = self._own(image) if image is not None else self.problems.get(path, [])
        return min(own, key=lambda problem: ("stop", "warning", "note").index(problem.severity), default=None)

    def next_without_caption(self, after: Path | None) -> Path | None:
        """The next picture that is shown and has no caption, or an empty one; None when all have one."""
        paths = self.shown
        start = paths.index(after) + 1 if after in paths else 0
        return next((path for path in paths[start:] + paths[:start] if self._lacks_caption(path)), None)

    def _lacks_caption(self, path: Path) -> bool:
        image = self.found.get(path)
        if image is None or isinstance(self.results.get(path), DatasetFault):
            return False
        codes = {problem.code for problem in self.problems.get(image.caption_path or path, ())}
        return image.caption_path is None or "empty-caption" in codes

    def _teaches_its_caption(self, image: "FoundImage") -> bool:
        if image.folder.regularisation or isinstance(self.results.get(image.path), DatasetFault):
            return False
        about = self.problems.get(image.caption_path, ()) if image.caption_path is not None else ()
        can_be_read = all(problem.severity != "stop" for problem in about)
        return can_be_read and not self._lacks_caption(image.path)

    def _own(self, image: "FoundImage") -> list[Problem]:
        about_caption = self.problems.get(image.caption_path, []) if image.caption_path is not None else []
        return [*about_caption, *self.problems.get(image.path, [])]

    def _oddity(self, image: "FoundImage", size: Size, placement: Placement | None) -> str:
        if image.caption_path is None and not image.folder.regularisation:
            return "no caption"
        warning = next((problem for problem in self._own(image) if problem.severity == "warning"), None)
        if warning is not None:
            return _short(warning)
        if self.tokens is not None and (more := self._beyond(image.caption)) > 0:
            return f"+{more} tokens"
        return "enlarged" if placement is not None and is_much_enlarged(placement, *size) else ""

    def _beyond(self, caption: str) -> int:
        return self.tokens.count(caption) - self.section.max_token_length if self.tokens is not None else 0

    def _matches(self, path: Path, words: str) -> bool:
        image = self.found.get(path)
        return words in self.name_of(path).casefold() or (image is not None and words in image.caption.casefold())


def _short(problem: Problem | None) -> str:
    return _SHORT.get(problem.code, "see !") if problem is not None else ""
