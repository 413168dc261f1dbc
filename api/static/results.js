// What the steps found: each report as a planner reads it.

import { area, ask, bar, columns, count, decimals, duration, clock, el, isEnglish, label, length, moment, pair, problemBox, problemOf, share, shown, t, tables, windowText } from "./core.js";

export function figure(value, caption, note, kind = "") {
  return el("div", { class: `figure ${kind}` }, el("b", {}, value), el("span", {}, caption), note && el("small", {}, note));
}

function figures(...items) { return el("div", { class: items.length > 4 ? "figures three" : "figures" }, items); }

function mapLinks(...names) {
  const titles = { unified: "One grid", health: "Coverage health", zonings: "Department grids", network: "Street network", risk: "Heat map", routes: "Patrol routes", facilities: "Facilities" };
  return el("p", { class: "map-links" }, names.map((name) =>
    el("a", { class: "button", href: `/maps/${name}.html`, "data-map-link": name }, t("Map: {title}", { title: pair(titles[name]) }))));
}

const severityWords = { error: "Left out", warning: "Look at it", note: "Note" };

/** The findings, worst first; each with the rows and the place to look at. */
export function findingList(findings) {
  if (!findings?.length) return el("p", { class: "note-line good" }, t("No problems found."));
  const order = ["error", "warning", "note"];
  const sorted = [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return el("ul", { class: "findings" }, sorted.map((one) => el("li", { class: one.severity },
    el("span", { class: `state ${one.severity}` }, t(severityWords[one.severity])),
    el("span", { class: "finding-text" }, shown([one.text_zh, one.text]),
      (one.rows?.length > 0 || one.x !== null) && el("small", {},
        one.rows?.length > 0 && t("Rows {rows}", { rows: one.rows.slice(0, 10).map((row) => row + 1).join(", ") + (one.count > 10 ? " …" : "") }),
        one.rows?.length > 0 && one.x !== null && " · ",
        one.x !== null && t("at x {x}, y {y}", { x: decimals(one.x, 1).replaceAll(",", ""), y: decimals(one.y, 1).replaceAll(",", "") }))))));
}

function section(title, ...body) { return el("section", { class: "part" }, el("h3", {}, t(title)), body); }

function definition(rows) {
  return el("dl", { class: "definition" }, rows.filter(Boolean).flatMap(([name, value, note]) => [
    el("dt", {}, t(name)), el("dd", {}, value, note && el("small", {}, note))]));
}

/* --- import --- */
export function importDetails(report) {
  const titles = Object.fromEntries((columns[report.kind] ?? []).map(([name, zh, en]) => [name, [zh, en]]));
  const mapped = Object.entries(report.columns).map(([ours, theirs]) => [theirs, titles[ours] ?? [ours, ours]]);
  const side = (place) => mapped.map(([theirs, words]) => `${theirs} → ${words[place]}`).join("，") || "–";
  return el("div", { class: "details" },
    definition([
      ["Rows", t("{stored} of {read} stored", { stored: count(report.rows_stored), read: count(report.rows_read) })],
      ["Encoding of the text", report.encoding, shown([report.encoding_reason_zh, report.encoding_reason])],
      ["Coordinate system", report.source_crs, shown([report.crs_reason_zh, report.crs_reason])],
      ["Stored in", `EPSG:${report.epsg}`],
      ["Area changed by repair", area(report.moved_area_m2)],
      ["Columns used", shown([side(0), side(1)])],
      report.unmapped.length > 0 && ["Kept as attributes", report.unmapped.join("，")],
      report.dropped.length > 0 && ["Left out as personal", report.dropped.join("，")],
    ]),
    findingList(report.findings));
}

export function findingCount(findings) {
  const serious = findings.filter((one) => one.severity !== "note").length;
  const kind = findings.some((one) => one.severity === "error") ? "error" : serious ? "warning" : "good";
  return el("span", { class: `state ${kind}` }, serious ? t("{count} findings", { count: serious }) : t("Clean"));
}

export function kindTitle(report) {
  const [zh, en] = tables[report.kind] ?? [report.kind, report.kind];
  return report.zoning_id ? [`${zh} · ${report.zoning_id}`, `${en} · ${report.zoning_id}`] : [zh, en];
}

export async function importResult() {
  const reports = await ask("/api/reports/import");
  return el("div", { class: "card-box" }, el("h2", {}, t("Imported so far")),
    el("ul", { class: "reports" }, reports.map((report) => el("li", {}, el("details", {},
      el("summary", {},
        el("span", { class: "report-title" }, report.source, el("small", {}, shown(kindTitle(report)))),
        el("span", { class: "report-figures" }, t("{count} rows", { count: count(report.rows_stored) }), el("small", {}, `${report.encoding} · ${report.source_crs.split(" ")[0]} · ${moment(report.created_at)}`)),
        findingCount(report.findings)),
      importDetails(report))))));
}

/* --- unify --- */
const checkWords = {
  polygons_valid: "Every polygon is valid", coverage_valid: "No gaps and no overlaps between cells", one_part_each: "Every cell is one piece",
  codes_unique: "Codes are unique", nothing_lost: "No area was lost", cell_shares_at_most_one: "Shares add up", shares_are_right: "Shares are right",
  snapped_within_tolerance: "Borders moved within the tolerance only",
  source_cells_accounted_for: "Every department cell is accounted for", one_community_each: "Every cell lies in one community",
};

const policyWords = { atomic: "Every piece a cell", reference: "One zoning leads", optimised: "Cells of even size" };

function policyLine(report, names) {
  const { reference, optimise } = report.params, policy = pair(policyWords[report.policy] ?? report.policy);
  if (report.policy === "reference") return t("{policy}: {zoning}", { policy, zoning: names[reference] ?? reference });
  if (report.policy !== "optimised") return shown(policy);
  const unit = pair({ area: "m²", households: "households", workload: "incidents" }[optimise.measure]);
  return t("{policy}: {lower} to {upper} {unit}", { policy, unit, lower: count(optimise.lower), upper: count(optimise.upper) });
}

/** How the layer was made: nothing for reports of older versions. */
function unifyWay(report, names) {
  if (!report.policy) return "";
  const metres = Number(report.tolerance_m.toPrecision(3));
  return section("How it was unified", definition([
    ["How pieces become cells", policyLine(report, names)],
    ["Tolerance", t("Borders within {metres} m count as the same line.", { metres }), t(report.is_tolerance_proposed ? "proposed from the accuracy of the borders" : "given")],
    ["Ground moved by snapping", `≤ ${area(report.snapped_area_m2)}`],
    ["Pieces of the overlay", count(report.faces)],
    ["Grid codes", t("{kept} kept, {new} new, {ended} ended", { kept: count(report.codes_kept), new: count(report.codes_new), ended: count(report.codes_ended) })],
    report.streets_outside_m >= 1 && ["Streets in no cell", length(report.streets_outside_m)],
    ...objectiveRows(report.objective),
  ]));
}

function objectiveRows(terms) {
  const words = { ignored_m: "Department borders not followed, mean of the departments", invented_m: "Cell borders a department lacks, mean of the departments", violation: "Violation of the bounds" };
  return Object.entries(words).filter(([name]) => Number.isFinite(terms?.[name])).map(([name, title]) =>
    [title, name.endsWith("_m") ? length(terms[name]) : decimals(terms[name], 2)]);
}

export function unifyResult(report, status) {
  const names = Object.fromEntries(status.zonings.map((row) => [row.zoning_id, row.name]));
  const kinds = Object.keys(report.conflicts), largest = Math.max(1, ...Object.values(report.conflict_area_m2));
  const total = Object.values(report.conflicts).reduce((sum, value) => sum + value, 0);
  return el("div", { class: "card-box" }, el("h2", {}, t("Result")),
    figures(
      figure(count(report.cells), t("unified cells"), t("cover {area}", { area: area(report.area_m2) }), "main"),
      figure(count(total), t("border conflicts"), Number.isFinite(report.disputed_area_m2) && t("{area} in dispute", { area: area(report.disputed_area_m2) })),
      figure(count(report.slivers_dissolved), t("slivers dissolved"), area(report.sliver_area_m2)),
      figure(count(report.facilities_outside), t("facilities in no cell"))),
    mapLinks("unified", "health", "zonings"),
    unifyWay(report, names),
    section("Where borders disagree", kinds.length
      ? el("ul", { class: "bars" }, kinds.sort((a, b) => report.conflict_area_m2[b] - report.conflict_area_m2[a]).map((kind) => el("li", {},
        el("span", { class: "bar-name" }, shown(label("conflict", kind))), bar(report.conflict_area_m2[kind] / largest, "warm"),
        el("span", { class: "bar-value" }, `${count(report.conflicts[kind])} · ${area(report.conflict_area_m2[kind])}`))))
      : el("p", { class: "note-line good" }, t("All departments agree."))),
    section("Grids unified", el("p", {}, Object.entries(report.zonings).map(([key, cells], place) => [place ? "，" : "", `${names[key] ?? key} ${count(cells)}`]).flat())),
    section("Checks passed", el("ul", { class: "checks" }, Object.entries(report.checks).map(([name, passed]) =>
      el("li", { class: passed ? "passed" : "missed" }, t(checkWords[name] ?? name))))),
    section("Findings", findingList(report.findings)));
}

/* --- network --- */
export function networkResult(report) {
  const trapped = Object.values(report.one_way_traps).reduce((sum, value) => sum + value, 0);
  return el("div", { class: "card-box" }, el("h2", {}, t("Result")),
    figures(
      figure(length(report.length_m), t("of streets"), t("{edges} segments, {nodes} junctions", { edges: count(report.edges), nodes: count(report.nodes) }), "main"),
      figure(count(report.crossings_noded), t("crossings cut"), t("{count} ends joined", { count: count(report.ends_snapped) })),
      figure(count(report.islands), t("cut-off parts"), length(report.island_length_m)),
      figure(count(report.dead_ends), t("dead ends"), t("{count} one-way traps", { count: trapped }))),
    mapLinks("network"),
    section("Can be reached and left", el("ul", { class: "bars" }, Object.entries(report.reachable_length_share).map(([mode, part]) => el("li", {},
      el("span", { class: "bar-name" }, shown(label("mode", mode))), bar(part), el("span", { class: "bar-value" }, share(part)))))),
    section("Findings", findingList(report.findings)));
}

/* --- risk --- */
export function riskResult(report) {
  const names = report.top_cell_names ?? report.top_cells;
  return el("div", { class: "card-box" }, el("h2", {}, t("Result")),
    figures(
      figure(count(report.incidents), t("incidents"), `${report.first_at.slice(0, 10)} – ${report.last_at.slice(0, 10)}`, "main"),
      figure(count(report.cells_ranked), t("cells ranked")),
      figure(count(report.periods.length), t("months on the map"))),
    mapLinks("risk"),
    section("Cells with the highest risk", el("ol", { class: "ranked" }, names.map((name, place) =>
      el("li", {}, name, el("small", {}, report.top_cells[place]))))));
}

/* --- plan --- */
function routeTable(plan) {
  const longest = Math.max(1, ...plan.routes.map((row) => row.duration_s));
  const address = (row, suffix) => `/api/plans/${encodeURIComponent(plan.plan_id)}/routes/${row.route_no}.${suffix}`;
  const head = ["", "Team", "Out", "Duration", "Way", "Patrolled", "Visits", "Download"];
  const cell = (name, ...content) => el("td", {}, el("small", { class: "cell-name" }, t(name)), content);
  return el("div", { class: "wide" }, el("table", { class: "routes" },
    el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name && t(name))))),
    el("tbody", {}, plan.routes.map((row) => el("tr", {},
      el("td", {}, String(row.route_no)),
      el("th", { scope: "row" }, row.team, el("small", {}, shown(label("team_kind", row.team_kind)), " · ", shown(label("mode", row.mode)))),
      cell("Out", row.length_m > 0 || row.visits ? `${clock(row.start_s)}–${clock(row.end_s)}` : "–"),
      cell("Duration", shown(duration(row.duration_s)), bar(row.duration_s / longest)),
      cell("Way", length(row.length_m)), cell("Patrolled", length(row.served_m)), cell("Visits", count(row.visits)),
      el("td", { class: "downloads" },
        el("a", { href: address(row, "html"), target: "_blank" }, t("Sheet")),
        el("a", { href: address(row, "gpx"), download: `${row.route_no}_${row.team}.gpx` }, "GPX"),
        el("a", { href: address(row, "kml"), download: `${row.route_no}_${row.team}.kml` }, "KML"),
        el("a", { href: address(row, "geojson"), download: `${row.route_no}_${row.team}.geojson` }, "GeoJSON")))))));
}

