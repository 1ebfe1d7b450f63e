"""What trouble changed about a training: less memory, a lower rate. Kept in the state, so a resume goes on so."""

from dataclasses import dataclass, replace

MOST_ROLLBACKS = 3
# Below half the side a Stable Diffusion no longer draws what it was trained on.
_SMALLEST_SIZE = 0.5
_SIZE_STEP = 0.75


@dataclass(frozen=True)
class Adjustments:
    """Deviations from the profile.

    Attributes:
        lr_factor: What every learning rate is multiplied by.
        rollbacks: How often the training went back to a good state.
        pictures_at_once: Most samples in one forward pass; 0 for the whole batch. Changes no result but for rounding.
        checkpointed_levels: Levels of the UNet, from the one that keeps most on, whose activations the backward pass
            recomputes; with the last one also those of text encoders that learn. Changes no result but for rounding.
        size: What the sides of all pictures are multiplied by; only where the profile allows.
    """

    lr_factor: float = 1.0
    rollbacks: int = 0
    pictures_at_once: int = 0
    checkpointed_levels: int = 0
    size: float = 1.0

    def slower(self) -> "Adjustments":
        """Return these with half the learning rate and one more rollback counted."""
        return replace(self, lr_factor=self.lr_factor / 2, rollbacks=self.rollbacks + 1)

    def smaller(self, batch: int, levels: int, *, may_lower_resolution: bool) -> "Adjustments | None":
        """Return the next smaller way to take a step, or None when there is none left.

        Args:
            batch: Samples in the largest batch.
            levels: Levels that can be checkpointed; 0 where the profile has all of them checkpointed anyway.
            may_lower_resolution: `training.may_lower_resolution`.
        """
        if self.checkpointed_levels < levels:
            return replace(self, checkpointed_levels=self.checkpointed_levels + 1)
        at_once = min(self.pictures_at_once or batch, batch)
        if at_once > 1:
            return replace(self, pictures_at_once=-(-at_once // 2))
        if may_lower_resolution and self.size * _SIZE_STEP >= _SMALLEST_SIZE:
            return replace(self, size=self.size * _SIZE_STEP)
        return None

    def in_words(self, batch: int, levels: int) -> str:
        """Say how a step is taken now: "2 × 1 picture a step (same effective batch), gradient checkpointing".

        Args:
            batch: Samples in the largest batch.
            levels: Levels that can be checkpointed.
        """
        words = []
        if 0 < self.pictures_at_once < batch:
            pieces = -(-batch // self.pictures_at_once)
            plural = "" if self.pictures_at_once == 1 else "s"
            words.append(f"{pieces} × {self.pictures_at_once} picture{plural} a step (same effective batch)")
        if self.checkpointed_levels:
            words.append(f"gradient checkpointing{_of_levels(self.checkpointed_levels, levels)}")
        if self.size < 1:
            words.append(f"pictures at {self.size:.0%} of their side")
        if self.lr_factor < 1:
            words.append(f"{self.lr_factor:g} × the learning rate")
        return ", ".join(words) or "as the profile says"


def _of_levels(count: int, levels: int) -> str:
    if count >= levels:
        return ""
    return f" of {count} of {levels} levels"
