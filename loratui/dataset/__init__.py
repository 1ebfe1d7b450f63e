"""Pictures and captions: what is there, what is wrong with it, and in which order it is trained. Knows no tensors."""
