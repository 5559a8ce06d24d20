// The controls of the browser: what a reader presses, types and drags becomes an order; what the state says is shown.
//
// Nothing under the pointer moves: they stand above the figure, and their rows keep their places. They know orders
// and states (labkit/figure/controls.py), and neither marks nor tapes. Text goes into the page as text, never HTML.

const SLOTS = 128; // places that the pointer can choose on the slider, so that all of them may be held

const CSS = `
.labkit { --ground: var(--jp-layout-color0, Canvas); --ink: var(--jp-ui-font-color0, CanvasText);
  --line: var(--jp-border-color0, color-mix(in srgb, CanvasText 45%, Canvas)); --button: var(--jp-layout-color1, ButtonFace);
  --focus: var(--jp-brand-color0, Highlight); --bad: light-dark(#b3261e, #ff8a80);
  font: 13px/1.35 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--ink); background: var(--ground);
  position: relative; box-sizing: border-box; width: 100%; padding: 4px; container-type: inline-size }
.labkit.large { font-size: 19.5px } .labkit:fullscreen { overflow: auto; padding: 12px }
.labkit .lk-row { display: flex; flex-wrap: wrap; gap: .3em .45em; align-items: center; min-height: 2.1em; margin: 0 0 .25em }
.labkit button, .labkit select, .labkit input { font: inherit; color: inherit; background: var(--button);
  border: 1px solid var(--line); border-radius: 3px; padding: .15em .6em; margin: 0; height: 1.9em; box-sizing: border-box }
.labkit button:hover:enabled { border-color: currentColor } .labkit button:disabled { opacity: .45 } .labkit button[aria-pressed=true] { background: var(--ink); color: var(--ground) }
.labkit ::placeholder { color: inherit; opacity: .75 } .labkit :focus-visible { outline: 2px solid var(--focus); outline-offset: 1px }
.labkit input[type=range] { flex: 1 1 10em; min-width: 8em; padding: 0; border: 0; accent-color: var(--focus); background: none }
.labkit.dark { color-scheme: dark; --focus: #64b5f6 } .labkit.light { color-scheme: light } /* a darker one has a white track */
.labkit label, .labkit .lk-together { display: inline-flex; gap: .35em; align-items: center; white-space: nowrap }
.labkit .lk-run { min-width: 5em } .labkit .lk-place { min-width: 9em; font-variant-numeric: tabular-nums }
.labkit .lk-state { height: 1.45em; margin: 0 0 .2em; font-variant-numeric: tabular-nums } .labkit .lk-state.bad { color: var(--bad); font-weight: bold }
.labkit .lk-state, .labkit .lk-name, .labkit .lk-took { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.labkit .lk-find { width: 9em } .labkit .lk-peers { max-height: 8.3em; overflow-y: auto; margin: 0 0 .3em } /* half a row says: more */
.labkit .lk-name { width: 7em } .labkit .lk-typed { width: 11em } .labkit .lk-took { flex: 1 1 8em; min-width: 0 }
.labkit .lk-sheet { position: relative; border-radius: 2px } .labkit canvas { display: block; width: 100% }
.labkit .lk-tip { position: absolute; z-index: 5; max-width: 30em; padding: .3em .6em; pointer-events: none;
  background: var(--ink); color: var(--ground); border-radius: 3px; white-space: pre-wrap; overflow-wrap: anywhere }
.labkit .lk-said { margin: .3em 0 0; min-height: 4em; white-space: pre-wrap; overflow-wrap: anywhere }
.labkit .lk-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.labkit.compact:not(.all) .lk-more, .labkit.compact:not(.all) .lk-said, .labkit:not(.compact) .lk-all { display: none }
.labkit.covered { height: 3em; overflow: hidden } .labkit.covered > :not(.lk-cover) { visibility: hidden }
.labkit .lk-cover { position: absolute; inset: 0; padding: 0 4px }
@container (max-width: 50em) { .labkit .lk-name { width: 4.5em } .labkit .lk-typed { width: 8em } }
.labkit [hidden] { display: none !important }`;

/** Set a property that differs: writing what is there already makes a page lay itself out again. */
const put = (node, name, value) => { if (node[name] !== value) node[name] = value; };

/** The rows of controls above a figure; `root` is the whole figure's element. */
class Controls {
  constructor(root, send, fullScreen) {
    Object.assign(this, { root, send, state: {} });
    this.build(fullScreen);
  }

  close() { clearInterval(this.clock); }

