// The service's endpoints. Every failure becomes a Problem with a title and a sentence.

const TITLES = {
  0: "The service does not answer.",
  401: "The service asks for an access token.",
  404: "The service does not know this clip any more.",
  413: "The clip is too large.",
  415: "This is not a clip that the service can read.",
  422: "The clip could not be used.",
  429: "The queue is full.",
  503: "The service is not ready.",
};
const PASSING = [0, 429, 503];
let token = "";

/** What went wrong, in words. */
export class Problem extends Error {
  constructor(status, message, wait = 0) {
    super(message);
    this.status = status;
    this.title = TITLES[status] ?? "That did not work.";
    this.passing = PASSING.includes(status); // the same may work later
    this.wait = wait; // s until then, where the service says so
  }
}

/** Use a token from now on; it is kept in memory only. */
export const useToken = (value) => { token = value; };

/** Whether there is one, right or wrong. */
export const hasToken = () => token !== "";

/** Ask for JSON. */
export async function ask(path, method = "GET") {
  const response = await reach(path, method);
  return response.status === 204 ? null : response.json();
}

/** Ask for a file; its path counts from where the page is. */
export async function fetchFile({ path, name }) {
  const blob = await (await reach(path.replace(/^\//, ""), "GET")).blob();
  return new File([blob], name, { type: blob.type });
}

/** Send a clip; resolves to the job. `stop` is an AbortSignal, `onSent` is told the share that has been sent. */
export function send(clip, transcript, cut, stop, onSent) {
  const form = new FormData();
  form.append("clip", clip);
  if (transcript) form.append("transcript", transcript);
  form.append("cut", String(cut));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot tell how much has been sent
    request.open("POST", "predict/media");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
      if (lengthComputable) onSent(loaded / total);
    });
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    request.addEventListener("error", () => cutOff().then(reject));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    stop.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** A message of the service as a sentence. */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

async function reach(path, method) {
  let response;
  try {
    response = await fetch(path, { method, headers: headers(), cache: "no-store" });
  } catch {
    throw new Problem(0, "It may have been stopped.");
  }
  if (!response.ok) throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

/** A connection that broke while sending: a service that is alive hung up on purpose. */
async function cutOff() {
  try {
    await fetch("health", { cache: "no-store" });
  } catch {
    return new Problem(0, "It may have been stopped.");
  }
  return new Problem(413, "The service closed the connection while it was being sent; give a shorter or smaller clip.");
}

function problemOf(status, body, retryAfter) {
  let message = "";
  try {
    message = JSON.parse(body).error.message;
  } catch {
    message = `The service answered with status ${status}.`; // something between the page and the service
  }
  return new Problem(status, sentence(message), Number(retryAfter) || 0);
}
