"""Pages of the report: self-contained files, with tables that can be sorted by a click."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

_PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, the value for sorting, or the reason why there is none.

    With ``value`` None, a cell with a reason shows "not measured" and the reason on hovering.
    """

    value: float | None
    text: str = ""
    reason: str | None = None

    def __str__(self) -> str:
        if self.value is not None:
            return f'<td class="figure" data-value="{self.value!r}">{html.escape(self.text)}</td>'
        why = f' title="{html.escape(self.reason)}"' if self.reason else ""
        return f'<td class="null"{why}>{"not measured" if self.reason else "-"}</td>'


def figure(value: float | None, form: str, reason: str | None = None) -> Cell:
    """A cell with ``value`` in Python's format ``form``."""
    return Cell(value, "" if value is None else format(value, form), reason)


def table(
    header: Sequence[str],
    lines: Sequence[Sequence[Cell | str]],
    *,
    filtered: bool = False,
    sortable: bool = True,
) -> str:
    """A table that is sorted by a click on a column's head; text is left-aligned, figures right."""
    names = [html.escape(name) for name in header]
    heads = "".join(f"<th>{f'<button>{n}</button>' if sortable else n}</th>" for n in names)
    rows = "\n".join(f"<tr>{''.join(map(_cell, line))}</tr>" for line in lines)
    search = '<input placeholder="filter: digits pruned" aria-label="filter rows">'
    return (
        f"<div>{search if filtered else ''}"
        f"<table{' class=sortable' if sortable else ''}><thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def items(texts: Sequence[str]) -> str:
    """A list of plain texts."""
    return f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in texts)}</ul>"


def section(title: str, body: str) -> str:
    """A heading and the content below it."""
    return f"<h2>{html.escape(title)}</h2>\n{body}"


def folded(title: str, body: str) -> str:
    """Content that is shown by a click on its title."""
    return f"<details><summary>{html.escape(title)}</summary>\n{body}</details>"


def picture(path: Path) -> str:
    """An SVG file in the page itself, so that the page needs no other file."""
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(path.stem)}" src="data:image/svg+xml;base64,{content}">'


def listing(text: str) -> str:
    """Preformatted text."""
    return f"<pre>{html.escape(text)}</pre>"


def pairs(values: Mapping[str, object]) -> str:
    """A table of names and values."""
    return table(("what", "value"), [[name, str(value)] for name, value in values.items()])


def page(title: str, *parts: str) -> str:
    """The whole page."""
    return _PAGE.substitute(title=html.escape(title), body="\n".join(parts))


def _cell(content: Cell | str) -> str:
    if isinstance(content, Cell):
        return str(content)
    kind = ' class="why"' if len(content) > 50 else ""
    return f"<td{kind}>{html.escape(content)}</td>"
