"""What a plan warns of: settings with which a training goes on, but which hardly anybody means. Reads headers only."""

from collections.abc import Iterable

from loratui.dataset.buckets import Placement, rules_of
from loratui.dataset.manifest import Manifest
from loratui.dataset.problems import Problem, counted
from loratui.hub.presence import Presence, native_side
from loratui.profile.schema import Profile
from loratui.safe_text import printable

_FAR_BELOW = 0.75
# With a longest side of fewer times the resolution common shapes are trained small; at 1.5 times 9 by 4 is whole.
_ROOM_FOR_SHAPES = 1.5
_MUCH_SMALLER = 0.8


def plan_warnings(profile: Profile, base: Presence, manifest: Manifest) -> tuple[Problem, ...]:
    """What to think over before training `manifest` on `base`."""
    return tuple(_warnings(profile, base, manifest))


def _warnings(profile: Profile, base: Presence, manifest: Manifest) -> Iterable[Problem]:
    section = profile.dataset
    side, native = section.resolution, native_side(base)
    if native is not None and side <= _FAR_BELOW * native:
        message = f"Trained at {side} × {side}; {printable(base.location.name)} was made for {native} × {native}."
        fix = f"Set dataset.resolution to {native} and dataset.max_bucket_reso to {2 * native}, if memory allows."
        yield Problem("warning", "below-native-resolution", None, message, fix)
    if not section.bucketing or section.bucket_no_upscale or section.max_bucket_reso >= _ROOM_FOR_SHAPES * side:
        return
    roomy = rules_of(section.model_copy(update={"max_bucket_reso": 2 * side}))
    shares = [
        _pixels(image.placement) / _pixels(roomy.place(image.width, image.height))
        for image in manifest.images
        if not image.regularisation
    ]
    if small := [share for share in shares if share < _MUCH_SMALLER]:
        count, most = counted(len(small), "tall or wide picture"), section.max_bucket_reso
        message = f"Buckets of at most {most} px train {count} with down to {min(small):.0%} of the usual pixels."
        fix = f"Set dataset.max_bucket_reso to {2 * side}, twice the resolution, so that long sides fit."
        yield Problem("warning", "no-room-for-shapes", None, message, fix)


def _pixels(placement: Placement) -> int:
    return placement.bucket[0] * placement.bucket[1]
