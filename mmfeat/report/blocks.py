"""What a page is built of, and how numbers are written on it. Plain text is escaped when the page is filled in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

Cell = str | Markup


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    kind: ClassVar[str] = "paragraph"
    text: Cell


@dataclass(frozen=True)
class Heading:
    """Of a part of a section."""

    kind: ClassVar[str] = "heading"
    text: str
    anchor: str  # the name that a link to it uses, once on the page


@dataclass(frozen=True)
class Verdict:
    """Something that is as it should be, or is not."""

    kind: ClassVar[str] = "verdict"
    good: bool
    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of each its heading; columns after the first ``left`` are numbers."""

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left: int = 1


@dataclass(frozen=True)
class Chart:
    """A drawing with its title."""

    title: str
    svg: Markup
    note: str = ""


@dataclass(frozen=True)
class Charts:
    """Drawings side by side."""

    kind: ClassVar[str] = "charts"
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Picture:
    """A PNG picture inside the page."""

    kind: ClassVar[str] = "picture"
    caption: str
    png: str  # base64


@dataclass(frozen=True)
class Details:
    """Blocks that open on demand."""

    kind: ClassVar[str] = "details"
    summary: str
    blocks: Sequence[Block]
    open: bool = False


@dataclass(frozen=True)
class Beside:
    """Groups of blocks side by side, where the window is wide enough."""

    kind: ClassVar[str] = "beside"
    groups: Sequence[Sequence[Block]]


Block = Paragraph | Heading | Verdict | Table | Charts | Picture | Details | Beside


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    remarks: Sequence[str] = field(default=())  # what of it is worth a look, said at the top of the page


def number(value: int) -> str:
    """A count, ``22,856``."""
    return f"{int(value):,}"


def quantity(value: float) -> str:
    """A measured value, four digits."""
    return f"{float(value):.4g}".replace("-", "\N{MINUS SIGN}", 1) if value < 0 else f"{float(value):.4g}"


def share(part: float, whole: float) -> str:
    """A share in percent that says 0 and 100 only where it means them; ``–`` of nothing."""
    if not whole:
        return "–"
    value = part / whole
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    return f"{value:.1%}".replace("%", " %")


def several(count: int, one: str, many: str = "") -> str:
    """``1 word``, ``2 words``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str], most: int = 8) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {number(rest)} more" if rest > 0 else "")


def share_bar(part: float, whole: float, colour: str = "plain") -> Markup:
    """A share with a bar behind it."""
    width = 100 * part / whole if whole else 0.0
    return Markup('<span class="share {}"><i style="width:{}%"></i>{}</span>').format(
        colour, f"{width:.1f}", share(part, whole)
    )


def counted_bar(count: int, whole: float, colour: str = "plain") -> Markup:
    """A count, and its share with a bar behind it."""
    return Markup('{} <small class="aside">{}</small>').format(number(count), share_bar(count, whole, colour))
