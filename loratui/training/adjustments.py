"""What trouble changed about a training: smaller pieces, a lower rate. Kept in the state, so a resume goes on so."""

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
        gradient_checkpointing: Recompute activations in the backward pass. Changes no result but for rounding.
        size: What the sides of all pictures are multiplied by; only where the profile allows.
    """

    lr_factor: float = 1.0
    rollbacks: int = 0
    pictures_at_once: int = 0
    gradient_checkpointing: bool = False
    size: float = 1.0

    def slower(self) -> "Adjustments":
        """Return these with half the learning rate and one more rollback counted."""
        return replace(self, lr_factor=self.lr_factor / 2, rollbacks=self.rollbacks + 1)

    def smaller(self, batch: int, *, is_checkpointing: bool, may_lower_resolution: bool) -> "Adjustments | None":
        """Return the next smaller way to take a step, or None when there is none left.

        Args:
            batch: Samples in the largest batch.
            is_checkpointing: The profile asks for gradient checkpointing anyway.
            may_lower_resolution: `training.may_lower_resolution`.
        """
        at_once = min(self.pictures_at_once or batch, batch)
        if at_once > 1:
            return replace(self, pictures_at_once=-(-at_once // 2))
        if not (self.gradient_checkpointing or is_checkpointing):
            return replace(self, gradient_checkpointing=True)
        if may_lower_resolution and self.size * _SIZE_STEP >= _SMALLEST_SIZE:
            return replace(self, size=self.size * _SIZE_STEP)
        return None

    def in_words(self, batch: int) -> str:
        """Say how a step is taken now: "2 × 1 picture a step (same effective batch)"."""
        words = []
        if 0 < self.pictures_at_once < batch:
            pieces = -(-batch // self.pictures_at_once)
            plural = "" if self.pictures_at_once == 1 else "s"
            words.append(f"{pieces} × {self.pictures_at_once} picture{plural} a step (same effective batch)")
        if self.gradient_checkpointing:
            words.append("gradient checkpointing")
        if self.size < 1:
            words.append(f"pictures at {self.size:.0%} of their side")
        if self.lr_factor < 1:
            words.append(f"{self.lr_factor:g} × the learning rate")
        return ", ".join(words) or "as the profile says"
