"""HTML of a report: one page that holds all it shows, readable without a mouse, without eyes and without a network.

Every function returns HTML in which texts are escaped. Pictures are SVG in the page itself, each with a text that says
what it shows; tables have captions and headers that say what they head, and sort where there is something to sort.
"""

import base64
import html
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Letters from which on a text wants room.
_LONG = 40
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cell:
    """A cell of a table whose number is not its text.

    Attributes
    ----------
    text : str
    value : float or None
        By which rows are sorted.
    """

    text: str
    value: float | None


_NOTHING = Cell("–", None)


def percent(share: float | None, low: float | None = None, high: float | None = None, signed: bool = False) -> Cell:
    """Return a share of 1 in percent, or in points, with its interval where it has one."""
    if share is None:
        return _NOTHING
    form = "{:+.1f}" if signed else "{:.1f}"
    text = form.format(100 * share)
    if low is not None and high is not None:
        text += f" [{form.format(100 * low)}, {form.format(100 * high)}]"
    return Cell(text, share)


def number(value: float | None, digits: int = 1) -> Cell:
    """Return a number with some digits."""
    return _NOTHING if value is None or math.isnan(value) else Cell(f"{value:,.{digits}f}", value)


def page(title: str, lead: str, sections: Sequence[tuple[str, str]], about: str) -> str:
    """Return the whole page.

    Parameters
    ----------
    title : str
        Its one heading of the first level.
    lead : str
        What to know in a sentence or two.
    sections : sequence of (str, str)
        Headings, and HTML below each.
    about : str
        What made the page.
    """
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    links = "".join(f'<li><a href="#part-{i}">{_text(name)}</a></li>' for i, (name, _) in enumerate(sections))
    body = "".join(
        f'<section aria-labelledby="part-{i}"><h2 id="part-{i}">{_text(name)}</h2>\n{content}</section>\n'
        for i, (name, content) in enumerate(sections)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # An empty icon: a browser asks its server for one otherwise.
        f'<link rel="icon" href="data:,">\n<title>{_text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n'
        f'<header><h1>{_text(title)}</h1>\n<p class="lead">{_text(lead)}</p>\n'
        f'<nav aria-label="Parts of this page"><ul>{links}</ul></nav></header>\n<main>\n{body}</main>\n'
        f'<p id="sorted" class="heard" role="status"></p>\n<footer><p>{_text(about)}</p></footer>\n'
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def subheading(text: str) -> str:
    """Return a heading below a section's."""
    return f"<h3>{_text(text)}</h3>\n"


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{_text(text)}</p>\n"


def items(texts: Sequence[str], care: bool = False) -> str:
    """Return a list; one that asks for care stands out."""
    made = f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in texts)}</ul>\n"
    return f'<div class="care">{made}</div>\n' if care else made


def code(text: str) -> str:
    """Return lines of a program or of a shell."""
    return f"<pre><code>{_text(text)}</code></pre>\n"


def facts(known: Mapping[str, Any]) -> str:
    """Return names and what they are."""
    return f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_text(value)}</dd>' for name, value in known.items())}</dl>\n"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table whose first column heads its rows.

    Parameters
    ----------
    caption : str
    columns : sequence of str
    rows : sequence of sequence of str, int, float, None or Cell
        A column is one of numbers where its first cell is, and stands to the right.
    """
    right = [bool(rows) and not isinstance(rows[0][k], str) for k in range(len(columns))]
    long = [max((len(str(row[k])) for row in rows), default=0) > _LONG for k in range(len(columns))]
    kinds = [' class="number"' if n else ' class="long"' if w else "" for n, w in zip(right, long, strict=True)]
    head = "".join(f'<th scope="col"{kind}>{_text(name)}</th>' for name, kind in zip(columns, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(_cell(cell, kind, first=k == 0) for k, (cell, kind) in enumerate(zip(row, kinds, strict=True)))
        + "</tr>\n"
        for row in rows
    )
    sortable = ' class="sortable"' if len(rows) > 1 else ""
    name = html.escape(caption, quote=True)
    return (
        # Not a <caption>, which would be as wide as the table and scroll away with it in a narrow window.
        f'<div class="table"><p class="caption" aria-hidden="true">{_text(caption)}</p>\n<div class="wide">'
        f'<table{sortable} aria-label="{name}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>'
        "</div></div>\n"
    )


def pictures(drawings: Sequence[tuple[Callable[[], Any], str, str]]) -> str:
    """Return pictures beside each other, or where matplotlib is missing a sentence that says so.

    Parameters
    ----------
    drawings : sequence of (callable, str, str)
        Draws a Display of :mod:`sere.plotting`; its caption; what it shows in words, for those who do not see it.
    """
    try:
        made = "".join(
            f'<figure><img src="{_svg(draw)}" alt="{html.escape(words, quote=True)}">'
            f"<figcaption>{_text(caption)}</figcaption></figure>\n"
            for draw, caption, words in drawings
        )
    except ImportError:
        return paragraph("There are no pictures, because matplotlib is not installed: pip install 'sere[plots]'.")
    return f'<div class="pictures">\n{made}</div>\n'


def _svg(draw: Callable[[], Any]) -> str:
    """Return a drawing as a data URI, the same bytes whenever it is made."""
    import matplotlib
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "sere"}):
        figure = draw().figure_
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _cell(cell: Any, kind: str, first: bool) -> str:
    """Return a cell, a header where it is a row's first."""
    if cell is None or isinstance(cell, (int, float)):
        cell = _NOTHING if cell is None else Cell(f"{cell:,}", cell)
    value = ""
    if isinstance(cell, Cell):
        value = f' data-value="{"" if cell.value is None else repr(float(cell.value))}"'
        cell = cell.text
    tag = 'th scope="row"' if first else "td"
    return f"<{tag}{kind}{value}>{_text(cell)}</{tag.split()[0]}>"


def _text(value: Any) -> str:
    return html.escape(str(value), quote=False)
