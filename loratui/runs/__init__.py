"""Runs: the directory that holds one, the events its worker appends, and the process itself."""
