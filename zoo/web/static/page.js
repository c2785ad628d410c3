// The page: give a clip, wait, look at the result. One of the three is shown at a time.

import { NAMES } from "./answers.js";
import { byId, make, tell } from "./elements.js";
import { Result } from "./result.js";
import { Problem, ask, fetchFile, hasToken, send, sentence, useToken } from "./service.js";

const EVERY = 400, SLOWEST = 2000; // ms between two looks at a job
const ATTEMPTS = 5; // looks at a service that does not answer, before the user is asked
const DOING = {
  words: "placing the words in time",
  text: "reading the words",
  audio: "listening to the voice",
  vision: "looking at the face",
  align: "joining everything word by word",
};

const result = new Result();
let dropped = null, models = [], job = null, again = null;

/** Show one of ask, wait and result. */
function showOnly(name, focused) {
  for (const each of ["ask", "wait", "result"]) byId(each).hidden = each !== name;
  byId(focused)?.focus();
}

const chosen = () => dropped ?? byId("clip").files[0] ?? null;

function showChosen() {
  const clip = chosen();
  byId("chosen").textContent = clip ? `${clip.name}, ${size(clip.size)}` : "";
  tell(byId("clip-problem"));
  tell(byId("ask-problem"));
}

const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function submit(event) {
  event.preventDefault();
  const clip = chosen();
  if (!clip) {
    tell(byId("clip-problem"), "No clip yet.", "Choose one, or drop one here.");
    byId("clip").focus();
  } else if (!clip.size) tell(byId("clip-problem"), "This file is empty.", "Choose another.");
  else await analyse(clip, byId("transcript").value.trim() || byId("transcript-file").files[0]);
}

async function trySample() {
  again = trySample;
  try {
    const sample = await ask("sample");
    const files = [sample.clip, sample.transcript].map((file) => file && fetchFile(file));
    const [clip, transcript] = await Promise.all(files);
    await analyse(clip, transcript);
  } catch (problem) { back(problem); }
}

/** Send a clip and wait for its answers. */
async function analyse(clip, transcript) {
  again = () => analyse(clip, transcript);
  const mine = (job = { stop: new AbortController(), id: null });
  tell(byId("ask-problem"));
  tell(byId("wait-problem"));
  step("Sending the clip");
  byId("wait-title").textContent = `Working on ${clip.name}`;
  showOnly("wait", "wait-title");
  try {
    if (!models.length) await loaded();
    const onSent = (share) => step("Sending the clip", share);
    const sent = await send(clip, transcript, byId("cut").checked, mine.stop.signal, onSent);
    mine.id = sent.id;
    const done = await finished(mine);
    if (done) finish(clip, done, Boolean(transcript));
  } catch (problem) {
    if (mine === job && problem.name !== "AbortError") back(problem);
  }
}

