"use strict";
/* The payload of the page, its texts in both languages, and what popups are made of. */
var yiwang = (function () {
  var payload = JSON.parse(document.getElementById("yiwang-payload").textContent);
  var ORIGIN = payload.origin;

  function element(tag, className, children) {
    var made = document.createElement(tag);
    if (className) made.className = className;
    (children || []).forEach(function (child) {
      if (child !== null && child !== undefined) made.append(child);
    });
    return made;
  }

  /* A text in both languages as spans; a plain value as it is. Nothing is ever parsed as HTML. */
  function words(value) {
    if (!Array.isArray(value)) return document.createTextNode(value === null || value === undefined ? "" : String(value));
    if (value[0] === value[1]) return document.createTextNode(value[0]);
    var both = document.createDocumentFragment();
    ["zh", "en"].forEach(function (language, place) {
      var span = element("span", "", [value[place]]);
      span.dataset.l = language;
      both.append(span);
    });
    return both;
  }

  function isEnglish() {
    return document.documentElement.dataset.lang === "en";
  }

  function plain(value) {
    return Array.isArray(value) ? value[isEnglish() ? 1 : 0] : value === null || value === undefined ? "" : String(value);
  }

  function at(column, index) {
    if (!column) return null;
    return Array.isArray(column) ? column[index] : column.d[column.i[index]];
  }

  function grouped(value, digits) {
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  function formatted(value, format) {
    if (value === null || value === undefined || value === "") return null;
    switch (format) {
      case "count": return grouped(value, 0);
      case "m": return value < 1000 ? grouped(value, value < 10 ? 1 : 0) + " m" : grouped(value / 1000, 2) + " km";
      case "m2": return value < 100000 ? grouped(value, 0) + " m²" : grouped(value / 1e6, 2) + " km²";
      case "share": return grouped(100 * value, 1) + " %";
      case "intensity": {
        var both = payload.words.perHectare;
        return [grouped(value, 2) + " " + both[0], grouped(value, 2) + " " + both[1]];
      }
      default: return value;
    }
  }

  function sourceList(rows, names) {
    return element("ul", "sources", rows.map(function (row) {
      return element("li", "", [
        element("span", "zoning", [names[row[0]]]),
        element("span", "", [row[1]]),
        element("span", "share", [row[2] === null ? "" : grouped(100 * row[2], row[2] < 0.1 ? 1 : 0) + " %"]),
      ]);
    }));
  }

  function nameList(names) {
    return element("ul", "names", names.map(function (name) { return element("li", "", [name]); }));
  }

  function popupContent(layer, index) {
    var popup = layer.popup;
    var list = element("dl", "popup-rows");
    popup.rows.forEach(function (row) {
      var value = at(layer.columns[row[1]], index);
      if (row[2] === "sources") {
        if (!value || !value.length) return;
        list.append(element("dt", "wide", [words(row[0])]), element("dd", "wide", [sourceList(value, layer.zonings)]));
        return;
      }
      if (row[2] === "list") {
        if (value && value.length) list.append(element("dt", "wide", [words(row[0])]), element("dd", "wide", [nameList(value)]));
        return;
      }
      var text = formatted(value, row[2]);
      if (text === null) return;
      list.append(element("dt", "", [words(row[0])]), element("dd", "", [words(text)]));
    });
    return element("div", "", [
      popup.kicker && element("div", "kicker", [words(popup.kicker)]),
      element("div", "popup-title", [words(at(layer.columns[popup.title], index))]),
      list,
    ]);
  }

  /* Coordinates: differences in millionths of a degree → Leaflet's [lat, lng]. */
  function decodeChain(chain) {
    var lon = ORIGIN[0], lat = ORIGIN[1], points = new Array(chain.length / 2);
    for (var i = 0; i < chain.length; i += 2) {
      lon += chain[i];
      lat += chain[i + 1];
      points[i / 2] = [lat / 1e6, lon / 1e6];
    }
    return points;
  }

  function decodePoint(flat, index) {
    return [(ORIGIN[1] + flat[2 * index + 1]) / 1e6, (ORIGIN[0] + flat[2 * index]) / 1e6];
  }

  return {
    payload: payload, element: element, words: words, plain: plain, at: at, grouped: grouped, formatted: formatted, popupContent: popupContent,
    decodeChain: decodeChain, decodePoint: decodePoint, isEnglish: isEnglish, kinds: {},
  };
})();
