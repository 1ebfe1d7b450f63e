"""Whether a dataset can be trained, and what is odd about it, before anything is fixed.

Every picture is decoded to the end here, once; one that cannot be read is reported and left out. Knows no tokenizer
of its own and no tensors.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.dataset.buckets import BucketRules, Placement, rules_of
from loratui.dataset.folders import Folder
from loratui.dataset.images import Examined, examine
from loratui.dataset.problems import DatasetFault, Problem, Severity, counted, most_serious_first, name_some
from loratui.dataset.repeats import regularisation_repeats
from loratui.dataset.report import CheckedImage, Report
from loratui.dataset.scan import FoundImage, Scan, fallback_caption, scan
from loratui.safe_text import printable

if TYPE_CHECKING:
    from loratui.profile.schema import Dataset

_MUCH_ENLARGED = 1.5
# Two thirds by three, the commonest shape of photographs, lose a third in a square.
_MUCH_CUT = 0.34
_FEW_PICTURES = 5
_MOST_THREADS = 8

__all__ = [
    "CheckedImage",
    "Examination",
    "Examiner",
    "Report",
    "check",
    "examine_all",
    "is_much_enlarged",
    "judge",
    "nothing_found",
]

# What decoding a picture brought, or why it cannot be decoded.
Examination = Examined | DatasetFault
# Decodes pictures and tells of each: `examine_all`, or the same in a process of its own.
Examiner = Callable[[Sequence[Path], Callable[[int, Examination], None] | None], tuple[Examination, ...]]


def check(
    section: "Dataset",
    batch_size: int = 1,
    epochs: int = 1,
    *,
    count_tokens: Callable[[str], int] | None = None,
    progress: Callable[[int, int], None] | None = None,
    examiner: Examiner | None = None,
) -> Report:
    """Check the dataset that a profile's `dataset` section names; never raises for what is wrong with it.

    Args:
        section: The settings.
        batch_size: For the figures of an epoch.
        epochs: For the figures of a run.
        count_tokens: Tokens of a caption without BOS and EOS; without it caption lengths are not checked.
        progress: Called with (pictures done, pictures in all) from the calling thread.
        examiner: What decodes the pictures; `examine_all` if None.
    """
    try:
        rules_of(section)
        found = scan(section)
    except DatasetFault as fault:
        return nothing_found(section, fault, batch_size, epochs)
    total = len(found.images)
    results = (examiner or examine_all)(
        [image.path for image in found.images], None if progress is None else lambda done, _: progress(done, total)
    )
    return judge(section, found, results, batch_size, epochs, count_tokens=count_tokens)


def nothing_found(section: "Dataset", fault: DatasetFault, batch_size: int = 1, epochs: int = 1) -> Report:
    """The report of a dataset that could not even be looked through."""
    return Report(Scan(Path(section.path), (), (), ()), (), (fault.problem("stop", None),), batch_size, epochs)


def examine_all(
    pictures: Sequence[Path], tell: Callable[[int, Examination], None] | None = None, *, at_once: int | None = None
) -> tuple[Examination, ...]:
    """Decode all pictures, several at a time; Pillow's decoders leave the interpreter free meanwhile.

    Args:
        pictures: The files.
        tell: Called with the number of pictures done and the newest one's result, in order, from the calling thread;
            what it raises ends the work.
        at_once: Threads; None takes as many as there are cores, up to 8.
    """
    results: list[Examination] = []
    threads = at_once or min(_MOST_THREADS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="examine")
    try:
        for done, result in enumerate(pool.map(_try_examine, pictures), start=1):
            results.append(result)
            if tell is not None:
                tell(done, result)
    finally:
        pool.shutdown(cancel_futures=True)
    return tuple(results)


def judge(
    section: "Dataset",
    found: Scan,
    results: Sequence[Examination],
    batch_size: int = 1,
    epochs: int = 1,
    *,
    count_tokens: Callable[[str], int] | None = None,
) -> Report:
    """Say what is wrong with a dataset whose pictures have been decoded; opens no file.

    Args:
        section: The settings, whose sizes do not contradict each other (see `rules_of`).
        found: What lies there.
        results: For each of `found.images` what decoding it brought.
        batch_size: As for `check`; so are `epochs` and `count_tokens`.

    Raises:
        DatasetFault: "bucket-range".
    """
    rules = rules_of(section)
    problems = list(found.problems)
    readable: list[tuple[FoundImage, Examined]] = []
    for image, result in zip(found.images, results, strict=True):
        if isinstance(result, DatasetFault):
            problems.append(result.problem("warning", image.path))
        else:
            readable.append((replace(image, width=result.width, height=result.height), result))
    images = _placed(readable, rules)
    problems += _judge_captions(found.folders, [image.found for image in images], section.trigger)
    if count_tokens is not None:
        problems += _judge_lengths(images, count_tokens, section.max_token_length)
    problems += _judge_pictures(images, bool(found.images))
    unused = [image.found.path for image in images if image.repeats == 0]
    if unused:
        count = counted(len(unused), "regularisation picture")
        message = f"{count} more than needed, not used: {name_some(unused)}."
        problems.append(Problem("note", "regularisation-unused", unused[0].parent, message, "Nothing need be done."))
        images = [image for image in images if image.repeats]
    usable = replace(found, images=tuple(image.found for image in images), problems=tuple(problems))
    return Report(usable, tuple(images), most_serious_first(problems), batch_size, epochs)


def is_much_enlarged(placement: Placement, width: int, height: int) -> bool:
    """Whether a picture of `width` × `height` pixels has to be enlarged so much that it teaches a blur."""
    return placement.resized[0] > width * _MUCH_ENLARGED and placement.resized[1] > height * _MUCH_ENLARGED


def _try_examine(path: Path) -> Examination:
    try:
        return examine(path)
    except DatasetFault as fault:
        return fault


def _placed(readable: Iterable[tuple[FoundImage, Examined]], rules: BucketRules) -> list[CheckedImage]:
    images = [
        CheckedImage(found, result.sha256, rules.place(found.width, found.height), found.folder.repeats)
        for found, result in readable
    ]
    training = [image for image in images if not image.found.folder.regularisation]
    others = [image for image in images if image.found.folder.regularisation]
    balanced = regularisation_repeats(sum(image.repeats for image in training), [image.repeats for image in others])
    return training + [replace(image, repeats=repeats) for image, repeats in zip(others, balanced, strict=True)]


def _judge_captions(folders: tuple[Folder, ...], images: list[FoundImage], trigger: str) -> list[Problem]:
    problems: list[Problem] = []
    training = [image for image in images if not image.folder.regularisation]
    if training and not any(image.caption for image in training):
        message = "None of the pictures has a caption, and there is nothing to use instead."
        fix = "Write captions (1.txt beside 1.png), or set dataset.trigger, or name the folder 5_emi_person."
        return [Problem("stop", "no-captions", training[0].folder.path, message, fix)]
    for folder in folders:
        own = [image for image in images if image.folder == folder]
        missing = [image.path for image in own if image.caption_path is None]
        if not missing:
            continue
        where = printable(folder.path.name)
        fallback = fallback_caption(folder, trigger)
        without = "it is trained without one" if len(missing) == 1 else "they are trained without one"
        instead = f"“{printable(fallback)}” is used instead" if fallback else without
        if len(missing) == len(own):
            code, message = "no-captions", f"No picture in {where} has a caption; {instead}."
        else:
            count = f"{len(missing)} of {len(own)} pictures in {where} {'has' if len(missing) == 1 else 'have'}"
            code, message = "missing-caption", f"{count} no caption ({name_some(missing)}); {instead}."
        # Regularisation pictures usually have none: their class is what they stand for.
        severity: Severity = "note" if folder.regularisation and fallback else "warning"
        picture, file = printable(missing[0].name), f"{printable(missing[0].stem)}.txt"
        fix = f"Write what each shows into a text file of the same name, such as {file} for {picture}."
        if len(missing) == 1:
            fix = f"Write what it shows into {file}, beside {picture}."
        problems.append(Problem(severity, code, folder.path, message, fix))
    return problems


def _judge_lengths(images: list[CheckedImage], count: Callable[[str], int], longest: int) -> list[Problem]:
    long = [image.found.caption_path or image.found.path for image in images if count(image.found.caption) > longest]
    if not long:
        return []
    captions = f"{counted(len(long), 'caption')} {'is' if len(long) == 1 else 'are'}"
    message = f"{captions} longer than {longest} tokens; what lies beyond is not learnt: {name_some(long)}."
    fix = "Shorten them, or set dataset.max_token_length to 150 or 225."
    return [Problem("warning", "long-caption", long[0], message, fix)]


def _judge_pictures(images: list[CheckedImage], any_found: bool) -> list[Problem]:
    training = [image for image in images if not image.found.folder.regularisation]
    if not training:
        message = "None of the pictures can be read." if any_found else "There is no picture that can be read."
        return [Problem("stop", "no-readable-image", None, message, "See the reasons given for each file.")]
    problems = [_say_duplicates(paths) for paths in _same_bytes(images).values() if len(paths) > 1]
    small = [
        image.found.path for image in images if is_much_enlarged(image.placement, image.found.width, image.found.height)
    ]
    if small:
        size = f"{counted(len(small), 'picture')} much smaller than the training size"
        message = f"{size} will be enlarged: {name_some(small)}."
        fix = "Use larger originals, a lower dataset.resolution, or dataset.bucket_no_upscale."
        problems.append(Problem("warning", "small-image", small[0], message, fix))
    cut = [image for image in images if image.placement.share_cut > _MUCH_CUT]
    if cut:
        most = max(cut, key=lambda image: image.placement.share_cut)
        which = name_some([image.found.path for image in cut])
        subject = f"{counted(len(cut), 'picture')} {'does' if len(cut) == 1 else 'do'}"
        share = f"{'' if len(cut) == 1 else 'Up to '}{most.placement.share_cut:.0%}"
        message = f"{subject} not fit the shape of any bucket: {which}. {share} of it is cut off."
        fix = "Crop them yourself to what matters, or turn dataset.bucketing on with a larger dataset.max_bucket_reso."
        problems.append(Problem("warning", "much-cropped", cut[0].found.path, message, fix))
    if len(training) < _FEW_PICTURES:
        message = f"There {'is' if len(training) == 1 else 'are'} only {counted(len(training), 'picture')}."
        fix = "10 to 50 varied ones make a character."
        problems.append(Problem("note", "few-images", None, message, fix))
    return problems


def _same_bytes(images: list[CheckedImage]) -> Mapping[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for image in images:
        groups.setdefault(image.sha256, []).append(image.found.path)
    return groups


def _say_duplicates(paths: list[Path]) -> Problem:
    message = f"The same picture is there {len(paths)} times: {name_some(paths)}."
    return Problem("note", "duplicate-image", paths[0], message, "Keep one; a folder's number repeats it evenly.")
