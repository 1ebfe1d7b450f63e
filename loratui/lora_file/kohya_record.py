"""How a file was written in kohya's layout before it was converted, so that it can be had back byte for byte.

Stands in the header of the converted file. Read from a stranger it decides spellings only, never what a tensor means:
what does not name the same module, or holds another number of values, counts as absent.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from loratui.lora_file.layouts import NamedModule, read_layout
from loratui.lora_file.naming import BaseFamily
from loratui.lora_file.precisions import SIZES

RECORD = "loratui_kohya"
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Written:
    """How kohya's file spells a module.

    Args:
        key: Its name there.
        alpha: Type and shape of its alpha; None where it has none.
        shapes: Of down and up where they differ from diffusers'.
    """

    key: str
    alpha: tuple[str, Shape] | None
    shapes: tuple[Shape, Shape] | None = None


def as_text(family: BaseFamily, modules: Mapping[str, Written]) -> str:
    """Return the record of the modules, each by the name that it has by the rules: what is usual is told once."""
    usual = Counter(module.alpha for module in modules.values()).most_common(1)[0][0]
    table = {
        "family": family,
        "alpha": usual,
        "names": {rule: module.key for rule, module in modules.items() if module.key != rule},
        "alphas": {rule: module.alpha for rule, module in modules.items() if module.alpha != usual},
        "shapes": {rule: module.shapes for rule, module in modules.items() if module.shapes},
    }
    return json.dumps({key: value for key, value in table.items() if value or key in ("family", "alpha")})


class Record:
    """A record as it was found in a file."""

    def __init__(self, text: str | None) -> None:
        try:
            table = json.loads(text or "{}")
        except (ValueError, RecursionError):
            table = {}
        self._table: dict[str, Any] = table if isinstance(table, dict) else {}
        self.is_there = bool(self._table)

    @property
    def family(self) -> BaseFamily | None:
        """Which rules gave the names."""
        family = self._table.get("family")
        return cast(BaseFamily, family) if family in ("sd1", "sd2", "sdxl") else None

    def key(self, rule: str, is_same: Callable[[NamedModule], bool]) -> str:
        """The name that the module `rule` had, if `is_same` finds the same module by it; else `rule`."""
        key = self._part("names").get(rule)
        found = read_layout([f"{key}.lora_down.weight"]).modules if isinstance(key, str) else ()
        fits = len(found) == 1 and found[0].style == "kohya" and found[0].name == key and is_same(found[0])
        return cast(str, key) if fits else rule

    def alpha(self, rule: str) -> tuple[str, Shape] | None:
        """Type and shape of the module's alpha; None where it had none."""
        alphas = self._part("alphas")
        value = alphas[rule] if rule in alphas else self._table.get("alpha")
        if not isinstance(value, list) or len(value) != 2 or value[0] not in SIZES or not _is_shape(value[1], 1):
            return None
        return value[0], tuple(value[1])

    def shapes(self, rule: str, down: Shape, up: Shape) -> tuple[Shape, Shape]:
        """The shapes that its factors had, which now have those of `down` and `up`."""
        value = self._part("shapes").get(rule)
        if isinstance(value, list) and len(value) == 2:
            old_down, old_up = value
            if _is_shape(old_down, math.prod(down)) and _is_shape(old_up, math.prod(up)):
                fits = old_down[:2] == list(down[:2]) and old_up[:2] == list(up[:2])
                if fits and {len(old_down), len(old_up)} <= {2, 4}:
                    return tuple(old_down), tuple(old_up)
        return down, up

    def _part(self, name: str) -> dict[str, Any]:
        part = self._table.get(name)
        return part if isinstance(part, dict) else {}


def _is_shape(value: object, elements: int) -> bool:
    if not isinstance(value, list) or len(value) > 4:
        return False
    return all(type(side) is int and 0 < side < 2**32 for side in value) and math.prod(value) == elements
