// Jobs: one stream for the one that runs, a list for all, and a word to everyone who waits for one.

import { ask, bar, el, find, pair, problemBox, problemOf, shown, t } from "./core.js";

const finished = new Set(["done", "failed", "cancelled"]);
const jobs = new Map();
const listeners = new Map();
let stream = null, onFinish = () => {}, onChange = () => {};

export function isActive(job) { return !finished.has(job.state); }
export function activeJobOf(step) {
  return Array.from(jobs.values()).filter((job) => job.step === step && isActive(job)).at(-1);
}
export function lastJobOf(step) {
  return Array.from(jobs.values()).filter((job) => job.step === step).sort((a, b) => a.number - b.number).at(-1);
}

/** Calls back whenever the job changes, now included, until it is finished. */
export function follow(job, listener) {
  listeners.set(job.id, [...(listeners.get(job.id) ?? []), listener]);
  take(job);
  watch();
}

function take(job) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  (listeners.get(job.id) ?? []).forEach((listener) => listener(job));
  if (!isActive(job)) {
    listeners.delete(job.id);
    if (before && isActive(before)) onFinish(job);
  }
  if (before?.state !== job.state) onChange();
  drawList();
}

/* Browsers open six connections to a server at the most: only the job at the head has a stream. */
function watch() {
  if (stream) return;
  const active = Array.from(jobs.values()).filter(isActive).sort((a, b) => a.number - b.number);
  const head = active.find((job) => job.state === "running") ?? active[0];
  if (!head) return;
  stream = new EventSource(`/api/jobs/${head.id}/events`);
  stream.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    take(job);
    if (!isActive(job)) endStream(0);
  });
  stream.addEventListener("error", () => endStream(1500));
}

function endStream(pause) {
  stream?.close();
  stream = null;
  setTimeout(refresh, pause);
}

/** Reads the whole list: what other windows started, and what the server forgot. */
export async function refresh() {
  let listed;
  try {
    listed = await ask("/api/jobs");
  } catch {
    setTimeout(refresh, 3000);
    return;
  }
  const known = new Set(listed.map((job) => job.id));
  for (const job of Array.from(jobs.values())) {
    if (known.has(job.id)) continue;
    if (isActive(job)) {
      const [detail_zh, detail] = pair("The server was restarted and forgot this job. What it had stored is kept; run it again if need be.");
      take({ ...job, state: "failed", error: { detail, detail_zh } });
    }
    jobs.delete(job.id);
  }
  listed.reverse().forEach(take);
  drawList();
  watch();
}

export async function cancel(job) {
  try {
    take(await ask(`/api/jobs/${job.id}`, { method: "DELETE" }));
  } catch (error) {
    find("[data-alert]").replaceChildren(problemBox(problemOf(error)));
  }
}

export function startJobs(whenFinished, whenChanged) {
  onFinish = whenFinished;
  onChange = whenChanged;
  setInterval(() => { if (!stream) refresh(); }, 15000);
  return refresh();
}

/* --- drawing --- */
const stateWords = {
  queued: "Waiting", running: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled",
};

function cancelButton(job) {
  const isPlan = job.step === "plan" && job.state === "running";
  const words = job.cancel_requested ? "Stopping …" : isPlan ? "Stop and keep the best plan" : "Cancel";
  return el("button", { type: "button", class: "small", disabled: job.cancel_requested, "data-cancel": job.id, onclick: () => cancel(job) }, t(words));
}

export function progressOf(job) {
  if (job.state === "queued") {
    return el("p", { class: "soft" }, job.position ? t("Waiting; {count} jobs before it", { count: job.position }) : t("Waiting"));
  }
  const words = job.progress.message ? shown([job.progress.message_zh, job.progress.message]) : t("Starting");
  return el("div", {},
    el("div", { class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(100 * job.progress.fraction) }, bar(job.progress.fraction)),
    el("p", { class: "soft progress-words" }, words, ` · ${Math.round(100 * job.progress.fraction)} %`));
}

/** What a step shows of its own job: progress with a way to stop, or what went wrong; the result speaks for a done one. */
export function jobBox(job) {
  if (isActive(job)) return el("div", { class: "job-box" }, progressOf(job), cancelButton(job));
  if (job.state === "failed") return problemBox(job.error);
  if (job.state === "cancelled") return el("p", { class: "note-line" }, t("Cancelled; nothing was changed."));
  return "";
}

function drawList() {
  const newest = Array.from(jobs.values()).sort((a, b) => b.number - a.number);
  const rows = newest.map((job) => el("li", { class: `job ${job.state}` },
    el("div", { class: "job-line" },
      el("span", { class: "job-title" }, shown([job.title_zh, job.title]), job.subject && el("small", {}, job.subject)),
      el("span", { class: `state ${job.state}` }, t(stateWords[job.state]))),
    isActive(job) && progressOf(job),
    isActive(job) && cancelButton(job),
    job.state === "failed" && el("p", { class: "job-error" }, shown([job.error.detail_zh, job.error.detail]))));
  const active = rows.filter((row, place) => isActive(newest[place])), ended = rows.filter((row, place) => !isActive(newest[place]));
  const box = find("[data-jobs]"), isOpen = find("details", box)?.open;
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.cancel : null;
  box.replaceChildren(rows.length ? el("ul", { class: "jobs" }, active, ended.slice(0, 4)) : el("p", { class: "soft" }, t("No job yet.")),
    ended.length > 4 ? el("details", { open: isOpen }, el("summary", {}, t("{count} older jobs", { count: ended.length - 4 })), el("ul", { class: "jobs" }, ended.slice(4))) : "");
  if (focused) find(`[data-cancel="${focused}"]`, box)?.focus();
}