/** Look at a job until it is done; null if it was cancelled. */
async function finished(mine) {
  let silent = 0;
  for (let pause = EVERY; mine === job; pause = Math.min(SLOWEST, pause * 1.15)) {
    try {
      const now = await ask(`predict/media/${encodeURIComponent(mine.id)}`);
      if (silent) tell(byId("wait-problem"));
      silent = 0;
      if (now.status === "failed") throw new Problem(422, sentence(now.error.message));
      if (now.status === "done") return mine === job ? now : null;
      progress(now);
    } catch (problem) {
      if (!problem.passing) throw problem;
      if (mine === job) await patience(problem, ++silent);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return null;
}

/** Say that the service is silent; after some attempts wait for the user. */
async function patience(problem, silent) {
  const place = byId("wait-problem");
  if (silent < ATTEMPTS) return tell(place, problem.title, `Trying again (${silent} of ${ATTEMPTS - 1}) …`);
  const button = make("button", { type: "button" }, "Try again");
  tell(place, problem.title, `${problem.message} `, button);
  return new Promise((resolve) => button.addEventListener("click", resolve));
}

function progress({ status, position, stage, done, total }) {
  if (status === "queued") return step(position ? `Queued; ${position} before this one` : "Queued; next in line");
  const modality = Object.keys(models[0].features).find((name) => models[0].features[name].split(" ")[0] === stage);
  const doing = DOING[modality ?? stage] ?? stage ?? "starting";
  const count = total > 1 ? ` (${done} of ${total})` : "";
  return step(`${doing.charAt(0).toUpperCase()}${doing.slice(1)}${count}`, total > 1 ? done / total : null);
}

/** Say what is being done; share: how much of it, null where that is not known. */
function step(text, share = null) {
  const stage = byId("stage"), bar = byId("bar");
  if (stage.textContent !== text) stage.textContent = text;
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

function finish(clip, done, said) {
  forget();
  if (!done.answers.length) return back(new Problem(422, sentence(done.failures[0]?.reason ?? "it has no utterance")));
  showOnly("result", null);
  result.show(clip, done, models[0], said);
  return byId("result-title").focus();
}

/** Back to the form, with what went wrong. */
function back(problem) {
  forget();
  if (!(problem instanceof Problem)) throw problem;
  showOnly("ask", null);
  if (problem.status === 401) return wantToken();
  const about = [413, 415, 422].includes(problem.status) ? "clip-problem" : "ask-problem";
  const retry = make("button", { type: "button" }, "Try again");
  retry.addEventListener("click", () => again());
  const wait = problem.wait ? ` It may work in ${problem.wait} s.` : "";
  tell(byId(about), problem.title, `${problem.message}${wait} `, ...(problem.passing ? [retry] : []));
  return (problem.passing ? retry : byId("clip")).focus();
}

/** Give up a job, and have the service forget it. */
function forget() {
  const old = job;
  job = null;
  old?.stop.abort();
  if (old?.id) ask(`predict/media/${encodeURIComponent(old.id)}`, "DELETE").catch(() => {}); // it goes by itself later
}

function wantToken() {
  byId("token-problem").textContent = hasToken() ? "The service does not take that token." : "";
  byId("token-form").hidden = false;
  byId("token").focus();
}

/** What the service serves, and the sample; without them there is nothing to ask. */
async function start() {
  again = start;
  try {
    await loaded();
    byId("sample").hidden = !(await ask("sample").then(() => true, () => false));
    tell(byId("ask-problem"));
  } catch (problem) { back(problem); }
}

/** Wait until the service has loaded its model. */
async function loaded() {
  for (let left = ATTEMPTS * 4; ; left -= 1) {
    try {
      return await loadModels();
    } catch (problem) {
      if (problem.status !== 503 || !left) throw problem;
      tell(byId("ask-problem"), "The model is being loaded.", "This page goes on by itself.");
      await new Promise((resolve) => setTimeout(resolve, 1000 * (problem.wait || 1)));
    }
  }
}

async function loadModels() {
  ({ models } = await ask("models"));
  byId("models").replaceChildren(...models.map(facts));
 }

function facts(model) {
  const { kind, targets, classes } = model.task;
  const rows = {
    Model: `${model.name}: ${model.model}, stage ${model.stage}`,
    "Trained on": model.dataset,
    Answers: {
      score: `a score of ${targets[0]}`,
      classes: `one of ${classes.join(", ")}`,
      binary: `yes or no for ${targets.join(", ")}`,
    }[kind],
    Takes: Object.entries(model.features).map(([name, made]) => `${NAMES[name] ?? name} from ${made}`).join("; "),
    Licence: model.licence || "none is given",
    Weights: `SHA-256 ${model.weights_sha256.slice(0, 12)}…, code ${model.code_version}`,
  };
  const parts = Object.entries(rows).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
  return make("dl", {}, ...parts);
}

byId("form").addEventListener("submit", submit);
byId("sample").addEventListener("click", trySample);
byId("clip").addEventListener("change", () => { dropped = null; showChosen(); });
byId("cancel").addEventListener("click", () => { forget(); showOnly("ask", "clip"); });
byId("again").addEventListener("click", () => { result.close(); showOnly("ask", "clip"); });
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(byId("token").value);
  byId("token").value = "";
  byId("token-form").hidden = true;
  again();
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  byId("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    dropped = event.dataTransfer.files[0];
    showChosen();
  });
}
start();
