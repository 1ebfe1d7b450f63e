"""What a base may become while it is typed. Reads directories; knows no widget."""

from loratui.hub.cache import cached_repositories
from loratui.profile.schema import DEFAULT_BASE
from loratui.safe_text import printable
from loratui.tui.path_completion import complete_model_file


def complete_base(text: str) -> list[str]:
    """Bases that `text` may become: what is in the hub's cache, the usual one, the demo's, folders and checkpoints."""
    names = sorted({DEFAULT_BASE, "demo", *cached_repositories()})
    paths = complete_model_file(text) if text else []
    return [name for name in names if name.startswith(text) and printable(name) == name] + paths
