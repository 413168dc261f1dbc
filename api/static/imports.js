// Step 1: files dropped together become layers, each with its kind and options, each imported as a job of its own.

import { all, columns, el, find, kinds, labels, layerSuffixes, localise, option, pair, partSuffixes, problemBox, problemOf, shown, t, tables, upload } from "./core.js";
import { follow, jobBox } from "./jobs.js";
import { findingCount, importDetails } from "./results.js";

const kindHints = [
  [/社区|村界|communit/i, "community"], [/网格|警格|grid|beat|precinct|zoning/i, "zoning"],
  [/设施|监控|消防|公共服务|摄像|部件|facilit|camera|hydrant|school/i, "facility"], [/道路|街路|路网|street|road/i, "street"],
  [/事件|警情|案件|投诉|incident|crime|event/i, "incident"], [/队伍|巡防|team/i, "team"], [/楼|建筑|房屋|building/i, "building"],
];
const zoningHints = [
  [/党建/, "party", "党建"], [/综治|全科|综合/, "governance", "综治"], [/城管|单元|万米/, "urban", "城管"], [/警务|警格|公安/, "police", "警务"],
  [/消防/, "fire", "消防"], [/应急/, "emergency", "应急"], [/环保|环境/, "environment", "环境"], [/民政/, "civil", "民政"],
];
const needed = [".dbf", ".shx", ".prj"], LEFT_OPEN = "\u2205";
let layers = [], status = null, limitMb = 0, number = 0;

function split(name) {
  const at = name.toLowerCase().endsWith(".fields.json") ? name.length - ".fields.json".length : name.lastIndexOf(".");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at).toLowerCase()];
}

function hinted(hints, name) { return hints.find(([pattern]) => pattern.test(name)); }

function newLayer(file) {
  const [stem, suffix] = split(file.name), zoning = hinted(zoningHints, stem);
  const kind = hinted(kindHints, stem)?.[1] ?? "";
  return {
    id: ++number, stem, suffix, main: file, parts: [], kind, job: null, problem: null, sent: null,
    zoning: { id: zoning?.[1] ?? (kind === "zoning" ? `zoning_${number}` : ""), name: stem, domain: zoning?.[2] ?? "" },
  };
}

/** Groups files by their name: a shapefile is several. */
function addFiles(files) {
  const unknown = [], loose = [];
  for (const file of files) {
    const [, suffix] = split(file.name);
    if (layerSuffixes.includes(suffix)) {
      layers = layers.filter((layer) => layer.job || layer.main.name !== file.name);
      layers.push(newLayer(file));
    } else if (partSuffixes.includes(suffix)) loose.push(file);
    else unknown.push(file.name);
  }
  const orphans = [];
  for (const file of loose) {
    const [stem, suffix] = split(file.name);
    const owner = layers.find((layer) => !layer.job && layer.suffix === ".shp" && layer.stem.toLowerCase() === stem.toLowerCase());
    if (!owner) orphans.push(file.name);
    else owner.parts = [...owner.parts.filter((part) => split(part.name)[1] !== suffix), file];
  }
  const order = [...kinds.filter((kind) => kind === "community"), ...kinds.filter((kind) => kind !== "community"), ""];
  layers.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.id - b.id);
  const words = [];
  if (orphans.length) words.push(t("Without their .shp, left out: {names}. Choose all files of the shapefile together.", { names: orphans.slice(0, 6).join(", ") }));
  if (unknown.length) words.push(t("Not a layer, left out: {names}", { names: unknown.slice(0, 6).join(", ") + (unknown.length > 6 ? " …" : "") }));
  draw(words);
}

function sizeOf(layer) { return [layer.main, ...layer.parts].reduce((sum, file) => sum + file.size, 0); }

