// The player of an exported page: a tape that was written into it answers a figure as a kernel would.
//
// It knows what player.py wrote: drawings, words, and what is where. Nothing more will run.

const BETWEEN = 16; // pixels between panels that stand under one another

/** Whether a frame shows all of its iteration. */
const whole = ({ call, line }) => call === null && line === null;

/** A drawing of two columns as one of one column, the right under the left: for a page as narrow as a phone's. */
function stacked({ w, h, panels, layers }) {
  const right = Math.max(...panels.map(({ box: [x] }) => x));
  if (!right) return { w, h, panels, layers };
  const ends = panels.map(({ box: [x, y, wide, high] }) => ({ x, wide: x < right ? wide : x + wide - right, foot: y + high }));
  const down = Math.max(...ends.filter(({ x }) => x < right).map(({ foot }) => foot)) + BETWEEN;
  const moved = (x, y) => (x < right ? [x, y] : [x - right, y + down]);
  return {
    w: Math.max(...ends.map(({ wide }) => wide)),
    h: down + Math.max(...ends.filter(({ x }) => x >= right).map(({ foot }) => foot)),
    panels: panels.map(({ box: [x, y, ...size], ...rest }) => ({ ...rest, box: [...moved(x, y), ...size] })),
    layers: layers.map(([id, x, y]) => [id, ...moved(x, y)]),
  };
}

/** A tape that was written into the page answers as a kernel would, except that nothing more will run. */
class Recorded {
  constructor(data) {
    Object.assign(this, data); // table, frames, pieces, whys, explains, finds, speeds, granularities, begin, call, theme
    this.at = 0;
    this.granularity = this.granularities.at(-1) === "source line" ? "source line" : "iteration";
    this.speed = "4 a second";
  }

  start(root) {
    this.figure = new Figure(root, message => this.answer(message));
    for (const [id, marks] of this.pieces.entries()) this.figure.pieces.set(String(id), { key: String(id), marks: marks.map(named) });
    const { table, speeds, granularities } = this;
    const finds = Object.keys(this.finds).filter(name => this.finds[name].length);
    this.figure.receive({ table, state: { speeds, granularities, finds, replay: true } });
    const lines = this.granularity === "source line";
    const at = this.frames.findIndex(({ i, call, line }) => i === this.begin && (lines ? line === 0 : call !== null && call === this.call));
    if (at >= 0) this.go(at);
    else this.goTo(this.begin);
  }

  get frame() { return this.frames[this.at]; }

  answer({ do: order, ...message }) {
    const moves = { back: () => this.move(-1), forward: () => this.move(1), go: () => this.goTo(message.i), run: () => this.play(),
      pause: () => this.stop(), over: () => this.toLine(({ depth }) => depth <= this.frame.depth), "to my code": () => this.toLine(({ own }) => own), find: () => this.find(message.what, message.way), why: () => this.why(message) };
    if (order in moves) {
      if (!["run", "why"].includes(order)) this.stop();
      moves[order]();
    } else if (order === "width") {
      this.go(this.at);
    } else if (["speed", "granularity", "theme"].includes(order)) {
      this[order] = message.value;
      if (order === "granularity" && !this.stops(this.frame)) this.goTo(this.frame.i);
      else this.go(this.at);
      if (order === "speed" && this.timer) this.play();
    }
  }

  /** The position of a whole iteration. */
  goTo(i) {
    const at = this.frames.findIndex(frame => frame.i === i && whole(frame));
    if (at >= 0) this.go(at);
  }

  /** One position on: whole iterations, and in them every call or every source line. */
  next(way) {
    let at = this.at + way;
    while (this.frames[at] && !this.stops(this.frames[at])) at += way;
    return this.frames[at] ? at : null;
  }

  stops(frame) {
    return whole(frame) || (this.granularity === "call" && frame.call !== null) || (this.granularity === "source line" && frame.line !== null);
  }

  move(way) {
    const at = this.next(way);
    if (at !== null) this.go(at);
    return at !== null;
  }

  go(at) {
    this.at = at;
    const { i, call, line, lines, h, says, panels, layers } = this.frame, frames = this.frames;
    const { speed, granularity, theme } = this;
    const laid = { w: this.w, h, panels, layers: layers.map(([id, x, y]) => [String(id), x, y]) };
    this.figure.receive({
      i, call, says, ...(this.figure.sheet.clientWidth < SMALLEST ? stacked(laid) : laid), marks: {}, glide: !this.timer,
      state: { i, at: line !== null ? `line ${line + 1} of ${lines}` : call === null ? "" : `call ${call}`, first: frames[0].i, last: frames.at(-1).i, speed, granularity, theme, running: !!this.timer,
        back: this.next(-1) !== null, forward: this.next(1) !== null, trouble: "", note: this.note ?? "" },
    });
  }

  /** To the next line of this iteration of which something is true, or to its end. */
  toLine(wanted) {
    const { i, line } = this.frame;
    const at = line === null ? this.next(1) : this.frames.findIndex((frame, number) => number > this.at && frame.i === i && (whole(frame) || (frame.line !== null && wanted(frame))));
    if (at !== null && at >= 0) this.go(at);
  }

  play() {
    clearInterval(this.timer);
    if (this.next(1) === null) this.at = this.frames.findIndex(whole);
    this.timer = setInterval(() => this.move(1) || this.stop(), 1000 / Number.parseFloat(this.speed));
    this.go(this.at);
  }

  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.go(this.at);
  }

  /** The next iteration of which something is true: one of `finds`, or that its words contain a text. */
  find(what, way) {
    const low = what.toLowerCase(), list = this.finds[what] ?? this.explains.flatMap(([i, text]) => text.toLowerCase().includes(low) ? [i] : []);
    const ahead = list.filter(i => way > 0 ? i > this.frame.i : i < this.frame.i);
    this.note = ahead.length || list.includes(this.frame.i) ? "" : `no ${what} in this tape`;
    if (ahead.length) this.goTo(way > 0 ? ahead[0] : ahead.at(-1));
    else this.go(this.at);
  }

  why({ of, key, number }) {
    const why = this.whys[key]?.[number];
    if (why) this.figure.receive({ of, why: this.texts[why] ?? "" });
  }
}

/** Play what the page holds: JSON, compressed, in base64. */
export async function play(root, packed) {
  const bytes = Uint8Array.from(atob(packed), each => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const recorded = new Recorded(JSON.parse(await new Response(stream).text()));
  recorded.start(root);
  return recorded;
}
