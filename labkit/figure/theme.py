"""How a mark looks: (kind, state, event) → a role: colours by name, an outline, a hatch, a font.

Both printers draw from this table and have no other: the browser is handed `table()` as JSON. It knows no
panel, no tape and no pixel but the sizes of type.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from labkit.charts.palette import PALETTES

TEXT, TITLE, LINE, GAP = 13, 15, 18, 16  # pixels: type, headings, from line to line, between panels
EVENTS = {1: "read", 2: "write", 4: "exceptional"}
SCALES = {"screen": 1.0, "projector": 1.5}  # everything is this much larger than its CSS pixels


class Role(NamedTuple):
    """How marks look: names of colours ("" for none), the outline's width, whether it is striped or crossed.

    `shape` is "box", or "line" from the box's upper left to its lower right corner. A box less than 6 pixels
    high has no outline, and where it would have a cross it is filled with ink. Text is drawn if there is
    `ink`, in `font` ("plain", "bold", "mono", "mono bold", "title"), at the `align` side of its box, in the
    middle of its height. Outlines are drawn inside the box.
    """

    fill: str = ""
    stroke: str = ""
    width: float = 0.0
    hatch: bool = False
    cross: bool = False
    shape: str = "box"
    ink: str = ""
    font: str = "plain"
    align: Literal["left", "center", "right"] = "left"


def _text(ink: str = "ink", font: str = "plain", align: Literal["left", "center", "right"] = "left") -> Role:
    return Role(ink=ink, font=font, align=align)


ROLES = {
    # the fd sets: an outline asked, solid ready, × EAGAIN
    **{f"cell asked {event}": Role(f"{event}, pale", event, 1.5) for event in EVENTS.values()},
    **{f"cell ready {event}": Role(event, event, 1.5) for event in EVENTS.values()},
    **{f"cell eagain {event}": Role(f"{event}, pale", event, 1.5, cross=True) for event in EVENTS.values()},
    # what the kernel holds now, which the loop has not been told
    **{f"now ready {event}": Role(event) for event in EVENTS.values()},
    "now column": Role("place"),
    "legend asked": Role("place", "ink", 1.5),
    "legend ready": Role("ink", "ink", 1.5),
    "legend eagain": Role("place", "ink", 1.5, cross=True),
    "legend low asked": Role("read, pale"),
    "error": Role(stroke="bad", width=2.0),
    "band": Role("band", "band edge", 1.0),
    "band call": Role("band"),
    "band line": Role("band"),
    "finding": Role("bad"),
    # where every byte is
    "bytes unsent": Role("peer"),
    "bytes recv_queue": Role("kernel"),
    "bytes read_buffer": Role("program"),
    "bytes write_buffer": Role("program"),
    "bytes send_queue": Role("kernel"),
    "bytes unread": Role("peer"),
    "now bytes": Role(stroke="muted", width=1.0),
    "amount": _text(),
    "content": _text(font="mono"),
    "place": Role("place", "hairline", 1.0),
    "place unknown": Role("ground", "hairline", 1.0, hatch=True),
    "check good": _text("good"),
    "check bad": _text("bad", "bold"),
    "check unsure": _text("muted"),
    # where the time went
    "bar asleep": Role("asleep"),
    "bar awake": Role("program"),
    "bar cpu": Role("ink"),
    "share asleep": Role("asleep"),
    "share awake": Role("program"),
    # source, call map
    "count": Role("place", "hairline", 1.0),
    "count now": Role("program"),
    "edge": Role(stroke="muted", width=1.0, shape="line"),
    **{f"{kind} mono": _text(font="mono") for kind in ("source", "method", "text", "call")},
    **{f"{kind} mono bold": _text(font="mono bold") for kind in ("source", "method")},
    **{f"{kind} mono muted": _text("muted", "mono") for kind in ("source", "method")},
    "variable": _text(font="mono"),
    "variable raised": _text("bad", "mono bold"),
    "variable changed": _text("program text", "mono bold"),
    "differs": Role(stroke="bad", width=2.0),
    "rule": Role(stroke="hairline", width=1.0, shape="line"),
    # words
    "title": _text(font="title"),
    "text": _text(),
    "text bold": _text(font="bold"),
    "text muted": _text("muted"),
    "text centre": _text("muted", align="center"),
    "text read": _text("read", "mono"),
    "text bad": _text("bad", "bold"),
    "text outcome": _text("program text"),
    "text pale": _text("pale"),
    "call mono pale": _text("pale", "mono"),
    "call outcome": _text("program text", "mono"),
    "call again": _text("ink", "mono bold"),
    "call failed": _text("bad", "mono bold"),
    "label": _text(align="right"),
    "label muted": _text("muted", align="right"),
    "label bold": _text(font="bold", align="right"),
    "number": _text("muted", align="center"),
    "number current": _text(font="bold", align="center"),
    "legend": _text("muted"),
}


def role(kind: str, state: str, event: int | None) -> Role:
    """The role of a mark: that of "kind state event", else of "kind state", else of "kind".

    A mark of kind "swatch" stands in a legend for others; its state is the name of their role.
    """
    if kind == "swatch":
        return ROLES[state]
    names = (f"{kind} {state} {EVENTS.get(event or 0, '')}", f"{kind} {state}", kind)
    return next((ROLES[name] for name in names if name in ROLES), Role())


def table() -> dict[str, Any]:
    """Roles, colours, sizes and the names of events, as JSON can hold them."""
    return {
        "roles": {name: each._asdict() for name, each in ROLES.items()},
        "colours": PALETTES,
        "sizes": {"text": TEXT, "title": TITLE, "line": LINE},
        "events": {str(bit): name for bit, name in EVENTS.items()},
    }
