// Steps 2 to 5: forms that become the parameters of a service.

import { all, clock, count, el, find, label, labels, localise, option, pair, post, problemBox, problemOf, shown, t, windowText } from "./core.js";
import { activeJobOf, follow, isActive, jobBox } from "./jobs.js";

class FieldError extends Error {
  constructor(words, control) {
    super(words[1]);
    this.words = words;
    this.control = control;
  }
}

function put(target, path, value) {
  const names = path.split("."), last = names.pop();
  names.forEach((name) => { target = target[name] ??= {}; });
  target[last] = value;
}

function readForm(form) {
  const params = {};
  for (const control of all("[data-path]", form)) {
    const isNumber = control.type === "number";
    if (control.matches(":disabled") || (control.type === "radio" && !control.checked)) continue;
    if ("optional" in control.dataset && control.value === "") continue;
    if (control.type === "checkbox") put(params, control.dataset.path, control.checked);
    else put(params, control.dataset.path, isNumber ? Number((Number(control.value) * Number(control.dataset.scale)).toPrecision(12)) : control.value);
  }
  for (const group of all("[data-list]", form)) {
    const ticked = all("input:checked", group).map((box) => box.value);
    if (ticked.length) put(params, group.dataset.list, ticked);
  }
  return params;
}

/* --- visits --- */
function seconds(text) {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(text.trim());
  return match ? Number(match[1]) * 3600 + Number(match[2]) * 60 : NaN;
}

/** "07:30-09:00, 22:00-02:00" as seconds; an end before its start is on the next day. */
export function readWindows(text, control) {
  return text.split(/[,，;；]/).map((part) => part.trim()).filter(Boolean).map((part) => {
    const [start, end] = part.split(/[-–—~～至]/).map(seconds);
    if (!Number.isFinite(start) || !Number.isFinite(end)) {
      throw new FieldError(pair("'{text}' is not a time window. Write 07:30-09:00.", { text: part }), control);
    }
    return [start, end < start ? end + 86400 : end];
  });
}

function readVisits(form) {
  return all("[data-visit]", form).filter((row) => find("[type=checkbox]", row).checked).map((row) => ({
    kind: row.dataset.visit,
    service_duration_s: Number(find("[data-minutes]", row).value) * 60,
    windows: readWindows(find("[data-windows]", row).value, find("[data-windows]", row)),
  }));
}

function visitRow(kind, number) {
  const name = label("facility", kind);
  const minutes = localise(el("input", { type: "number", min: 0, max: 480, step: "any", value: 12, "data-minutes": true }), pair("Minutes at each: {kind}", { kind: name }), "aria-label");
  const windows = el("input", { type: "text", maxlength: 120, placeholder: "07:30-09:00, 16:00-18:00", "data-windows": true });
  localise(windows, pair("Times at which the visit may start: {kind}", { kind: name }), "aria-label");
  const tick = el("input", { type: "checkbox", onchange: () => row.classList.toggle("on", tick.checked) });
  const row = el("div", { class: "visit", "data-visit": kind },
    el("label", { class: "tick" }, tick, shown(name), el("small", {}, t("{count} places", { count: count(number) }))),
    el("span", { class: "visit-options" }, el("span", { class: "field-input" }, minutes, el("span", { class: "unit" }, t("min"))),
      el("span", { class: "field-input windows" }, windows)));
  return row;
}

/* --- the policy of unifying --- */
function unifyForm() { return find("[data-form=unify]"); }

/** Shows what belongs to the chosen policy, and only that is sent. */
function showPolicy() {
  const form = unifyForm(), policy = find("[data-path=policy]:checked", form).value;
  for (const group of all("[data-for-policy]", form)) {
    group.hidden = group.disabled = group.dataset.forPolicy !== policy;
  }
  find("[data-leading]", form).required = policy === "reference";
}

function showMeasure(fillsBounds) {
  const form = unifyForm(), chosen = find("[data-measure]", form).selectedOptions[0];
  for (const bound of ["lower", "upper"]) {
    const control = find(`[data-path="optimise.${bound}"]`, form);
    find(".unit", control.parentNode).replaceChildren(shown([chosen.dataset.unitZh, chosen.dataset.unitEn]));
    if (fillsBounds) control.value = chosen.dataset[bound];
  }
}

/** Puts the parameters of the last unifying into the form, unless somebody has begun to fill it. */
export function fillUnify(report) {
  const form = unifyForm();
  if (!report?.params) return;
  const words = report.is_tolerance_proposed ? "Last time: {metres} m, proposed." : "Last time: {metres} m, given.";
  find("[data-last-tolerance]", form).replaceChildren(t(words, { metres: Number(report.tolerance_m.toPrecision(3)) }));
  if (form.dataset.touched) return;
  for (const control of all("[data-path]", form)) {
    const value = taken(report.params, control.dataset.path);
    if (value === undefined) continue;
    if (control.type === "radio") control.checked = control.value === value;
    else if (Number.isFinite(value)) control.value = Number((value / Number(control.dataset.scale)).toPrecision(6));
    else control.value = value ?? "";
  }
  showPolicy();
  showMeasure(false);
}

function startUnify() {
  const form = unifyForm();
  all("[data-path=policy]", form).forEach((radio) => radio.addEventListener("change", showPolicy));
  find("[data-measure]", form).addEventListener("change", () => showMeasure(true));
  form.addEventListener("reset", () => setTimeout(() => { showPolicy(); showMeasure(false); }));
  showPolicy();
  showMeasure(false);
}

