// The emotion over time, drawn as SVG at the size of its place.

import { changes, clockTime, figure, number, percent, say, seriesOf, shortened, utteranceAt } from "./answers.js";
import { byId, draw, make } from "./elements.js";

const SCALE = 38, EDGE = 10, TOP = 26, RIBBON = 24, AXIS = 22, GAP = 8; // px
const NARROWEST = 16; // px of an utterance, on average; longer recordings are scrolled
const TICKS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const CHARACTER = 6.4; // px, about, of the small print

/** Curves of a recording, with a playhead. */
export class Curve {
  constructor(onSeek) {
    this.place = byId("curve");
    this.onSeek = onSeek;
    this.shown = null;
    this.time = 0;
    this.place.addEventListener("keydown", (event) => this.key(event));
    this.place.addEventListener("pointerdown", (event) => this.point(event));
    this.place.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.point(event));
    new ResizeObserver(() => this.redraw()).observe(this.place);
  }

  /** `shown`: task, answers, times (spans), duration, values under what is kept, full (under everything, or null). */
  show(shown) {
    this.shown = { ...shown, series: seriesOf(shown.task, shown.answers) };
    this.redraw();
    this.legend();
  }

  redraw() {
    const width = this.place.clientWidth;
    if (!this.shown || !width) return;
    const height = width < 520 ? 250 : 300;
    this.inner = Math.max(width - SCALE - 2 * EDGE, NARROWEST * this.shown.times.length);
    this.bottom = height - AXIS - RIBBON - GAP;
    const svg = picture("plot", this.inner + 2 * EDGE, height), scale = picture("scale", SCALE, height);
    scale.append(...this.levels());
    svg.append(hatching(), ...this.grid(), ...this.absent(), ...this.areas(), ...this.complete());
    const foot = this.bottom + GAP + RIBBON;
    this.head = draw("path", { class: "playhead", d: `M0 ${TOP - 8}V${foot}M-5 ${TOP - 14}h10l-5 7z` });
    svg.append(...this.lines("line", this.shown.values), ...this.ribbon(), ...this.marks(), this.head);
    svg.append(...this.figures(), ...this.hits());
    this.place.dataset.kind = this.shown.task.kind;
    this.place.replaceChildren(scale, svg);
    this.mark(this.time);
  }

  /** Move the playhead. */
  mark(time) {
    this.time = time;
    if (!this.shown || !this.head) return;
    const x = this.x(Math.min(time, this.shown.duration));
    this.head.setAttribute("transform", `translate(${x} 0)`);
    this.reveal(x);
    const { times, values, duration } = this.shown;
    const at = utteranceAt(times, time);
    this.place.setAttribute("aria-valuemax", duration.toFixed(1));
    this.place.setAttribute("aria-valuenow", Math.min(time, duration).toFixed(1));
    const where = at < 0 ? "before the first utterance" : `utterance ${at + 1} of ${times.length}, ${say(values[at])}`;
    this.place.setAttribute("aria-valuetext", `${clockTime(time)}, ${where}`);
  }

  /** Scroll so far that a place is seen. */
  reveal(x) {
    const { scrollLeft, clientWidth } = this.place, room = clientWidth - SCALE;
    if (x < scrollLeft || x > scrollLeft + room) this.place.scrollLeft = x - room / 4;
  }

  x(time) { return EDGE + (time / this.shown.duration) * this.inner; }

  y(share) {
    const { low, high } = this.shown.series;
    return TOP + ((high - share) / (high - low)) * (this.bottom - TOP);
  }

  timeAt(clientX) {
    const share = (clientX - this.place.lastChild.getBoundingClientRect().left - EDGE) / this.inner;
    return Math.min(1, Math.max(0, share)) * this.shown.duration;
  }

  point(event) {
    if (event.buttons === 1 && this.shown && event.target.closest(".plot")) this.onSeek(this.timeAt(event.clientX));
  }

  get ticks() {
    const { low, high } = this.shown.series;
    return low < 0 ? [low, 0, high] : [0, 0.5, 1];
  }

  levels() {
    const written = this.shown.series.low < 0 ? (level) => number(level, 1) : percent;
    return this.ticks.map((level) => print(SCALE, this.y(level) + 4, "end", written(level)));
  }

  grid() {
    const end = EDGE + this.inner, zero = this.shown.task.kind === "score" ? 0 : null;
    const drawn = this.ticks.map((level) => {
      return draw("path", { class: level === zero ? "zero" : "grid", d: `M${EDGE} ${this.y(level)}H${end}` });
    });
    const step = TICKS.find((each) => (each / this.shown.duration) * this.inner >= 58) ?? TICKS[TICKS.length - 1];
    for (let time = 0; time <= this.shown.duration; time += step) {
      const anchor = this.x(time) > end - 16 ? "end" : time ? "middle" : "start";
      const y = this.bottom + GAP + RIBBON + 16;
      drawn.push(print(this.x(time), y, anchor, clockTime(time, step < 1 ? 1 : 0)));
    }
    return drawn;
  }

  absent() {
    return this.each((value, x, width) =>
      value ? [] : [draw("rect", { class: "nothing", x, y: TOP, width, height: this.bottom - TOP })],
    );
  }

  areas() {
    if (this.shown.task.kind !== "score") return [];
    const zero = this.y(0);
    return this.each((value, x, width) => {
      if (!value) return [];
      const y = this.y(value.score), box = { x, width, y: Math.min(y, zero), height: Math.abs(y - zero) };
      const kinds = value.score < 0 ? ["below", "below hatched"] : ["above"];
      return kinds.map((kind) => draw("rect", { class: `area ${kind}`, ...box }));
    });
  }

  complete() {
    return this.shown.full ? this.lines("complete", this.shown.full) : [];
  }

  lines(kind, values) {
    const { series, times } = this.shown;
    return series.names.flatMap((name, line) => {
      let steps = "", links = "", before = null;
      values.forEach((value, i) => {
        const y = value && this.y(series.read(value)[line]).toFixed(1);
        const [start, end] = [times[i].start, times[i].end].map((time) => this.x(time).toFixed(1));
        if (value) steps += `M${start} ${y}H${end}`;
        if (value && before) links += `M${before}L${start} ${y}`;
        before = value && `${end} ${y}`;
      });
      const own = `c${line % 8}`;
      return [
        draw("path", { class: `link ${kind} ${own}`, d: links }),
        draw("path", { class: `steps ${kind} ${own}`, d: steps, "data-series": name }),
      ];
    });
  }

  figures() {
    if (this.shown.task.kind !== "score") return [];
    return this.each((value, x, width) => {
      if (!value || width < 34) return [];
      const y = this.y(value.score) + (value.score < 0 ? 15 : -7);
      return [draw("text", { class: "figure", x: x + width / 2, y, "text-anchor": "middle" }, figure(value))];
    });
  }

  ribbon() {
    const y = this.bottom + GAP, { names } = this.shown.series;
    return this.each((value, x, width) => {
      const kind = value ? colourOf(this.shown.task, value, names) : "nothing";
      const box = draw("rect", { class: `tag ${kind}`, x, y, width, height: RIBBON - 4, rx: 3 });
      const label = fitting(value ? shortened(value) : ["nothing", "–"], width);
      return [box, draw("text", { class: "tag-text", x: x + width / 2, y: y + 14, "text-anchor": "middle" }, label)];
    });
  }

  marks() {
    const { values, times } = this.shown;
    return changes(values).flatMap((i) => {
      const x = this.x(times[i].start);
      return [
        draw("path", { class: "change", d: `M${x} ${TOP}V${this.bottom + GAP}` }),
        draw("path", { class: "diamond", d: `M${x} ${TOP - 9}l5 5l-5 5l-5 -5z` }),
      ];
    });
  }

  hits() {
    const { times } = this.shown, height = this.bottom - TOP + GAP + RIBBON;
    return this.each((value, x, width, i) => {
      const title = `${clockTime(times[i].start)} to ${clockTime(times[i].end)}: ${say(value)}`;
      return [draw("rect", { class: "hit", x, y: TOP, width, height }, draw("title", {}, title))];
    });
  }

  /** What `make` gives for each utterance: its value, left edge and width in px, its number. */
  each(make) {
    return this.shown.values.flatMap((value, i) => {
      const { start, end } = this.shown.times[i];
      return make(value, this.x(start), Math.max(1, this.x(end) - this.x(start)), i);
    });
  }

  legend() {
    const { task, series, full } = this.shown;
    const several = task.kind === "score" ? [] : series.names.map((name, line) => key(`line c${line % 8}`, name));
    const complete = full ? [key("complete c0", several.length ? "thin: with everything" : "with everything")] : [];
    byId("legend").replaceChildren(...several, ...complete);
  }

  key(event) {
    if (!this.shown) return;
    const starts = this.shown.times.map(({ start }) => start);
    const to = {
      ArrowRight: starts.find((start) => start > this.time + 0.01),
      ArrowLeft: starts.filter((start) => start < this.time - 0.01).pop(),
      Home: 0,
      End: starts[starts.length - 1],
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.onSeek(to);
  }
}

/** The class of the colour that stands for a value. */
export function colourOf(task, value, names) {
  if (task.kind === "score") return { positive: "above", negative: "below" }[value.label] ?? "level";
  const line = names.indexOf(value.label);
  return line < 0 ? "level" : `c${line % 8}`;
}

const fitting = (labels, width) => labels.find((label) => label.length * CHARACTER < width - 4) ?? "";

const print = (x, y, anchor, text) => draw("text", { class: "small-print", x, y, "text-anchor": anchor }, text);

function key(kind, name) {
  const line = draw("path", { class: `steps ${kind}`, d: "M1 5H29" });
  return make("li", {}, draw("svg", { width: 30, height: 10, "aria-hidden": "true" }, line), ` ${name}`);
}

const picture = (kind, width, height) =>
  draw("svg", { class: kind, width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });

function hatching() {
  const lines = draw("path", { class: "hatch", d: "M-1 1l2 -2M0 6l6 -6M5 7l2 -2" });
  return draw("defs", {}, draw("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" }, lines));
}
