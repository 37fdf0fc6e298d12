"""Templates filled with what a page shows, as Markdown and as HTML."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from lossbench.verdicts.family import Mark
from lossbench.verdicts.table import Table

MOST_BYTES = 3_000_000
_MARKS: dict[Mark, str] = {"best": " *", "tied": " ~", "": ""}


def rendered(template: str, told: Mapping[str, Any]) -> str:
    """A Markdown template filled with what `context` or `EMPTY` holds."""
    environment = _environment(html=False)
    return str(environment.get_template(template).render({**told, "body": _body(environment, "md", told)}))


def _body(environment: Any, kind: str, told: Mapping[str, Any]) -> str:
    """The parts of a page, one after another; most pages have one."""
    template = environment.get_template(f"part.{kind}.j2")
    parts: Sequence[Mapping[str, Any]] = told["parts"] or ({},)
    return "".join(template.render({**told, **part}) for part in parts)


def rendered_html(told: Mapping[str, Any]) -> str:
    """The page of a context, with its figures in it."""
    images: dict[str, str] = {}
    left, dropped = MOST_BYTES - 400_000, []
    for name, picture in told["figures"].items():
        kind = "svg+xml" if name.endswith(".svg") else "png"
        data = f"data:image/{kind};base64,{base64.b64encode(picture.content).decode()}"
        if len(data) > left:
            dropped.append(name)
            continue
        left -= len(data)
        images[name] = data
    filled = {**told, "images": images, "dropped": dropped}
    environment = _environment(html=True)
    body = _body(environment, "html", filled)
    return str(environment.get_template("page.html.j2").render({**filled, "body": body}))


def filled(template: str, told: Mapping[str, Any]) -> str:
    """A template that is a page by itself."""
    return str(_environment(html=".html." in template).get_template(template).render(told))


def _environment(*, html: bool) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lossbench.report", "templates"),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["markdown_table"] = markdown_table
    environment.globals["cells"] = cells
    environment.filters["bracketless"] = lambda text: str(text).replace("[", "(").replace("]", ")")
    environment.filters["pipe"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    return environment


def markdown_table(table: Table, words: Mapping[str, str] | None = None) -> str:
    """A table with losses as rows; words: of each row what its loss elicits, as a last column."""
    last = ["elicits"] if words else []
    heads = ["loss", *[column.head for column in table.columns], *last]
    lines = [
        "| " + " | ".join(heads) + " |",
        "| --- |" + " ---: |" * len(table.columns) + " --- |" * len(last),
    ]
    for loss, row in cells(table):
        texts = [text.replace("*", "\\*") for text, _ in row] + ([words[loss]] if words else [])
        lines.append("| " + " | ".join([loss, *texts]) + " |")
    return "\n".join(lines)


def cells(table: Table) -> list[tuple[str, list[tuple[str, Mark]]]]:
    """Rows of text, with its mark, and the class that shades the best and makes it bold in HTML."""
    rows = []
    for place, loss in enumerate(table.rows):
        marks = [column.cells[place].mark for column in table.columns]
        texts = [column.text(place) + _MARKS[mark] for column, mark in zip(table.columns, marks, strict=True)]
        rows.append((loss, list(zip(texts, marks, strict=True))))
    return rows
