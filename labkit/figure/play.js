// The player of an exported page: a tape that was written into it answers a figure as a kernel would.
//
// It knows what player.py wrote: drawings, words, and what is where. Nothing more will run.

/** A tape that was written into the page answers as a kernel would, except that nothing more will run. */
class Recorded {
  constructor(data) {
    Object.assign(this, data); // table, frames, pieces, whys, explains, finds, speeds, granularities
    this.at = 0;
    this.granularity = "iteration";
    this.speed = "4 a second";
    this.theme = "screen";
  }

  start(root) {
    this.figure = new Figure(root, message => this.answer(message));
    this.figure.keeps = true;
    for (const [id, marks] of this.pieces.entries()) this.figure.pieces.set(String(id), { key: String(id), marks: marks.map(named) });
    const { table, speeds, granularities } = this;
    const finds = Object.keys(this.finds).filter(name => this.finds[name].length);
    this.figure.receive({ table, state: { speeds, granularities, finds, replay: true } });
    this.goTo(this.frames[0].i);
  }

  get frame() { return this.frames[this.at]; }

  answer({ do: order, ...message }) {
    const moves = { back: () => this.move(-1), forward: () => this.move(1), go: () => this.goTo(message.i), run: () => this.play(),
      pause: () => this.stop(), find: () => this.find(message.what, message.way), why: () => this.why(message) };
    if (order in moves) {
      if (!["run", "why"].includes(order)) this.stop();
      moves[order]();
    } else if (["speed", "granularity", "theme"].includes(order)) {
      this[order] = message.value;
      if (order === "granularity") this.goTo(this.frame.i);
      else this.go(this.at);
      if (order === "speed" && this.timer) this.play();
    }
  }

  /** The position of a whole iteration. */
  goTo(i) {
    const at = this.frames.findIndex(frame => frame.i === i && frame.call === null);
    if (at >= 0) this.go(at);
  }

  /** One position on: every frame by call, whole iterations otherwise. */
  next(way) {
    let at = this.at + way;
    while (this.granularity === "iteration" && this.frames[at] && this.frames[at].call !== null) at += way;
    return this.frames[at] ? at : null;
  }

  move(way) {
    const at = this.next(way);
    if (at !== null) this.go(at);
    return at !== null;
  }

  go(at) {
    this.at = at;
    const { i, call, h, says, panels, layers } = this.frame, frames = this.frames;
    const { speed, granularity, theme } = this;
    this.figure.receive({
      i, call, h, w: this.w, says, panels, layers: layers.map(([id, x, y]) => [String(id), x, y]), marks: {}, glide: !this.timer,
      state: { i, at: call === null ? "" : `call ${call}`, first: frames[0].i, last: frames.at(-1).i, speed, granularity, theme, running: !!this.timer,
        back: this.next(-1) !== null, forward: this.next(1) !== null, trouble: "", note: this.note ?? "" },
    });
  }

  play() {
    clearInterval(this.timer);
    if (this.next(1) === null) this.at = this.frames.findIndex(frame => frame.call === null);
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
