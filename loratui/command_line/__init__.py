"""What the commands do and how they say it: one module for each thing a person asks for."""