function planFigures(report) {
  const balance = figure(decimals(report.max_over_mean, 2), t("balance"), t("longest ÷ mean duration; 1.00 is perfect"), "main");
  return figures(balance,
    figure(report.required_m > 0 ? share(report.served_m / report.required_m) : "–", t("of the streets patrolled"), `${length(report.served_m)} / ${length(report.required_m)}`),
    figure(`${count(report.visits_served)} / ${count(report.visits)}`, t("places visited")),
    figure(shown(duration(report.longest_s)), t("longest route"), t("no plan can be below {time}", { time: duration(report.lower_bound_s) })),
    figure(length(report.total_m), t("travelled in all"), t("{length} of it only passed", { length: length(report.deadhead_m) })),
    figure(decimals(report.search_s, 0) + " s", t("searched"), report.stopped_early ? t("stopped early") : t("{count} iterations", { count: count(report.iterations) })));
}

function listed(pairs) { return shown([pairs.map(([zh]) => zh).join("、"), pairs.map(([, en]) => en).join(", ")]); }

function wantedStreets(params) {
  const wanted = params.required_classes.map((value) => label("road_class", value));
  if (params.risk_share > 0) wanted.push(pair("all in the riskiest {share} of the cells", { share: share(params.risk_share) }));
  if (!wanted.length) wanted.push(pair("all streets"));
  if (params.area) wanted.push(pair("only inside {beat}", { beat: params.area.join(" ") }));
  return listed(wanted);
}