  build(fullScreen) {
    const button = (text, title, message, more = {}) =>
      make("button", { type: "button", title, onclick: () => this.send(message), ...more }, text);
    const choice = (name, options, act) => {
      const select = make("select", { onchange: () => act(select.value) }, ...options.map(each => new Option(each)));
      return [select, make("label", {}, name, select)];
    };
    this.back = button("◀ Back", "One position back; nothing runs", { do: "back" });
    this.forward = button("Forward ▶", "One position forward; nothing runs", { do: "forward" });
    this.over = button("Over", "The next line that is not deeper in calls", { do: "over" });
    this.own = button("To my code", "The next line of your own", { do: "to my code" });
    this.step = button("Step", "Exactly one iteration of the loop", { do: "step" });
    this.run = make("button", { type: "button", className: "lk-run", onclick: () => this.send({ do: this.state.running ? "pause" : "run" }) }, "Run");
    this.scrubber = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "iteration",
      oninput: () => this.send({ do: "go", i: this.chosen() }) });
    this.place = make("span", { className: "lk-place" });
    this.reset = button("Start again", "The lab as it began", { do: "reset" });
    let speed, granularity;
    [this.speed, speed] = choice("speed", [], value => this.send({ do: "speed", value }));
    [this.granularity, granularity] = choice("Back and Forward by", [], value => this.send({ do: "granularity", value }));
    this.found = make("datalist", { id: `lk-${Math.random().toString(36).slice(2)}` });
    this.sought = make("input", { className: "lk-find", placeholder: "error, …", "aria-label": "find",
      onkeydown: event => { if (event.key === "Enter") this.find(event.shiftKey ? -1 : 1); } });
    this.sought.setAttribute("list", this.found.id);
    const previous = make("button", { type: "button", title: "The one before", "aria-label": "find the previous", onclick: () => this.find(-1) }, "‹");
    const next = make("button", { type: "button", title: "The next one", "aria-label": "find the next", onclick: () => this.find(1) }, "›");
    this.larger = make("button", { type: "button", title: "Text and controls half as large again",
      onclick: () => this.send({ do: "theme", value: this.state.theme === "projector" ? "screen" : "projector" }) }, "Projector");
    this.full = make("button", { type: "button", title: "The whole screen; Escape leaves it", onclick: fullScreen }, "Full screen");
    this.connect = button("Connect a peer", "A new TCP client of this lab", { do: "connect" });
    this.cover = make("div", { className: "lk-cover lk-row", hidden: true }, "This figure shows what you were asked. Predict first:",
      make("button", { type: "button", onclick: () => this.question() }, "To the question"),
      button("Show me", "Without a prediction", { do: "show me" }));
    this.status = make("p", { className: "lk-state" });
    this.peers = make("div", { className: "lk-peers", role: "group", "aria-label": "peers" });
    this.alert = make("div", { className: "lk-hidden", role: "alert" });
    this.all = make("button", { type: "button", className: "lk-all", title: "All controls, and the iteration in words", ariaExpanded: "false",
      onclick: () => { this.all.ariaExpanded = String(this.root.classList.toggle("all")); } }, "More");
    this.moves = make("div", { className: "lk-row" }, this.back, this.forward, this.over, this.own, this.step, this.run, this.scrubber, this.place, this.all);
    for (const each of [this.step, this.reset, this.over, this.own, this.connect, this.peers]) each.hidden = true; // until it is known
    this.options = make("div", { className: "lk-row lk-more" }, speed, granularity,
      make("span", { className: "lk-together" }, make("label", {}, "find", this.sought), previous, next), this.found, this.reset, this.larger, this.full, this.connect);
  }

  /** Iterations from one place to the next that the pointer may choose on the slider; keys choose each. */
  get stride() { return Math.ceil((this.state.last - this.state.first + 1) / SLOTS); }

  chosen() {
    const { first, last } = this.state, { scrubber, stride } = this, value = Number(scrubber.value);
    const near = first + stride * Math.round((value - first) / stride);
    if (scrubber.matches(":active")) scrubber.value = last - value <= Math.abs(near - value) ? last : near;
    return Number(scrubber.value);
  }

  find(way) { this.send({ do: "find", what: this.sought.value || "error", way }); }

  /** To the card of the question that this figure would answer. */
  question() {
    const form = [...document.querySelectorAll("form")].find(each => each.dataset.question === this.state.asks);
    form?.scrollIntoView({ block: "center" });
    form?.querySelector("input, button")?.focus({ preventScroll: true });
  }

  /** Show what changed of the state: {first, last, i, call, calls, running, …}. */
  show(changes) {
    const state = Object.assign(this.state, changes);
    if ("speeds" in changes) this.speed.replaceChildren(...state.speeds.map(each => new Option(each)));
    if ("granularities" in changes) this.granularity.replaceChildren(...state.granularities.map(each => new Option(each)));
    if ("finds" in changes) this.found.replaceChildren(...state.finds.map(each => new Option(each)));
    if ("peers" in changes) this.showPeers(state.peers);
    this.speed.value = state.speed;
    this.granularity.value = state.granularity;
    this.root.classList.toggle("compact", !!state.compact);
    this.root.classList.toggle("covered", !!state.asks);
    this.cover.hidden = !state.asks;
    this.step.hidden = this.reset.hidden = state.replay;
    this.reset.hidden ||= !state.again;
    this.over.hidden = this.own.hidden = state.granularity !== "source line";
    this.connect.hidden = !state.connects;
    this.peers.hidden = !state.connects;
    this.back.disabled = !state.back;
    this.forward.disabled = !state.forward;
    put(this.run, "textContent", state.running ? "❚❚ Pause" : state.replay ? "▶ Play" : "▶ Run");
    this.larger.setAttribute("aria-pressed", state.theme === "projector");
    this.scrubber.min = state.first;
    this.scrubber.max = Math.max(state.first, state.last);
    if (!this.scrubber.matches(":active")) this.scrubber.value = state.i;
    this.scrubber.disabled = state.last < 0;
    const whole = (state.last ?? -1).toLocaleString("en"), at = (state.i ?? -1).toLocaleString("en");
    put(this.place, "textContent", state.last < 0 ? "" : `${at} / ${whole}${state.at ? `, ${state.at}` : ""}`);
    this.scrubber.setAttribute("aria-valuetext", `iteration ${this.place.textContent}`);
    this.since = state.asleep ? performance.now() - 1000 * state.asleep[1] : null;
    if ("trouble" in changes) this.alert.textContent = state.trouble;
    clearInterval(this.clock);
    this.clock = state.asleep ? setInterval(() => this.tick(), 100) : null;
    this.tick();
  }

  /** The line above the figure: what went wrong, or what the loop does at this moment. */
  tick() {
    const { trouble, asleep, running, note, replay } = this.state;
    const seconds = asleep ? ((performance.now() - this.since) / 1000).toFixed(1) : "";
    this.status.classList.toggle("bad", !!trouble);
    const text = trouble ? `✗ ${trouble}` : asleep ? `asleep in ${asleep[0]}, ${seconds} s`
      : note || (running ? (replay ? "playing" : "running") : "");
    put(this.status, "textContent", text);
    put(this.status, "title", text);
  }

  /** A row for each peer; a row stays where it is, and the box of them never shrinks while it is used. */
  showPeers({ rows, more }) {
    const known = new Map([...this.peers.children].map(row => [row.dataset.peer, row]));
    const wanted = rows.map(each => known.get(each.name) ?? this.peerRow(each.name));
    if (wanted.some((row, at) => this.peers.children[at] !== row) || this.peers.children.length !== wanted.length + (more ? 1 : 0)) {
      this.peers.replaceChildren(...wanted);
      if (more) this.peers.append(make("p", { className: "lk-row" }, `… and ${more.toLocaleString("en")} more peers, without a row`));
    }
    for (const [at, { open, reads, took }] of rows.entries()) {
      const row = wanted[at];
      row.querySelector(".lk-took").textContent = open ? took : took || "closed";
      row.querySelector("[aria-pressed]").setAttribute("aria-pressed", reads);
      for (const each of row.querySelectorAll("button, input")) each.disabled = !open;
    }
  }

  peerRow(peer) {
    const act = (text, what, act, more = {}) => make("button", { type: "button", title: what,
      "aria-label": `${text}: ${peer}`, onclick: () => this.send({ do: "peer", peer, act }), ...more }, text);
    const typed = make("input", { className: "lk-typed", placeholder: "bytes, Enter", "aria-label": `bytes that ${peer} sends`,
      title: String.raw`sent when you press Enter; \n, \r, \t, \\ and \x00 are understood`,
      onkeydown: event => {
        if (event.key !== "Enter" || !typed.value) return;
        this.send({ do: "peer", peer, act: "type", text: typed.value });
        typed.value = "";
      } });
    const row = make("div", { className: "lk-row", role: "group", "aria-label": peer }, make("span", { className: "lk-name", title: peer }, peer), typed,
      act("Send 1 B", "send one byte", "1 B"), act("Send 1 KB", "send 1,000 bytes", "1 KB"),
      act("Reads", "take what arrives, as long as this is pressed", "reads", { "aria-pressed": "false" }),
      act("Shut down", "say that no more will be sent", "shutdown"), act("Close", "close the connection", "close"),
      act("Reset", "reset the connection (RST)", "reset"), make("span", { className: "lk-took" }));
    row.dataset.peer = peer;
    return row;
  }
}
