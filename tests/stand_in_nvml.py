"""A module that answers as pynvml does on a machine with some GPUs: the edge to a driver that the tests have not."""

from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

GIB = 1 << 30


class NVMLError(Exception):
    """What NVML raises; the real one carries the code as `value` too."""

    def __init__(self, value: int = 999) -> None:
        super().__init__(f"code {value}")
        self.value = value


@dataclass
class Card:
    """A GPU of the machine that is played."""

    name: str = "NVIDIA GeForce RTX 2070"
    uuid: str = "GPU-2070"
    total: int = 8 * GIB
    used: int = GIB // 2
    capability: tuple[int, int] = (7, 5)
    processes: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    load: int | None = 94
    celsius: int | None = 71
    milliwatts: int | None = 150_500
    lost: bool = False


RTX_2070 = Card()
RTX_4090 = Card("NVIDIA GeForce RTX 4090", "GPU-4090", 24 * GIB, GIB, (8, 9))


def stand_in_nvml(
    *cards: Card, driver: str = "550.54.14", cuda: int = 12040, failure: int | None = None, old: bool = False
) -> ModuleType:
    """The module.

    Args:
        cuda: As NVML writes the newest CUDA of the driver: 12040 is 12.4.
        failure: The code with which NVML cannot be opened.
        old: The driver does not know the second version of the call for memory.
    """
    module = ModuleType("pynvml")
    module.opened = 0  # type: ignore[attr-defined]

    def init() -> None:
        if failure is not None:
            raise NVMLError(failure)
        module.opened += 1  # type: ignore[attr-defined]

    def shutdown() -> None:
        module.opened -= 1  # type: ignore[attr-defined]

    def by_index(index: int) -> Card:
        if cards[index].lost:
            raise NVMLError(15)
        return cards[index]

    def by_uuid(uuid: str) -> Card:
        for card in cards:
            if card.uuid == uuid:
                return card
        raise NVMLError(6)

    def memory(card: Card, version: int | None = None) -> SimpleNamespace:
        if version is not None and old:
            raise NVMLError(13)
        # The first version counts what the driver keeps for itself as used.
        return SimpleNamespace(used=card.used + (0 if version else GIB // 4), total=card.total)

    def process_name(pid: int) -> bytes:
        for card in cards:
            if pid in card.processes:
                return card.processes[pid][0].encode()
        raise NVMLError(6)

    def measured(value: int | None) -> int:
        if value is None:
            raise NVMLError(3)
        return value

    answers = {
        "NVMLError": NVMLError,
        "nvmlMemory_v2": 2,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": init,
        "nvmlShutdown": shutdown,
        "nvmlSystemGetDriverVersion": lambda: driver,
        "nvmlSystemGetCudaDriverVersion": lambda: cuda,
        "nvmlDeviceGetCount": lambda: len(cards),
        "nvmlDeviceGetHandleByIndex": by_index,
        "nvmlDeviceGetHandleByUUID": by_uuid,
        "nvmlDeviceGetName": lambda card: card.name,
        "nvmlDeviceGetUUID": lambda card: card.uuid,
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetCudaComputeCapability": lambda card: card.capability,
        "nvmlDeviceGetComputeRunningProcesses": lambda card: [
            SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, (_, size) in card.processes.items()
        ],
        "nvmlSystemGetProcessName": process_name,
        "nvmlDeviceGetUtilizationRates": lambda card: SimpleNamespace(gpu=measured(card.load)),
        "nvmlDeviceGetTemperature": lambda card, sensor: measured(card.celsius),
        "nvmlDeviceGetPowerUsage": lambda card: measured(card.milliwatts),
    }
    for name, answer in answers.items():
        setattr(module, name, answer)
    return module
