"""One screen a step of the wizard, each imported when it is first shown."""
