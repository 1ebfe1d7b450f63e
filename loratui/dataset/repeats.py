"""How often an image is seen in an epoch: the number in a folder's name, regularisation, and the batches that follow.

Knows numbers and names only; refuses to know files.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FolderName:
    """A folder's name as kohya reads it: `5_emi_person` has 5 repeats and the class tokens "emi_person".

    Attributes:
        number: The integer before the first underscore, or None when there is none; below 1 kohya skips the folder.
        class_tokens: What follows the number; empty without a number, since such a name describes nothing.
    """

    number: int | None
    class_tokens: str


def read_folder_name(name: str) -> FolderName:
    """Split the name of a folder into repeats and class tokens."""
    prefix, _, rest = name.partition("_")
    try:
        return FolderName(int(prefix), rest.strip())
    except ValueError:
        return FolderName(None, "")


def regularisation_repeats(training_samples: int, repeats: Sequence[int]) -> tuple[int, ...]:
    """Repeats of each regularisation image, so that together they number as many as the training samples.

    As kohya does it: each image first comes with its folder's own repeats, then with one more in each further round,
    until there are enough. With more images than needed the last ones are not used (0).

    Args:
        training_samples: Training images × their repeats.
        repeats: The folder's repeats of each regularisation image, in order.
    """
    counts = [0] * len(repeats)
    total = 0
    for index, own in enumerate(repeats):
        if total >= training_samples:
            return tuple(counts)
        counts[index] = own
        total += own
    if repeats and total < training_samples:
        rounds, extra = divmod(training_samples - total, len(repeats))
        counts = [count + rounds + (index < extra) for index, count in enumerate(counts)]
    return tuple(counts)


def count_batches(shares: Iterable[tuple[tuple[int, int], int]], batch_size: int) -> int:
    """Batches of one epoch: Σ over buckets of ceil(samples ÷ batch size).

    Args:
        shares: For each image its bucket (width, height) and its repeats.
        batch_size: Samples in a full batch.
    """
    samples: Counter[tuple[int, int]] = Counter()
    for bucket, repeats in shares:
        samples[bucket] += repeats
    return sum(-(-count // batch_size) for count in samples.values())
