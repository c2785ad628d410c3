// The result: player, words, curve, switches and utterances, which share one time and one choice of modalities.

import {
  MODALITIES, changes, clockTime, hasWhatIf, listed, number, say, spans, utteranceAt, valueOf,
} from "./answers.js";
import { Clock } from "./clock.js";
import { Curve } from "./curve.js";
import { byId, make, tell } from "./elements.js";
import { Utterances } from "./utterances.js";
import { Words } from "./words.js";

const WHAT = { text: "the words", audio: "the sound", vision: "the picture" };
const TITLES = { classes: "Most likely class over time", binary: "Labels over time" };

/** What is shown of the answers for one clip. */
export class Result {
  constructor() {
    const seek = (time) => this.clock.seek(time);
    this.clock = new Clock(byId("player"), () => this.mark(), () => this.unplayable());
    this.curve = new Curve(seek);
    this.words = new Words(seek);
    this.utterances = new Utterances(seek);
    this.switches = MODALITIES.map((name) => byId(`keep-${name}`));
    for (const each of this.switches) each.addEventListener("change", () => this.render());
  }

  /** `said`: whether there was a transcript; without one nobody need be told that its words are not known. */
  show(clip, job, model, said) {
    this.close();
    Object.assign(this, { clip, model, answers: job.answers, length: 0 });
    byId("player-problem").hidden = true;
    this.clock.open(clip);
    this.settle();
    this.words.show(this.answers);
    byId("curve-title").textContent = TITLES[model.task.kind] ?? `${capital(model.task.targets[0])} over time`;
    this.failures(job.failures.filter(({ stage }) => said || stage !== "words"));
    this.download(job, model);
    this.render();
  }

  close() {
    this.clock.close();
    this.answers = null;
    if (this.file) URL.revokeObjectURL(this.file);
  }

  /** All switches on; those that can change nothing cannot be used, and say why. */
  settle() {
    const able = hasWhatIf(this.answers);
    for (const each of this.switches) {
      const name = each.value, taken = name in this.model.dims;
      const seen = this.answers.some((answer) => answer.used.includes(name));
      each.checked = true;
      each.disabled = !able || !taken || !seen;
      byId(`has-${name}`).textContent = !taken ? "the model does not take it" : seen ? WHAT[name] : "none was observed";
    }
  }

  /** Draw everything for what is kept now. */
  render() {
    if (!this.answers) return;
    const { task } = this.model, answers = this.answers;
    const kept = this.switches.filter((each) => each.checked).map((each) => each.value);
    const values = answers.map((answer) => valueOf(answer, kept));
    const full = kept.length === MODALITIES.length ? null : answers.map((answer) => valueOf(answer, MODALITIES));
    const duration = Math.max(this.clock.duration, ...spans(answers, this.clock.duration).map(({ end }) => end));
    const times = spans(answers, this.clock.duration), names = task.kind === "classes" ? task.classes : task.targets;
    this.shown = { task, answers, times, duration, values, full, kept, names };
    this.length = this.clock.duration;
    this.curve.show(this.shown);
    this.utterances.show(this.shown);
    this.describe();
    this.mark();
  }

  /** Move everything to the time of the player. */
  mark() {
    if (!this.answers) return;
    if (this.length !== this.clock.duration) this.render(); // the length has become known
    const time = this.clock.time, { times, values } = this.shown;
    const at = utteranceAt(times, time);
    this.curve.mark(time);
    this.words.mark(time);
    this.utterances.mark(at >= 0 && time < times[at].end ? at : -1);
    const soft = (text) => make("span", { class: "soft" }, text);
    const what = at < 0 ? [] : [make("strong", {}, say(values[at])), soft(` · utterance ${at + 1} of ${times.length}`)];
    byId("now").replaceChildren(soft(`${clockTime(time)} · `), ...what);
  }

  /** Say in a sentence what there is and what a switch did. */
  describe() {
    const { values, full, duration, answers } = this.shown;
    const found = changes(values).length, count = answers.length;
    byId("result-title").textContent = this.clip.name;
    const utterances = `${count} ${plural("utterance", count)} in ${clockTime(duration)}`;
    byId("summary").textContent = `${utterances}, ${found || "no"} ${plural("change", found || 1)} of emotion`;
    byId("effect").textContent = full ? effect(this.shown) : everything(answers);
  }

  unplayable() {
    const place = byId("player-problem"), dot = this.clip.name.lastIndexOf(".");
    const kind = dot > 0 ? `${this.clip.name.slice(dot)} files of this kind` : "this file";
    const still = "Words and curve are complete all the same; clicking them moves the mark, without a picture.";
    tell(place, `This browser cannot play ${kind}.`, still);
    this.mark();
  }

  failures(failures) {
    const lines = failures.map(({ id, stage, reason }) => make("li", {}, `${id} (${stage}): ${reason}`));
    tell(byId("failures"), failures.length ? "Not everything went well." : "", "", make("ul", {}, ...lines));
  }

  download(job, model) {
    const text = JSON.stringify({ model, answers: job.answers, failures: job.failures }, null, 1);
    this.file = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const link = byId("download");
    link.href = this.file;
    link.download = `${this.clip.name.replace(/\.[^.]*$/, "")}.answers.json`;
  }
}

function everything(answers) {
  if (!hasWhatIf(answers)) return "These answers come without what they would be if something were missing.";
  return "Switch one off to see what the model says without it.";
}

/** What taking something away did. */
function effect({ answers, values, full, kept, task }) {
  const used = kept.filter((name) => answers.some((answer) => answer.used.includes(name)));
  if (!kept.length) return "Everything is switched off: there is nothing to answer from. Switch one on.";
  const pairs = values.flatMap((value, i) => (value && full[i] ? [[value, full[i]]] : []));
  if (!pairs.length) return `No ${listed(kept, "or")} was observed: there is nothing left to answer from.`;
  const gone = values.length - pairs.length, other = pairs.filter(([a, b]) => a.label !== b.label).length;
  const have = (count) => (count === 1 ? "has" : "have");
  const some = `${other} of ${pairs.length} ${plural("answer", pairs.length)}`;
  const parts = [`From ${listed(used)} alone, ${some} ${have(other)} another label`];
  if (task.kind === "score") {
    const moved = pairs.reduce((sum, [a, b]) => sum + Math.abs(a.score - b.score), 0) / pairs.length;
    parts.push(`the score moves by ${number(moved)} on average`);
  }
  if (gone) parts.push(`${gone} ${have(gone)} nothing left to go by`);
  return `${parts.join("; ")}.`;
}

const plural = (noun, count) => (count === 1 ? noun : `${noun}s`);
const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
