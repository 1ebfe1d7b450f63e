"""The three looks: dark, light, and the terminal's own sixteen colours. One accent colour each.

Beside Textual's own variables each has `$rule` for lines and `$faint` for what may be overlooked.
"""

from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#7aa2f7",
    accent="#7dcfff",
    secondary="#7aa2f7",
    warning="#e0af68",
    error="#f7768e",
    success="#9ece6a",
    foreground="#d5d9e8",
    background="#16161e",
    surface="#16161e",
    panel="#24283b",
    dark=True,
    variables={"rule": "#3b4261", "faint": "#8f96b3"},
)
LIGHT = Theme(
    name="light",
    primary="#1f5fbf",
    accent="#0b6bcb",
    secondary="#1f5fbf",
    warning="#8a5a00",
    error="#b3261e",
    success="#1c6e2f",
    foreground="#1b1d23",
    background="#fafafa",
    surface="#fafafa",
    panel="#e6e8ee",
    dark=False,
    variables={"rule": "#c3c7d1", "faint": "#6b7080"},
)
ANSI = Theme(
    name="ansi",
    primary="ansi_blue",
    accent="ansi_cyan",
    secondary="ansi_blue",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    ansi=True,
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "rule": "ansi_bright_black",
        "faint": "ansi_bright_black",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_bright_blue",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_bright_blue",
        "screen-selection-foreground": "ansi_black",
    },
)
THEMES = (DARK, LIGHT, ANSI)
