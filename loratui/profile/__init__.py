"""Profiles: what a person wants trained, as one checked TOML file."""
