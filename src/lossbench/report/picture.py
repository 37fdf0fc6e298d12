"""A figure as pages show it: the file's content, and what stands below it and instead of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Picture:
    """Attributes:
    content: of an SVG or a PNG, by the ending of its file's name.
    caption: how to read it.
    alt: what is seen in it, from the data, for those who do not see it.
    """

    content: bytes = field(repr=False)
    caption: str
    alt: str

    def of(self, section: str) -> Picture:
        """The same of one of several data sets."""
        return replace(self, caption=f"{section}: {self.caption}", alt=f"{section}: {self.alt}")


Pictures = Mapping[str, Picture]
"""By the name of the file, in the order in which they are shown."""


def contents(pictures: Pictures) -> dict[str, bytes]:
    """The files."""
    return {name: picture.content for name, picture in pictures.items()}
