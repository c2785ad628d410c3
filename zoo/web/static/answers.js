// What an answer says: pure functions of the service's answers, nothing of the page.

export const MODALITIES = ["text", "audio", "vision"];
export const NAMES = { text: "text", audio: "voice", vision: "face" };
const SIGNS = { positive: "▲", neutral: "●", negative: "▼" };

/** The value of an answer when only some modalities are kept; null: nothing of them was observed. */
export function valueOf(answer, kept) {
  if (kept.length === MODALITIES.length) return answer.used.length ? answer.answer : null;
  return answer.what_if[kept.join("+")] ?? null;
}

/** Whether answers say what they would be without some modality. */
export const hasWhatIf = (answers) => answers.every((answer) => Object.keys(answer.what_if).length > 0);

/** Numbers of the utterances whose label differs from that of the utterance before. */
export function changes(values) {
  const labels = values.map((value) => value?.label ?? null);
  const changed = (label, before) => label !== null && before !== null && label !== before;
  return labels.flatMap((label, i) => (i && changed(label, labels[i - 1]) ? [i] : []));
}

/** Start and end of each answer, s; an answer without times spans the recording. */
export function spans(answers, duration) {
  return answers.map(({ start, end, words }) => {
    const last = words.length ? words[words.length - 1].end : 0;
    return { start: start ?? 0, end: end ?? (duration || last || 1) };
  });
}

/** Number of the utterance at a time, or of the last one before it; -1 before the first. */
export function utteranceAt(times, time) {
  let found = -1;
  times.forEach(({ start }, i) => { if (start <= time + 1e-3) found = i; });
  return found;
}

/** What is drawn of a task: names of the lines, their numbers in a value, and the axis. */
export function seriesOf(task, answers) {
  if (task.kind === "score") {
    const all = answers.flatMap((answer) => [answer.answer, ...Object.values(answer.what_if)]);
    const most = all.reduce((found, value) => Math.max(found, Math.abs(value?.score ?? 0)), 0.9);
    const limit = Math.ceil(1.12 * 2 * most) / 2; // to the next half, with room for the figures
    return { names: [task.targets[0]], read: (value) => [value.score], low: -limit, high: limit };
  }
  const names = task.kind === "classes" ? task.classes : task.targets;
  return { names, read: (value) => names.map((name) => value.probabilities[name]), low: 0, high: 1 };
}

/** The sign of a score, so that no colour is needed to tell; empty for other tasks. */
export const signOf = (value) => (value.score === null ? "" : SIGNS[value.label]);

/** The number that goes with a value: its score, or the probability of its label; empty for several labels. */
export function figure(value) {
  if (value.score !== null) return number(value.score);
  const share = value.probabilities[value.label];
  return share === undefined ? "" : percent(share);
}

/** All probabilities of a value in words; empty for a score. */
export const shares = (value) =>
  Object.entries(value.probabilities).map(([name, each]) => `${name} ${percent(each)}`).join(" · ");

/** A value in words. */
export const say = (value) =>
  value ? [signOf(value), value.label, figure(value)].filter(Boolean).join(" ") : "nothing to go by";

/** Ways of saying a label in little room, the longest first. */
export function shortened(value) {
  const [first, ...others] = value.label.split(", ");
  const several = others.length ? `${first} +${others.length}` : "";
  return [value.label, several, signOf(value) || first.slice(0, 3), first.slice(0, 1)].filter(Boolean);
}

export const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
export const percent = (share) => `${Math.round(share * 100)} %`;

/** m:ss.s, or m:ss where tenths do not matter. */
export function clockTime(seconds, digits = 1) {
  const rounded = Math.max(0, Number(seconds.toFixed(digits)));
  const minutes = Math.floor(rounded / 60);
  return `${minutes}:${(rounded - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
}

/** Names in a sentence: "text, voice and face". */
export function listed(modalities, joint = "and") {
  const names = modalities.map((name) => NAMES[name] ?? name);
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${joint} ${names[names.length - 1]}`;
}
