"""A tape as one HTML file that plays it: every frame a picture with its words, no server, no network.

Most of a frame stands still, so a frame is kept as what differs from the key frame under it.
"""

from __future__ import annotations

import base64
import json
from html import escape
from typing import Any

import numpy as np

from labkit.figure import png
from labkit.figure.frame import Frame, alt
from labkit.tape.tape import Tape

FRAMES_AT_MOST = 400  # in one file; the newest are kept, and the page says so
KEY_EVERY = 12


def page(frame: Frame, tape: Tape, title: str = "An event loop, iteration by iteration") -> str:
    """The newest FRAMES_AT_MOST iterations of `tape` as a page; ValueError if there are none."""
    last = tape.dropped + len(tape) - 1
    first = max(tape.dropped, last - FRAMES_AT_MOST + 1)
    if not len(tape):
        raise ValueError("the tape is empty: step the lab once, then save the figure")
    keys: list[str] = []
    frames: list[list[Any]] = []
    key: np.ndarray | None = None
    for number, index in enumerate(range(first, last + 1)):
        pixels = frame.pixels(tape, index)
        if number % KEY_EVERY == 0:
            key = pixels.copy()
            keys.append(_data(png.encode(pixels, frame.theme, level=9)))
            frames.append([len(keys) - 1, "", alt(tape, index)])
        else:
            changed = (pixels != key).any(axis=2)
            picture = png.encode(pixels, frame.theme, level=9, only=changed)
            frames.append([len(keys) - 1, _data(picture), alt(tape, index)])
    kept = last - first + 1
    note = f"iterations {first:,} to {last:,}"
    if first:
        note += f" (the newest {kept:,} of {last + 1:,}; earlier ones are not in this file)"
    wide, tall = frame.size
    data = json.dumps({"first": first, "keys": keys, "frames": frames}).replace("</", "<\\/")
    return (
        PAGE.replace("@TITLE@", escape(title))
        .replace("@NOTE@", escape(note))
        .replace("@WIDE@", str(wide))
        .replace("@TALL@", str(tall))
        .replace("@LAST@", str(kept - 1))
        .replace("@DATA@", data)
    )


def _data(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 16px auto; max-width: @WIDE@px; padding: 0 12px;
  color: #1f2933; background: #eef1f4 }
h1 { font-size: 20px; margin: 0 0 4px } p { margin: 6px 0 }
.frame { position: relative; background: #fff; aspect-ratio: @WIDE@ / @TALL@;
  border-radius: 6px; overflow: hidden }
.frame img { position: absolute; width: 100%; height: 100% }
.bar { display: flex; gap: 8px; align-items: center; margin: 10px 0; flex-wrap: wrap }
.bar input { flex: 1; min-width: 160px }
button, select { font: inherit; padding: 4px 12px }
:focus-visible { outline: 3px solid #0072b2; outline-offset: 2px }
#words { min-height: 4.2em }
</style>
<h1>@TITLE@</h1>
<p>@NOTE@</p>
<div class="frame"><img id="key" alt=""><img id="change" alt=""></div>
<div class="bar">
<button id="back" title="left arrow">Back</button>
<button id="play" title="space">Play</button>
<button id="on" title="right arrow">Forward</button>
<input id="at" type="range" min="0" max="@LAST@" value="0" aria-label="iteration">
<output id="number"></output>
<label>speed <select id="speed"><option value="1000">1 a second</option>
<option value="250" selected>4 a second</option>
<option value="60">16 a second</option></select></label>
</div>
<p id="words" aria-live="polite"></p>
<p>Keys: left and right arrow move one iteration, Home and End to the ends, space plays and stops.</p>
<script id="tape" type="application/json">@DATA@</script>
<script>
"use strict";
const tape = JSON.parse(document.getElementById("tape").textContent);
const $ = id => document.getElementById(id), last = tape.frames.length - 1;
const blank = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const picture = data => data ? "data:image/png;base64," + data : blank;
let at = 0, timer = 0;
function show(i) {
  at = Math.max(0, Math.min(last, i));
  const [key, change, words] = tape.frames[at];
  $("key").src = picture(tape.keys[key]);
  $("change").src = picture(change);
  $("change").alt = $("words").textContent = words;
  $("at").value = at;
  $("at").setAttribute("aria-valuetext", "iteration " + (tape.first + at));
  $("number").textContent = tape.first + at;
  $("back").disabled = at === 0;
  $("on").disabled = at === last;
}
function stop() {
  clearInterval(timer); timer = 0;
  $("play").textContent = "Play"; $("words").ariaLive = "polite";
}
function play() {
  if (timer) return stop();
  if (at === last) show(0);
  $("play").textContent = "Stop";
  $("words").ariaLive = "off";
  timer = setInterval(() => at < last ? show(at + 1) : stop(), Number($("speed").value));
}
$("back").onclick = () => { stop(); show(at - 1); };
$("on").onclick = () => { stop(); show(at + 1); };
$("play").onclick = play;
$("at").oninput = event => { stop(); show(Number(event.target.value)); };
$("speed").onchange = () => { if (timer) { stop(); play(); } };
document.onkeydown = event => {
  const own = event.target.tagName, moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
  if (own === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves) { stop(); show(moves[event.key]); event.preventDefault(); }
  if (event.key === " " && own !== "BUTTON") { play(); event.preventDefault(); }
};
show(0);
</script>
</html>
"""
