"""The YAML of many configs that differ in few words: what was written before is not written again.

Measured on 240 jobs, three files each: 0.77 s of CPU by OmegaConf with libyaml, 0.04 s so. To the letter the
same text (tests/hydra_plugins/test_writing.py).
"""

from __future__ import annotations

import marshal
import re
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, ListConfig, OmegaConf

from lossbench.config.raw import Unusual, raw

_DEEPEST = 3  # how deep what stands in a mapping is looked for on its own
_INDENT = "  "
# A path or an override of letters, digits and signs that mean nothing in YAML; with "/" or "=": no number.
_PLAIN_WORDS = re.compile(r"[A-Za-z_/](?=.*[/=])[\w/.,=-]*\w", re.ASCII)


class Writer:
    """Writes configs as `OmegaConf.to_yaml` does, with the dumper that it is given.

    The text of what stands up to three levels down, as a member of a member of the `hydra` node does, is kept
    by its place and content, both of which are in its lines.
    """

    def __init__(self, dumper: type[Any]) -> None:
        self._dumper = dumper
        self._written: dict[tuple[Any, ...], str] = {}
        self._slow = OmegaConf.to_yaml

    def to_yaml(self, cfg: Any, *, resolve: bool = False, sort_keys: bool = False) -> str:
        """As OmegaConf's."""
        if resolve or sort_keys or not isinstance(cfg, (DictConfig, ListConfig)):
            return self._slow(cfg, resolve=resolve, sort_keys=sort_keys)
        try:
            content = raw(cfg, enum_to_str=True)
            if isinstance(content, list) and content and all(map(_is_its_text, content)):
                return "".join(f"- {own}\n" for own in content)
            if not isinstance(content, dict) or not content:
                raise Unusual
            return "".join(self._text((key,), value) for key, value in content.items())
        except (Unusual, ValueError):  # marshal's ValueError: an object that is no plain value
            return self._slow(cfg)

    def _text(self, place: tuple[str, ...], value: Any) -> str:
        """The lines of a value, without those of what it stands in."""
        if _is_its_text(value):
            return f"{self._head(place)} {value}\n"
        if isinstance(value, list) and value and all(map(_is_its_text, value)):
            indent = _INDENT * (len(place) - 1)
            return "".join([self._head(place), "\n", *(f"{indent}- {own}\n" for own in value)])
        known = (*place, marshal.dumps(value, 2))  # of version 2, in which equal values have equal bytes
        if known not in self._written:
            if isinstance(value, dict) and value and len(place) < _DEEPEST:
                inside = (self._text((*place, name), own) for name, own in value.items())
                lines = f"{self._head(place)}\n{''.join(inside)}"
            else:
                lines = self._lines(place, value)
            self._written[known] = lines
        return self._written[known]

    def _lines(self, place: tuple[str, ...], value: Any) -> str:
        for name in reversed(place):
            value = {name: value}
        *above, lines = self._dump(value).split("\n", len(place) - 1)
        if above != [self._head(place[:depth]) for depth in range(1, len(place))]:
            raise Unusual
        return lines

    def _head(self, place: tuple[str, ...]) -> str:
        """The line that a mapping at this place begins with."""
        if place not in self._written:
            content: Any = {"a": None}
            for name in reversed(place):
                content = {name: content}
            head = self._dump(content).split("\n")[len(place) - 1]
            if not head.endswith(":"):  # of an empty or a long key, which YAML writes in another way
                raise Unusual
            self._written[place] = head
        return self._written[place]

    def _dump(self, content: Any) -> str:
        text: str = yaml.dump(
            content, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=self._dumper
        )
        return text


def _is_its_text(value: Any) -> bool:
    """Whether YAML writes a value as Python does: most that differ from job to job are such."""
    return type(value) is int or (type(value) is str and _PLAIN_WORDS.fullmatch(value) is not None)
