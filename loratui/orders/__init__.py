"""Orders: from a profile that somebody wants trained to the run directory that a worker trains by."""
