"""Theme colours: read from `.streamlit/config.toml`, so that charts and page use the same ones.

Owns the map from a role (accent, muted, surface, ...) to a colour in the browser's mode, light or dark.
"""

from dataclasses import dataclass

import streamlit as st

Rgba = list[int]

SCALES: dict[str, tuple[str, str, str, str, str]] = {
    "light": ("#B45309", "#F0A860", "#C3C7D2", "#969BF2", "#4338CA"),
    "dark": ("#FDBA74", "#B86A24", "#4A5166", "#6166D6", "#A9B1FF"),
}
"""From worst to best: orange over grey to indigo, distinguishable without red and green."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Hex colours of one theme mode, by role."""

    is_dark: bool
    accent: str
    text: str
    muted: str
    grid: str
    surface: str
    better: str
    worse: str
    ocean: str
    land: str
    border: str
    night: str
    scale: tuple[str, str, str, str, str]

    def rgba(self, role: str, alpha: int = 255) -> Rgba:
        """The colour of a role for deck.gl: red, green, blue and alpha, each 0..255."""
        return rgba(getattr(self, role), alpha)


def rgba(colour: str, alpha: int = 255) -> Rgba:
    """A `#rrggbb` colour as red, green, blue, alpha.

    >>> rgba("#4F46E5", 60)
    [79, 70, 229, 60]
    """
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)] + [alpha]


def palette(*, is_dark: bool | None = None) -> Palette:
    """The palette of `is_dark`; None means the browser's mode, light if unknown."""
    if is_dark is None:
        is_dark = st.context.theme.type == "dark"
    mode = "dark" if is_dark else "light"

    def option(name: str) -> str:
        return str(st.get_option(f"theme.{mode}.{name}"))

    return Palette(
        is_dark=is_dark,
        accent=option("primaryColor"),
        text=option("textColor"),
        muted=option("grayColor"),
        grid=option("borderColor"),
        surface=option("backgroundColor"),
        better=option("greenColor"),
        worse=option("redColor"),
        ocean="#182136" if is_dark else "#E9EDF6",
        land="#3B4768" if is_dark else "#CDD4E4",
        border="#707EA8" if is_dark else "#FFFFFF",
        night="#05070C" if is_dark else "#3B4468",
        scale=SCALES["dark" if is_dark else "light"],
    )
