"""The demonstration: a tiny Stable Diffusion, the drawings it was trained on, and Emi, whom it has never seen."""
