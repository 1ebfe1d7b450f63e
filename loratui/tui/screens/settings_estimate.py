"""The live line of Settings: what a run would take, found out beside the screen. Imports no widget.

Remembers what does not change from key to key: the base, what lies in the picture folder, the card.
"""

from dataclasses import dataclass

from loratui.dataset.problems import DatasetFault
from loratui.dataset.scan import Scan, scan
from loratui.dataset.survey import Surveyor
from loratui.environment.gauges import Gauges, GpuReading, Reading
from loratui.errors import BaseModelError
from loratui.hub.presence import Presence, presence
from loratui.profile.schema import Profile
from loratui.quantities import disk_size, duration, memory_gigabytes, memory_size
from loratui.runs.base_parameters import Parameters, parameters_of
from loratui.runs.estimate import Device, Estimate, estimate
from loratui.tui.glyphs import Glyphs


@dataclass(frozen=True)
class Outlook:
    """What is known of a run before it starts.

    Attributes:
        base: None where the base's name means nothing.
        steps_are_sure: Whether every picture is known to be readable; otherwise there may be fewer steps.
    """

    profile: Profile
    device: Device
    base: Presence | None = None
    parameters: Parameters | None = None
    estimate: Estimate | None = None
    steps_are_sure: bool = True


class Estimator:
    """Looks at base, pictures and card; each only when it may have changed.

    Args:
        surveyor: Knows which pictures are damaged, as far as they have been looked through; None where nobody has.
    """

    def __init__(self, surveyor: Surveyor | None = None) -> None:
        self._surveyor = surveyor
        self._device: Device | None = None
        self._device_wanted = ""
        self._base: tuple[str, Presence, Parameters | None] | None = None
        self._pictures: tuple[object, Scan | None] | None = None

    def forget(self) -> None:
        """Look at everything again the next time: files may have come meanwhile."""
        self._device = self._base = self._pictures = None

    def look(self, profile: Profile, checked: Scan | None = None) -> Outlook:
        """What a run of `profile`, with absolute paths, would take.

        Args:
            profile: The settings.
            checked: Its pictures, where a check has left out the damaged ones.
        """
        device = self._device_of(profile)
        try:
            base, parameters = self._base_of(profile.model.base)
        except BaseModelError:
            return Outlook(profile, device)
        pictures, is_sure = checked or self._pictures_of(profile), checked is not None
        if pictures is not None and self._surveyor is not None:
            pictures, is_sure = self._surveyor.without_damaged(pictures)
        found = estimate(profile, base, parameters, pictures, device)
        return Outlook(profile, device, base, parameters, found, is_sure)

    def _device_of(self, profile: Profile) -> Device:
        wanted = f"{profile.accelerate.device} {profile.accelerate.gpu_ids}"
        if self._device is None or wanted != self._device_wanted:
            gauges = Gauges()
            try:
                self._device = _device(gauges.read(), profile)
            finally:
                gauges.close()
            self._device_wanted = wanted
        return self._device

    def _base_of(self, name: str) -> tuple[Presence, Parameters | None]:
        if self._base is None or self._base[0] != name:
            found = presence(name)
            self._base = name, found, parameters_of(found)
        return self._base[1], self._base[2]

    def _pictures_of(self, profile: Profile) -> Scan | None:
        section = profile.dataset
        key = (section.path, section.regularisation_path, section.repeats, section.caption_extension, section.trigger)
        if self._pictures is None or self._pictures[0] != key:
            try:
                self._pictures = key, scan(section)
            except DatasetFault:
                self._pictures = key, None
        return self._pictures[1]


def line_of(outlook: Outlook, width: int, glyphs: Glyphs) -> tuple[str, bool]:
    """The live line in at most `width` cells, and whether the run asks for more memory than there is."""
    found = outlook.estimate
    if found is None:
        return " The base is not understood: Enter on its row changes it.", True
    steps = "steps: no pictures yet" if found.steps is None else f"{_up_to(outlook)}{found.steps:,} steps"
    memory, too_much = _memory(outlook.device, found)
    size = f"LoRA {disk_size(found.file)}"
    files = f" {glyphs.times} {found.files} files" if found.files and found.files > 1 else ""
    times = (
        ["about " + duration(found.seconds)]
        if found.seconds is not None
        else [
            "time: known after the first steps",
            "time after first steps",
        ]
    )
    drafts = [f" {'   '.join([steps, time, memory, size])}{end}" for end in (files, "") for time in times] + [
        f" {'   '.join(said)}" for said in ([steps, memory, size], [steps, memory], [steps])
    ]
    return next((draft for draft in drafts if len(draft) <= width), drafts[-1]), too_much


def _up_to(outlook: Outlook) -> str:
    is_counted = outlook.steps_are_sure or outlook.profile.training.steps
    return "" if is_counted else "up to "


def _memory(device: Device, found: Estimate) -> tuple[str, bool]:
    name, whole = "VRAM" if device.is_gpu else "CPU", memory_size(device.memory)
    if found.memory is None:
        return f"{name}, {whole}" if device.is_gpu else f"{name}, {whole} RAM", False
    about = "" if found.memory_is_measured else "about "
    return f"{name} {about}{memory_gigabytes(found.memory)} of {whole}", found.memory > device.memory


def _device(reading: Reading, profile: Profile) -> Device:
    """The smallest of the cards that would be used; the CPU without one."""
    wanted = profile.accelerate.gpu_ids
    cards: list[GpuReading] = [gpu for gpu in reading.gpus if wanted == "all" or str(gpu.index) in wanted.split(",")]
    if profile.accelerate.device == "cpu" or not cards:
        return Device("", reading.memory_total)
    smallest = min(cards, key=lambda gpu: gpu.memory_total)
    return Device(smallest.name, smallest.memory_total)
