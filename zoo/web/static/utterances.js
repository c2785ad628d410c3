// Utterance by utterance: the answer, what it was based on, and the same as a table.

import { MODALITIES, NAMES, clockTime, listed, percent, say, shares, valueOf } from "./answers.js";
import { colourOf } from "./curve.js";
import { byId, make } from "./elements.js";

/** List and table of answers under what is kept. */
export class Utterances {
  constructor(onSeek) {
    this.list = byId("utterances");
    this.list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) onSeek(Number(button.dataset.start));
    });
  }

  /** `shown`: as for the curve, with `kept`. */
  show(shown) {
    const weighted = shown.answers.some((answer) => answer.weights);
    byId("weights-note").textContent = weighted
      ? "Weight: how much the model leant on each, when it had everything that was observed."
      : "This model does not say how much it leans on each of text, voice and face.";
    this.list.replaceChildren(...shown.answers.map((_, i) => item(shown, i)));
    this.table(shown, weighted);
    this.mark(-1);
  }

  /** Mark the utterance that is being said. */
  mark(number) {
    if (number === this.current && number >= 0) return;
    this.list.children[this.current]?.removeAttribute("aria-current");
    this.list.children[number]?.setAttribute("aria-current", "true");
    this.current = number;
  }

  table(shown, weighted) {
    const columns = ["#", "from", "to", "words", "answer", "with everything", "used"];
    columns.push(...MODALITIES.map((name) => `${NAMES[name]} observed`));
    if (weighted) columns.push(...MODALITIES.map((name) => `${NAMES[name]} weight`));
    const head = make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name))));
    const rows = shown.answers.map((answer, i) => row(shown, answer, i, weighted));
    const caption = make("caption", {}, `Answers from ${listed(shown.kept) || "nothing"}`);
    byId("table").replaceChildren(caption, head, make("tbody", {}, ...rows));
  }
}

function row(shown, answer, i, weighted) {
  const times = shown.times[i];
  const cells = [clockTime(times.start), clockTime(times.end), quote(answer)];
  cells.push(say(shown.values[i]), say(valueOf(answer, MODALITIES)), listed(usedOf(shown, answer)));
  cells.push(...MODALITIES.map((name) => share(answer.observed[name])));
  if (weighted) cells.push(...MODALITIES.map((name) => share(answer.weights?.[name])));
  return make("tr", {}, make("th", { scope: "row" }, `${i + 1}`), ...cells.map((text) => make("td", {}, text)));
}

function item(shown, i) {
  const answer = shown.answers[i], value = shown.values[i], times = shown.times[i];
  const at = `${clockTime(times.start)} – ${clockTime(times.end)}`;
  const name = `Utterance ${i + 1}, go to ${clockTime(times.start)}`;
  const attributes = { type: "button", class: "time", "data-start": times.start, "aria-label": name };
  const time = make("button", attributes, `${i + 1} · ${at}`);
  const kind = value ? colourOf(shown.task, value, shown.names) : "nothing";
  const lines = [time, make("strong", { class: `answer ${kind}` }, value ? say(value) : absence(shown, answer))];
  if (shown.full) lines.push(make("span", { class: "soft small" }, `with everything: ${say(shown.full[i])}`));
  const used = usedOf(shown, answer);
  const notes = [used.length ? `from ${listed(used)}` : "from nothing", value && shares(value)].filter(Boolean);
  const basis = [quoted(answer), ...notes.map((text) => make("p", { class: "soft small" }, text))];
  const columns = [make("div", { class: "said-what" }, ...lines), make("div", {}, ...basis)];
  return make("li", {}, ...columns, observed(shown, answer), ...weights(answer));
}

function absence(shown, answer) {
  if (!shown.kept.length) return "everything is switched off";
  return answer.used.length ? `no ${listed(shown.kept, "or")} was observed here` : "nothing was observed here";
}

const usedOf = (shown, answer) => answer.used.filter((name) => shown.kept.includes(name));
const quote = (answer) => answer.words.map((word) => word.text).join(" ").trim();
const quoted = (answer) => make("p", { class: "quote" }, quote(answer) || "(no words known)");
const share = (value) => (value === undefined || value === null ? "–" : percent(value));

function observed(shown, answer) {
  const rows = MODALITIES.filter((name) => name in answer.observed).map((name) => {
    const off = !shown.kept.includes(name);
    const bar = make("span", { class: `meter ${name}` }, make("i"));
    bar.firstChild.style.width = `${100 * answer.observed[name]}%`;
    const text = off ? "off" : percent(answer.observed[name]);
    const value = make("span", { class: "value" }, text);
    return make("li", { class: off ? "off" : null }, make("span", {}, NAMES[name]), bar, value);
  });
  return make("div", { class: "observed" }, make("h4", {}, "Observed"), make("ul", {}, ...rows));
}

function weights(answer) {
  if (!answer.weights) return [];
  const names = MODALITIES.filter((name) => name in answer.weights);
  const parts = names.map((name) => make("i", { class: name }));
  const bar = make("div", { class: "stack", "aria-hidden": "true" }, ...parts);
  names.forEach((name, i) => { parts[i].style.flexGrow = String(answer.weights[name]); });
  const figures = names.map((name) => {
    const sample = make("i", { class: name, "aria-hidden": "true" });
    return make("li", {}, sample, `${NAMES[name]} ${percent(answer.weights[name])}`);
  });
  return [make("div", { class: "weights" }, make("h4", {}, "Weight"), bar, make("ul", {}, ...figures))];
}