let shownKinds = "", shownTeams = "", shownZonings = "";

/** Offers what the project holds: kinds of facilities, teams, zonings. Drawn anew only when that has changed. */
export function offerChoices(status) {
  const kinds = Object.entries(status.facility_kinds).sort((a, b) => a[1] - b[1]);
  if (JSON.stringify(kinds) !== shownKinds) {
    shownKinds = JSON.stringify(kinds);
    find("[data-visits]").replaceChildren(...(kinds.length
      ? [el("p", { class: "soft visit-legend" }, t("Tick the kinds; minutes at each place; times at which the visit may start (empty: any time)")), ...kinds.map(([kind, number]) => visitRow(kind, number))]
      : [el("p", { class: "soft" }, t("No facilities imported."))]));
  }
  if (JSON.stringify(status.teams) !== shownTeams) {
    shownTeams = JSON.stringify(status.teams);
    find("[data-teams]").replaceChildren(...(status.teams.length
      ? status.teams.map((team) => el("label", { class: "tick" }, el("input", { type: "checkbox", value: team.name }), team.name,
        el("small", {}, shown(label("mode", team.mode)), ` ${clock(team.shift_start_s)}–${clock(team.shift_end_s)}`)))
      : [el("p", { class: "soft" }, t("No teams imported."))]));
  }
  if (JSON.stringify(status.zonings) !== shownZonings) {
    shownZonings = JSON.stringify(status.zonings);
    find("[data-area-zoning]").replaceChildren(option("", pair("everywhere")),
      ...status.zonings.map((row) => option(row.zoning_id, [row.name, row.name])));
    const leading = find("[data-leading]"), before = leading.value;
    leading.replaceChildren(option("", pair("none")), ...status.zonings.map((row) => option(row.zoning_id, [row.name, row.name])));
    leading.value = status.zonings.some((row) => row.zoning_id === before) ? before : "";
  }
}

function taken(params, path) { return path.split(".").reduce((part, name) => part?.[name], params); }

function fillVisits(form, rules) {
  for (const rule of rules) {
    const row = find(`[data-visit="${CSS.escape(rule.kind)}"]`, form);
    if (!row) continue;
    find("[type=checkbox]", row).checked = true;
    row.classList.add("on");
    find("[data-minutes]", row).value = rule.service_duration_s / 60;
    find("[data-windows]", row).value = windowText(rule.windows);
  }
}

/** Puts the parameters of a plan into its form, unless somebody has begun to fill it. */
export function fillPlan(params) {
  const form = find("[data-form=plan]");
  if (form.dataset.touched) return;
  for (const control of all("[data-path]", form)) {
    const value = taken(params, control.dataset.path);
    if (Number.isFinite(value)) control.value = Number((value / Number(control.dataset.scale)).toPrecision(6));
  }
  for (const group of all("[data-list]", form)) {
    const values = taken(params, group.dataset.list) ?? [];
    all("input", group).forEach((box) => { box.checked = values.includes(box.value); });
  }
  fillVisits(form, params.visit_rules ?? []);
  [find("[data-area-zoning]", form).value, find("[data-area-code]", form).value] = params.area ?? ["", ""];
}

function planParams(form, params) {
  params.visit_rules = readVisits(form);
  const zoning = find("[data-area-zoning]", form).value, code = find("[data-area-code]", form).value.trim();
  if (zoning && !code) throw new FieldError(pair("Give the code of the beat, or choose everywhere."), find("[data-area-code]", form));
  if (zoning) params.area = [zoning, code];
  return params;
}

/* --- running --- */
export function showJob(step, job) {
  const box = find(`[data-job-of="${step}"]`), isNew = !box.hasChildNodes();
  box.replaceChildren(jobBox(job));
  if (isNew && box.hasChildNodes()) box.scrollIntoView({ block: "nearest" });
  const button = find(`[data-run="${step}"]`);
  button.dataset.busy = isActive(job) ? "yes" : "";
  button.disabled = isActive(job) || button.dataset.impossible === "yes";
}

async function run(step, form) {
  const box = find(`[data-job-of="${step}"]`);
  if (activeJobOf(step)) return;
  let params;
  try {
    params = readForm(form);
    if (step === "plan") params = planParams(form, params);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    box.replaceChildren(problemBox({ detail_zh: error.words[0], detail: error.words[1] }));
    error.control.focus();
    return;
  }
  find(`[data-run="${step}"]`).disabled = true;
  try {
    follow(await post(`/api/jobs/${step}`, params), (job) => showJob(step, job));
  } catch (error) {
    box.replaceChildren(problemBox(problemOf(error)));
    find(`[data-run="${step}"]`).disabled = false;
  }
}

export function startForms() {
  const classes = find("[data-choices=road_class]");
  classes.replaceChildren(...Object.entries(labels.road_class).map(([value, words]) =>
    el("label", { class: "tick" }, el("input", { type: "checkbox", value }), shown(words))));
  startUnify();
  for (const form of all("[data-form]")) {
    form.addEventListener("reset", () => all(".visit.on", form).forEach((row) => row.classList.remove("on")));
    form.addEventListener("input", () => { form.dataset.touched = "yes"; });
    form.addEventListener("submit", (event) => { event.preventDefault(); run(form.dataset.form, form); });
  }
}
