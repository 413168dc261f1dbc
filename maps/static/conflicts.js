/* The list of conflicts: ranked, filtered by kind and department together with the map, and handed out as a table. */
(function () {
  var PAGE = 100, payload = yiwang.payload, chosen = { kind: "", department: "" }, listed = PAGE, rows = [];

  function filled(key, name, value) {
    return payload.words[key].map(function (text) { return text.replace("{" + name + "}", value); });
  }

  function readRows() {
    payload.order.forEach(function (key) {
      if (key.indexOf("conflict-") !== 0) return;
      var layer = payload.layers[key];
      layer.areas.forEach(function (_, index) { rows.push({ key: key, layer: layer, index: index, rank: yiwang.at(layer.columns.rank, index) }); });
    });
    rows.sort(function (a, b) { return a.rank - b.rank; });
  }

  function value(row, name) {
    return name === "kind" ? row.layer.popup.kicker : yiwang.at(row.layer.columns[name], row.index);
  }

  function isChosen(row) {
    if (chosen.kind && row.key !== "conflict-" + chosen.kind) return false;
    return !chosen.department || value(row, "of").indexOf(Number(chosen.department)) >= 0;
  }

  function chip(colour) {
    var made = yiwang.element("span", "dot");
    made.style.background = colour;
    return made;
  }

  function entry(row) {
    var make = yiwang.element, words = yiwang.words, community = value(row, "community"), facilities = value(row, "facilities");
    var button = make("button", "", [
      make("span", "rank", [String(row.rank)]),
      make("span", "entry", [
        make("span", "entry-title", [chip(row.layer.style.color), words(value(row, "kind")), community && make("em", "", [community])]),
        make("span", "entry-sub", [words(value(row, "title"))]),
        make("span", "entry-figures", [
          make("span", "", [yiwang.formatted(value(row, "area"), "m2")]),
          make("span", "", [words(filled("border", "length", yiwang.formatted(value(row, "length"), "m")))]),
          make("span", "", [words(filled("offset", "length", yiwang.formatted(value(row, "offset"), "m")))]),
          facilities ? make("span", "", [words(filled("facilities", "count", facilities))]) : null,
        ]),
        make("span", "entry-advice", [words(value(row, "suggestion"))]),
      ]),
    ]);
    button.type = "button";
    button.dataset.focus = row.key + ":" + row.index;
    return make("li", "", [button]);
  }

  function drawList() {
    var list = document.querySelector("[data-conflicts]"), more = document.querySelector("[data-more]");
    var shown = rows.filter(isChosen), nodes = shown.slice(0, listed).map(entry);
    if (!shown.length) nodes = [yiwang.element("li", "hint", [yiwang.words(payload.words.noneLeft)])];
    list.replaceChildren.apply(list, nodes);
    document.querySelector("[data-conflict-count]").textContent = yiwang.grouped(shown.length, 0);
    more.hidden = shown.length <= listed;
  }

  function drawMap(show, isKind) {
    payload.order.forEach(function (key) {
      if (key.indexOf("conflict-") !== 0) return;
      var layer = payload.layers[key];
      yiwang.layers[key].keep(function (index) { return isChosen({ key: key, layer: layer, index: index }); });
      if (isKind) show(key, !chosen.kind || key === "conflict-" + chosen.kind);
    });
  }

  /* --- the table --- */
  function quoted(text) {
    var plain = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(plain) ? '"' + plain.replace(/"/g, '""') + '"' : plain;
  }

  function tableCell(row, column) {
    var found = value(row, column[1]);
    if (column[2] !== null) return found === null ? "" : Number(found).toFixed(column[2]);
    if (column[1] === "affected") return quoted(found.join(yiwang.plain(payload.words.listSeparator)));
    return quoted(yiwang.plain(found));
  }

  function tableText() {
    var head = payload.table.map(function (column) { return quoted(yiwang.plain(column[0])); });
    var lines = rows.filter(isChosen).map(function (row) {
      return payload.table.map(function (column) { return tableCell(row, column); }).join(",");
    });
    return "\ufeff" + [head.join(",")].concat(lines).join("\r\n") + "\r\n";
  }

  function save() {
    var link = document.createElement("a"), address = URL.createObjectURL(new Blob([tableText()], { type: "text/csv;charset=utf-8" }));
    link.href = address;
    link.download = yiwang.plain(payload.words.conflictFile) + ".csv";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(address); }, 1000);
  }

  /* Only the service can make a workbook; pages on disk offer the CSV alone. */
  function offerWorkbook() {
    var link = document.querySelector("[data-workbook]");
    if (!document.querySelector("[data-console]")) return;
    link.hidden = false;
    link.addEventListener("click", function () {
      link.href = "/api/layers/conflict/download?format=xlsx&lang=" + (yiwang.isEnglish() ? "en" : "zh");
    });
  }

  yiwang.startConflicts = function (show) {
    if (!document.querySelector("[data-conflicts]")) return;
    readRows();
    document.querySelectorAll("[data-filter]").forEach(function (select) {
      select.value = "";
      select.addEventListener("change", function () {
        chosen[select.dataset.filter] = select.value;
        listed = PAGE;
        yiwang.map.closePopup();
        drawList();
        drawMap(show, select.dataset.filter === "kind");
      });
    });
    document.querySelector("[data-more]").addEventListener("click", function () { listed += PAGE; drawList(); });
    document.querySelector("[data-save-table]").addEventListener("click", save);
    offerWorkbook();
    drawList();
  };
})();