function sizeText(bytes) { return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`; }

/* --- one layer --- */
function input(layer, name, words, attributes = {}) {
  return el("label", { class: "field" }, el("span", { class: "field-title" }, t(words)),
    el("span", { class: "field-input" }, el("input", { type: "text", "data-of": name, maxlength: 120, ...attributes })));
}

function zoningFields(layer) {
  const field = (name, words, attributes) => {
    const made = input(layer, `zoning_${name}`, words, { value: layer.zoning[name], ...attributes });
    find("input", made).addEventListener("input", (event) => { layer.zoning[name] = event.target.value.trim(); });
    return made;
  };
  return el("div", { class: "fields" },
    field("name", "Name shown"), field("domain", "Department"),
    field("id", "Key (a–z, 0–9)", { pattern: "[a-z][a-z0-9_\\-]{0,39}", required: true, spellcheck: "false" }));
}

/** The choice of a column of the file: as found, another one with a value of it, or none. */
function columnChoice(name, found) {
  const chosen = found.chosen[name] ?? "";
  const others = found.columns.filter((column) => !column.is_personal).map((column) => {
    const words = column.samples.length ? `${column.name} (${column.samples[0]})` : column.name;
    return option(column.name, [words, words]);
  });
  return el("select", { "data-column": name }, option("", chosen ? [`${chosen}`, `${chosen}`] : pair("not found")), others, chosen && option(LEFT_OPEN, pair("leave empty")));
}

function columnFields(layer) {
  if (!layer.kind) return null;
  const found = layer.proposal?.kind === layer.kind ? layer.proposal : null;
  const personal = found?.columns.filter((column) => column.is_personal).map((column) => column.name) ?? [];
  const titles = Object.fromEntries(columns[layer.kind].map(([name, zh, en]) => [name, shown([zh, en])]));
  const typed = (name) => localise(el("input", { type: "text", "data-column": name, maxlength: 120 }), pair("found by itself"), "placeholder");
  return el("div", { "data-columns-of": layer.id }, el("p", { class: "soft" }, t("Name a column of the file only where it is not found by itself."), " ",
    el("button", { type: "button", class: "small", "data-look": layer.id, onclick: () => look(layer) }, t("Look into the file"))),
    el("div", { class: "fields" },
      columns[layer.kind].map(([name]) => el("label", { class: "field" }, el("span", { class: "field-title" }, titles[name]),
        el("span", { class: "field-input" }, found ? columnChoice(name, found) : typed(name)))),
      input(layer, "profile", "Apply the column profile", { list: "profiles", maxlength: 60, value: "" }),
      input(layer, "save_profile", "Keep the mapping as profile", { maxlength: 60, value: "" })),
    found && found.missing.length > 0 && el("p", { class: "note-line warn" }, t("Without these columns it cannot be imported: {names}", { names: found.missing.map((name) => titles[name] ?? name).join(", ") })),
    personal.length > 0 && el("p", { class: "soft" }, t("Left out because they may tell of persons: {names}", { names: personal.join(", ") })));
}

/** Asks the server how the columns of the file would be taken, and shows it for correction. */
async function look(layer) {
  const { kind, source, profile } = paramsOf(layer);
  const form = new FormData();
  [layer.main, ...layer.parts].forEach((file) => form.append("files", file, file.name));
  form.append("params", JSON.stringify({ kind, source, profile: profile ?? "" }));
  layer.problem = null;
  try {
    layer.proposal = await upload("/api/columns", form, () => {});
  } catch (error) {
    layer.problem = problemOf(error);
  }
  redraw(layer);
}

async function listProfiles() {
  const answer = await fetch("/api/profiles");
  if (!answer.ok) return;
  const names = new Set((await answer.json()).map((profile) => profile.name));
  find("#profiles").replaceChildren(...Array.from(names, (value) => el("option", { value })));
}

function options(layer) {
  const mode = el("select", { "data-of": "mode" }, option("", pair("As usual for this kind")), option("append", pair("Add to what is there")), option("replace", pair("Replace what is there")));
  const facility = el("select", { "data-of": "facility_kind" }, option("", pair("As the file says")),
    Object.entries(labels.facility).map(([value, words]) => option(value, words)));
  const encoding = localise(el("input", { type: "text", "data-of": "encoding", list: "encodings", maxlength: 40, spellcheck: "false" }), pair("found by itself"), "placeholder");
  const crs = localise(el("input", { type: "text", "data-of": "crs", list: "systems", maxlength: 120, spellcheck: "false" }), pair("from the file"), "placeholder");
  const from = el("select", { "data-of": "converted_from" }, option("", pair("not shifted")), option("gcj02", pair("GCJ-02 (AMap, Tencent)")), option("bd09", pair("BD-09 (Baidu)")));
  const wrap = (words, control, note) => el("label", { class: "field" }, el("span", { class: "field-title" }, t(words)), el("span", { class: "field-input" }, control), note && el("small", {}, t(note)));
  return el("details", { class: "options" }, el("summary", {}, t("Encoding, coordinates, columns")),
    el("div", { class: "fields" },
      wrap("Encoding of the text", encoding),
      wrap("Coordinate system", crs, "Only where the file does not say it, or says it wrongly."),
      wrap("Convert from shifted coordinates", from, "Only for layers drawn on a web map. The conversion is recorded and never done twice."),
      wrap("Rows that are there already", mode),
      layer.kind === "facility" && wrap("Kind of all facilities", facility),
      !layer.main.name.toLowerCase().endsWith(".shp") && input(layer, "layer", "Layer in the file"),
      el("label", { class: "tick" }, el("input", { type: "checkbox", "data-of": "swap_xy" }), t("The file holds latitude first: swap the axes"))),
    columnFields(layer));
}

function layerBox(layer) {
  const missing = layer.suffix === ".shp" ? needed.filter((suffix) => !layer.parts.some((part) => split(part.name)[1] === suffix)) : [];
  const kind = el("select", { required: true, "data-of": "kind", onchange: (event) => {
    layer.kind = event.target.value;
    if (layer.kind === "zoning" && !layer.zoning.id) layer.zoning.id = `zoning_${layer.id}`;
    redraw(layer);
    drawBar();
  } }, option("", pair("Choose the kind …")), kinds.map((value) => option(value, value === "zoning" ? pair("Grids of a department") : tables[value], value === layer.kind)));
  const parts = layer.parts.map((part) => split(part.name)[1]).sort().join(" ");
  const done = layer.job?.state === "done";
  return el("form", { class: `layer ${layer.job?.state ?? ""}`, "data-layer": layer.id, onsubmit: (event) => { event.preventDefault(); start(layer); } },
    el("div", { class: "layer-head" },
      el("span", { class: "layer-name" }, el("b", {}, layer.main.name), el("small", {}, parts, parts && " · ", sizeText(sizeOf(layer)))),
      !layer.job && el("label", { class: "layer-kind" }, el("span", { class: "sr" }, t("Kind of layer")), kind),
      done && findingCount(layer.job.result.findings),
      !layer.job && el("button", { type: "submit", class: "primary small" }, t("Import")),
      (!layer.job || layer.job.state !== "running") && localise(el("button", { type: "button", class: "close", onclick: () => { layers = layers.filter((other) => other !== layer); draw(); } }, ""), pair("Remove from the list"), "aria-label")),
    missing.length > 0 && !layer.job && el("p", { class: "note-line warn" }, t("Missing beside the .shp: {names}", { names: missing.join(" ") })),
    !layer.job && layer.kind === "zoning" && zoningFields(layer),
    !layer.job && options(layer),
    layer.sent !== null && !layer.job && el("p", { class: "soft" }, t("Uploading … {share} %", { share: Math.round(100 * layer.sent) })),
    layer.problem && problemBox(layer.problem),
    layer.job && !done && jobBox(layer.job),
    layer.job?.state === "failed" && el("button", { type: "button", class: "small", onclick: () => { layer.job = null; layer.sent = null; redraw(layer); } }, t("Change the options and try again")),
    done && el("details", {}, el("summary", {}, t("{stored} of {read} rows stored, encoding {encoding}", { stored: layer.job.result.rows_stored, read: layer.job.result.rows_read, encoding: layer.job.result.encoding })), importDetails(layer.job.result)));
}

function redraw(layer) {
  const old = find(`[data-layer="${layer.id}"]`);
  if (!old) return;
  const made = layerBox(layer);
  if (!layer.job) keepValues(old, made);
  old.replaceWith(made);
}

/* What the user has typed survives a new drawing. */
function keepValues(old, made) {
  for (const control of all("[data-of], [data-column]", made)) {
    const key = control.dataset.of ? `[data-of="${control.dataset.of}"]` : `[data-column="${control.dataset.column}"]`;
    const before = find(key, old);
    if (!before || control.dataset.of === "kind" || control.dataset.of?.startsWith("zoning_")) continue;
    if (control.type === "checkbox") control.checked = before.checked;
    else control.value = before.value;
  }
  const isOpen = find(".options", old)?.open;
  if (isOpen && find(".options", made)) find(".options", made).open = true;
}

function paramsOf(layer) {
  const box = find(`[data-layer="${layer.id}"]`), value = (name) => find(`[data-of="${name}"]`, box)?.value.trim() ?? "";
  const mapped = all("[data-column]", box).filter((control) => control.value.trim()).map((control) => [control.dataset.column, control.value === LEFT_OPEN ? "" : control.value.trim()]);
  const params = { kind: layer.kind, columns: Object.fromEntries(mapped) };
  params.source = { layer: value("layer") || null, encoding: value("encoding") || null, crs: value("crs") || null, swap_xy: find("[data-of=swap_xy]", box).checked, converted_from: value("converted_from") || null };
  if (layer.kind === "zoning") Object.assign(params, { zoning_id: layer.zoning.id, zoning_name: layer.zoning.name, domain: layer.zoning.domain });
  if (value("mode")) params.mode = value("mode");
  if (value("profile")) params.profile = value("profile");
  if (value("save_profile")) params.save_profile = value("save_profile");
  if (value("facility_kind")) params.facility_kind = value("facility_kind");
  const name = find("[data-project-name-input]").value.trim();
  if (!status?.exists && name) params.project_name = name;
  return params;
}

/** Uploads a layer and follows its job; resolves when the server has taken it, not when it is imported. */
async function start(layer) {
  if (layer.job || layer.sent !== null) return;
  const params = paramsOf(layer);
  layer.problem = null;
  if (sizeOf(layer) > limitMb * 1e6) {
    const [detail_zh, detail] = pair("The upload is larger than {limit_mb:g} MB. Split it, or have the administrator raise YIWANG_MAX_UPLOAD_MB.", { limit_mb: limitMb });
    layer.problem = { detail, detail_zh };
    redraw(layer);
    return;
  }
  const form = new FormData();
  [layer.main, ...layer.parts].forEach((file) => form.append("files", file, file.name));
  form.append("params", JSON.stringify(params));
  layer.sent = 0;
  try {
    const job = await upload("/api/jobs/import", form, (sent) => { layer.sent = sent; redraw(layer); });
    follow(job, (now) => { layer.job = now; redraw(layer); drawBar(); });
  } catch (error) {
    layer.sent = null;
    layer.problem = problemOf(error);
    redraw(layer);
  }
}

async function startAll() {
  for (const layer of layers.filter((one) => one.kind && !one.job && one.sent === null)) {
    const box = find(`[data-layer="${layer.id}"]`);
    if (!box.reportValidity()) return;
    await start(layer);
  }
}

/* --- the list --- */
function drawBar() {
  const open = layers.filter((layer) => !layer.job && layer.sent === null), ready = open.filter((layer) => layer.kind).length;
  find("[data-import-bar]").hidden = layers.length === 0;
  find("[data-import-all]").disabled = ready === 0;
  find("[data-import-left]").replaceChildren(ready < open.length ? t("{count} layers without a kind stay in the list.", { count: open.length - ready }) : "");
}

function draw(words = []) {
  const before = find("[data-layers]");
  const boxes = layers.map((layer) => {
    const made = layerBox(layer), old = find(`[data-layer="${layer.id}"]`, before);
    if (old && !layer.job) keepValues(old, made);
    return made;
  });
  before.replaceChildren(...words.map((text) => el("p", { class: "note-line warn" }, text)), ...boxes);
  drawBar();
}

export function showProject(now) {
  status = now;
  find("[data-first-import]").hidden = now.exists;
  listProfiles();
}

export function startImports(maxMb) {
  limitMb = maxMb;
  const drop = find("[data-drop]"), chooser = find("[data-files]");
  chooser.addEventListener("change", () => { addFiles(Array.from(chooser.files)); chooser.value = ""; });
  for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); addFiles(Array.from(event.dataTransfer.files)); });
  find("[data-import-all]").addEventListener("click", startAll);
  find("[data-import-clear]").addEventListener("click", () => { layers = layers.filter((layer) => layer.job?.state === "running" || layer.job?.state === "queued"); draw(); });
  const list = (id, values) => el("datalist", { id }, values.map((value) => el("option", { value })));
  document.body.append(list("profiles", []), list("encodings", ["utf-8", "gb18030", "gbk", "big5"]), list("systems", ["EPSG:4490", "EPSG:4326", "EPSG:4547", "EPSG:4546", "EPSG:4548", "EPSG:3857", "EPSG:2383"]));
}
