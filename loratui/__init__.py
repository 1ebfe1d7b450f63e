"""loratui: from a folder of pictures to a trained Stable Diffusion LoRA and a picture grid, in a terminal."""

__version__ = "0.1.0"
