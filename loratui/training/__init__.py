"""The training loop and what it stands on: from a run's frozen profile and manifest to events and LoRA files."""
