// Words, elements, figures and requests: what all parts of the console share.

const payload = JSON.parse(document.getElementById("console-words").textContent);
export const { labels, tables, columns, kinds, layerSuffixes, partSuffixes } = payload;

/* --- words --- */
export function isEnglish() { return document.documentElement.dataset.lang === "en"; }

function filled(text, context) {
  return text.replace(/\{(\w+)(?::[^}]*)?\}/g, (whole, name) => {
    const value = context?.[name];
    return value === undefined ? whole : String(value);
  });
}

/** Chinese and English of a message; values of the context may be such pairs themselves. */
export function pair(message, context) {
  if (!(message in payload.words)) console.warn(`no translation: ${message}`);
  const side = (place) => Object.fromEntries(
    Object.entries(context ?? {}).map(([name, value]) => [name, Array.isArray(value) ? value[place] : value]));
  return [filled(payload.words[message] ?? message, side(0)), filled(message, side(1))];
}

export function label(family, value) { return labels[family]?.[value] ?? [value, value]; }

/** A pair as nodes of which the style sheet shows one. */
export function shown([zh, en]) {
  if (zh === en) return document.createTextNode(zh);
  const both = document.createDocumentFragment();
  both.append(el("span", { "data-l": "zh", lang: "zh-CN" }, zh), el("span", { "data-l": "en", lang: "en" }, en));
  return both;
}

export function t(message, context) { return shown(pair(message, context)); }

/** A text that cannot hold elements (option, placeholder, title): follows the language by its attributes. */
export function localise(node, [zh, en], property = "textContent") {
  node.dataset.zh = zh;
  node.dataset.en = en;
  node.dataset.says = property;
  applyLanguageTo(node);
  return node;
}

function applyLanguageTo(node) {
  const text = isEnglish() ? node.dataset.en : node.dataset.zh;
  const property = node.dataset.says ?? "textContent";
  if (property.startsWith("aria-")) node.setAttribute(property, text);
  else node[property] = text;
}

export function setLanguage(language) {
  document.documentElement.dataset.lang = language;
  document.documentElement.lang = language === "en" ? "en" : "zh-CN";
  try { localStorage.setItem("yiwang-lang", language); } catch { /* storage is switched off */ }
  document.querySelectorAll("[data-zh][data-en]").forEach(applyLanguageTo);
  document.querySelectorAll("[data-set-lang]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.setLang === language));
  });
  document.title = (language === "en" ? "One grid" : "一网") + " · " + pair("Console")[language === "en" ? 1 : 0];
}

/* --- elements --- */
export function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function find(selector, inside = document) { return inside.querySelector(selector); }
export function all(selector, inside = document) { return Array.from(inside.querySelectorAll(selector)); }

export function option(value, words, selected = false) {
  const made = el("option", { value });
  if (selected) made.selected = true;
  return localise(made, words);
}

export function bar(share, kind = "") {
  const width = Math.round(1000 * Math.min(Math.max(share, 0), 1)) / 10;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 6");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [length, name] of [[100, "track"], [width, "fill"]]) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    part.setAttribute("width", length);
    part.setAttribute("height", 6);
    part.setAttribute("class", name);
    svg.append(part);
  }
  return el("span", { class: `bar ${kind}` }, svg);
}

/* --- figures as people read them --- */
export function count(value) { return Math.round(value).toLocaleString("en-US"); }
export function decimals(value, digits) {
  return Number(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
export function area(m2) { return Math.abs(m2) < 100000 ? `${count(m2)} m²` : `${decimals(m2 / 1e6, 2)} km²`; }
export function length(m) { return Math.abs(m) < 1000 ? `${count(m)} m` : `${decimals(m / 1000, 1)} km`; }
export function share(value) {
  const percent = 100 * value;
  return `${percent > 99 && percent < 100 || percent < 10 && percent > 0 ? decimals(Math.min(percent, 99.9), 1) : Math.round(percent)} %`;
}
export function clock(seconds) {
  const minutes = Math.round(seconds / 60);
  const pad = (value) => String(value).padStart(2, "0");
  return `${pad(Math.floor(minutes / 60) % 24)}:${pad(minutes % 60)}${minutes >= 1440 ? " +1" : ""}`;
}
/** Time windows as the form of the plan takes them: "07:30-09:00, 22:00-02:00". */
export function windowText(windows) {
  return windows.map((ends) => ends.map((seconds) => clock(seconds).slice(0, 5)).join("-")).join(", ");
}
export function duration(seconds) {
  const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60);
  return hours ? pair("{hours} h {minutes} min", { hours, minutes: minutes % 60 }) : pair("{minutes} min", { minutes });
}
export function moment(text) {
  const at = new Date(text), pad = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/* --- requests --- */
export class ProblemError extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

const noAnswer = () => {
  const [zh, en] = pair("The server does not answer. Is it still running? Start it again and reload this page.");
  return new ProblemError({ code: "no_answer", detail: en, detail_zh: zh });
};

export async function ask(path, options) {
  let response, body;
  try {
    response = await fetch(path, options);
    body = await response.json();
  } catch {
    throw noAnswer();
  }
  if (!response.ok) throw new ProblemError(body);
  return body;
}

export function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Uploads with progress, which fetch cannot tell. */
export function upload(path, form, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onSent(event.loaded / event.total));
    request.addEventListener("error", () => reject(noAnswer()));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else if (request.response) reject(new ProblemError(request.response));
      else reject(noAnswer());
    });
    request.send(form);
  });
}

export function problemBox(problem) {
  return el("div", { class: "problem", role: "alert" },
    el("b", {}, t("This did not work")),
    el("p", {}, shown([problem.detail_zh ?? problem.detail, problem.detail])),
    (problem.context?.errors?.length ?? 0) > 1 &&
      el("ul", {}, problem.context.errors.map((one) => el("li", {}, shown([one.detail_zh, one.detail])))));
}

export function problemOf(error) {
  if (error instanceof ProblemError) return error.problem;
  console.error(error);
  return { detail: String(error), detail_zh: String(error) };
}
