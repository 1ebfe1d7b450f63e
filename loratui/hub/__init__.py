"""Base models: what a name means and how its files come to this computer."""
