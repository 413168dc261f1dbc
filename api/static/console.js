// The console: which step is open, how far the project is, and what each step found.

import { all, ask, count, el, find, moment, pair, problemBox, problemOf, setLanguage, shown, t, tables } from "./core.js";
import { fillPlan, fillUnify, offerChoices, showJob, startForms } from "./forms.js";
import { showProject, startImports } from "./imports.js";
import { activeJobOf, follow, lastJobOf, startJobs } from "./jobs.js";
import { importResult, networkResult, planResult, riskResult, unifyResult } from "./results.js";

const steps = ["import", "unify", "network", "risk", "plan"];
const stepTitles = { import: "Import", unify: "Unify", network: "Street network", risk: "Risk", plan: "Patrol plan" };
const countedTables = ["cell", "community", "facility", "street", "incident", "building", "team", "unified_cell", "conflict", "network_edge", "risk_cell", "plan"];
const drawn = {};
let status = null;

/* --- words of the states --- */
function reasonWords(reason) {
  if (reason.code === "newer_import") return pair("{layer} imported since", { layer: tables[reason.layer] });
  return pair("{step} run since", { step: pair(stepTitles[reason.step]) });
}

function joined(pairs) { return [pairs.map((words) => words[0]).join("、"), pairs.map((words) => words[1]).join(", ")]; }

function stateOf(step) {
  const now = status.steps[step];
  if (activeJobOf(step)) return ["running", t("Running")];
  if (now.state === "stale") return ["stale", t("Out of date")];
  if (now.state === "done") return ["done", t("Done")];
  return now.possible ? ["open", t(step === "import" ? "Start here" : "Ready to run")] : ["closed", t("Not possible yet")];
}

function stateBox(step) {
  const now = status.steps[step];
  if (now.needs.length) {
    const names = joined(now.needs.map((table) => tables[table]));
    return el("p", { class: "note-line warn" }, t("Needed first: {names}.", { names }));
  }
  if (now.state === "stale") {
    return el("p", { class: "note-line warn" }, t("The result is out of date: {reasons}. Run the step again.", { reasons: joined(now.reasons.map(reasonWords)) }));
  }
  if (now.state !== "done") return "";
  const next = steps[steps.indexOf(step) + 1], words = step === "import" ? "Last import {time}." : "Last run {time}; up to date.";
  return el("p", { class: "note-line good" }, t(words, { time: moment(now.at) }),
    next && status.steps[next].possible && el("a", { href: `#${next}`, class: "next" }, t("Next: {step} →", { step: pair(stepTitles[next]) })));
}

/* --- drawing --- */
function drawNavigation() {
  for (const step of steps) {
    const [kind, words] = stateOf(step);
    const link = find(`[data-step="${step}"]`);
    link.dataset.state = kind;
    find(`[data-nav-state="${step}"]`).replaceChildren(words);
  }
}

function drawCounts() {
  const rows = countedTables.filter((table) => status.counts[table]);
  find("[data-counts]").replaceChildren(rows.length
    ? el("ul", { class: "counts" }, rows.map((table) => el("li", {}, el("span", {}, shown(tables[table])), el("b", {}, count(status.counts[table])))))
    : el("p", { class: "soft" }, t("Nothing yet: import the first layer.")));
}

async function resultOf(step) {
  const report = status.steps[step].report;
  if (!report) return null;
  if (step === "import") return importResult();
  if (step === "unify") return unifyResult(report, status);
  if (step === "network") return networkResult(report);
  if (step === "risk") return riskResult(report);
  return planResult();
}

async function drawResult(step) {
  const stamp = String(status.steps[step].at) + (step === "risk" ? status.steps.unify.at : "");
  if (drawn[step] === stamp) return;
  const isNews = drawn[step] !== undefined;
  drawn[step] = stamp;
  const box = find(`[data-result-of="${step}"]`);
  try {
    const made = await resultOf(step);
    box.replaceChildren(made ?? "");
    if (isNews && step !== "import") box.scrollIntoView({ block: "nearest" });
  } catch (error) {
    box.replaceChildren(problemBox(problemOf(error)));
  }
}

function drawResults() { return Promise.all(steps.map(drawResult)); }

/** Draws how far the project is; false when the server did not tell. */
async function refreshStatus() {
  try {
    status = await ask("/api/project");
  } catch (error) {
    find("[data-alert]").replaceChildren(problemBox(problemOf(error)));
    return false;
  }
  find("[data-alert]").replaceChildren();
  find("[data-project-name]").replaceChildren(status.exists ? status.project.name : t("No project yet"));
  all("[data-map-tab]").forEach((link) => {
    if (status.exists) link.removeAttribute("aria-disabled");
    else link.setAttribute("aria-disabled", "true");
  });
  for (const step of steps) {
    find(`[data-state-of="${step}"]`).replaceChildren(stateBox(step));
    const button = find(`[data-run="${step}"]`);
    if (!button) continue;
    button.dataset.impossible = status.steps[step].possible ? "" : "yes";
    button.disabled = button.dataset.impossible === "yes" || button.dataset.busy === "yes";
  }
  showProject(status);
  offerChoices(status);
  fillUnify(status.steps.unify.report);
  drawNavigation();
  drawCounts();
  return true;
}

async function refreshProject() {
  if (await refreshStatus()) await drawResults();
}

/** The form of the plan begins with what the last plan was asked for. */
async function repeatPlan() {
  if (!status.steps.plan.report) return;
  try {
    fillPlan((await ask("/api/plans"))[0].params);
  } catch (error) {
    console.info(`no plan to repeat: ${error.message}`);
  }
}

/* --- which step is open --- */
function firstStep() {
  return steps.find((step) => status?.steps[step].possible && status.steps[step].state !== "done") ?? (status?.exists ? "plan" : "import");
}

function openStep(moveFocus) {
  const asked = location.hash.slice(1), step = steps.includes(asked) ? asked : firstStep();
  for (const other of steps) {
    find(`#step-${other}`).hidden = other !== step;
    const link = find(`[data-step="${other}"]`);
    if (other === step) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }
  if (moveFocus) {
    find(`#step-${step} h1`).focus({ preventScroll: true });
    find(".work").scrollTo?.(0, 0);
    window.scrollTo(0, 0);
  }
  const current = find(`[data-step="${step}"]`), list = find(".steps ol");
  list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
}

let pending = null;
function whenFinished() {
  clearTimeout(pending);
  pending = setTimeout(refreshProject, 150); // imports end in quick succession
}

async function start() {
  all("[data-set-lang]").forEach((button) => button.addEventListener("click", () => setLanguage(button.dataset.setLang)));
  startImports(Number(document.body.dataset.maxUploadMb));
  startForms();
  setLanguage(document.documentElement.dataset.lang);
  const isRead = await refreshStatus();
  openStep(false);
  window.addEventListener("hashchange", () => openStep(true));
  await startJobs(whenFinished, () => status && drawNavigation());
  for (const step of steps) {
    const active = activeJobOf(step), last = active ?? lastJobOf(step);
    if (step !== "import" && last && (active || last.state === "failed")) follow(last, (job) => showJob(step, job));
  }
  if (isRead) {
    drawNavigation();
    await Promise.all([repeatPlan(), drawResults()]);
  }
  document.body.dataset.ready = "true";
}

start();