function wantedVisits(rules) {
  if (!rules.length) return t("none");
  return el("ul", { class: "plain-list" }, rules.map((rule) => el("li", {}, shown(label("facility", rule.kind)), " · ",
    shown(duration(rule.service_duration_s)), rule.windows.length > 0 && ` · ${windowText(rule.windows)}`)));
}

function planWishes(params) {
  return definition([
    ["Streets to be patrolled", wantedStreets(params)],
    ["Places to be visited", wantedVisits(params.visit_rules)],
    ["Teams on duty", params.teams.length ? params.teams.join("，") : t("all teams")],
    ["Search time", `${decimals(params.solve.seconds, 0)} s`],
  ]);
}

export async function planResult(planId = "newest") {
  const [plans, plan] = await Promise.all([ask("/api/plans"), ask(`/api/plans/${encodeURIComponent(planId)}`)]);
  const holder = el("div", { class: "card-box" });
  const chooser = el("select", { onchange: async (event) => {
    try {
      holder.replaceWith(await planResult(event.target.value));
    } catch (error) {
      holder.append(problemBox(problemOf(error)));
    }
  } }, plans.map((one, place) => {
    const made = el("option", { value: one.plan_id }, `${moment(one.created_at)}${place ? "" : " ★"}`);
    made.selected = one.plan_id === plan.plan_id;
    return made;
  }));
  chooser.setAttribute("aria-label", pair("Plan of")[isEnglish() ? 1 : 0]);
  const idle = plan.summary.teams - plan.routes.length;
  const missed = plan.visits.filter((visit) => visit.route_no === 0);
  holder.append(
    el("h2", {}, t("Result"), plans.length > 1 ? el("span", { class: "chooser" }, t("Plan of"), chooser) : el("small", {}, moment(plan.created_at))),
    plan.summary.stopped_early ? el("p", { class: "note-line" }, t("The search was stopped early; this is the best plan until then.")) : "",
    planFigures(plan.summary),
    plan.plan_id === plans[0].plan_id ? mapLinks("routes") : el("p", { class: "soft" }, t("The map shows the newest plan.")),
    section("Routes", routeTable(plan), idle > 0 ? el("p", { class: "soft" }, t("{count} teams on duty have no route in this plan.", { count: idle })) : ""),
    section("What the plan was asked for", planWishes(plan.params)),
    missed.length ? section("Not visited", el("ul", { class: "plain-list" }, missed.map((visit) => el("li", {}, visit.name)))) : "",
    section("Findings", findingList(plan.summary.findings)));
  return holder;
}
