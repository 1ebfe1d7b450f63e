"""What this machine is: its GPUs and who uses them. Asks drivers and files, never torch."""
