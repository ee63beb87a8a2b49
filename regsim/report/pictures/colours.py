"""The colours of all pictures, decided once. What a colour says, a shape or a word says too.

Okabe and Ito's colours, which stay apart for those who see no red or green, fill shapes; those
whose name ends in INK, and the two greys, carry text on white at a contrast of 4.5:1 or better.
"""

from __future__ import annotations

from typing import Final

INK, GREY, PALE, WHITE = "#1a1a1a", "#595959", "#e6e6e6", "#ffffff"
BLUE, SKY, GREEN, ORANGE, RED = "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00"
RED_INK = "#9c3f00"
BLACK, DIM, FAINT = "#000000", "#8c8c8c", "#a6a6a6"
PURPLE, YELLOW = "#cc79a7", "#f0e442"

DARK: Final = {
    WHITE: "#14161a",
    INK: "#ecebe6",
    GREY: "#a9adb6",
    PALE: "#363a43",
    RED_INK: "#ff9d63",
    BLUE: "#4fa3dc",
}
"""What stands on dark ground for the colours that carry text or are the ground themselves."""


def adapting(picture: str) -> str:
    """Return *picture*, an SVG file's text, so that it is dark where its reader's system is.

    It is for a file that a page shows as an image: within a page its rules would be the page's.
    """
    rules = "".join(
        f'[{part}="{light}"]{{{part}:{dark}}}'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n"
    head, end, rest = picture.partition("</desc>\n")
    return f"{head}{end}{style}{rest}"
