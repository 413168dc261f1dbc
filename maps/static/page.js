/* The page around the map: language, legend, panel, search, slider. */
(function () {
  var map, layers, highlight = null, payload = yiwang.payload;

  function all(selector, run) {
    document.querySelectorAll(selector).forEach(run);
  }

  function on(selector, event, run) {
    all(selector, function (found) { found.addEventListener(event, function (happened) { run(found, happened); }); });
  }

  /* --- language --- */
  function setLanguage(language) {
    document.documentElement.dataset.lang = language;
    document.documentElement.lang = language === "en" ? "en" : "zh-CN";
    try { localStorage.setItem("yiwang-lang", language); } catch (error) { /* storage is switched off: ?lang= carries it */ }
    all("[data-tab]", function (link) {
      link.setAttribute("href", link.getAttribute("href").split("?")[0] + (language === "en" ? "?lang=en" : ""));
    });
    all("[data-set-lang]", function (button) { button.setAttribute("aria-pressed", String(button.dataset.setLang === language)); });
    all("[type=search]", function (input) {
      input.placeholder = input.placeholder.split(" / ").length > 1 ? input.placeholder : input.dataset.placeholder;
      input.dataset.placeholder = input.dataset.placeholder || input.placeholder;
      input.placeholder = input.dataset.placeholder.split(" / ")[language === "en" ? 1 : 0];
    });
    all("[data-zh][data-en]", function (found) { found.textContent = language === "en" ? found.dataset.en : found.dataset.zh; });
    all("[data-title-words]", function (found) { found.title = yiwang.plain(payload.words[found.dataset.titleWords]); });
  }

  /* --- layers --- */
  function isShown(key) { return map.hasLayer(layers[key]); }

  function show(key, shown) {
    if (shown === isShown(key)) return;
    if (shown) map.addLayer(layers[key]);
    else map.removeLayer(layers[key]);
    all('[data-toggle="' + key + '"]', function (box) { box.checked = shown; });
    if (shown) restack();
    if (layers.labels && layers[key].paintNames) layers.labels.redraw();
  }

  /* Layers lie in the order of the payload, whenever they were switched on. */
  function restack() {
    payload.order.forEach(function (key) {
      var layer = layers[key];
      if (!map.hasLayer(layer)) return;
      if (layer._container && layer._container.parentNode) layer._container.style.zIndex = zOf(key);
      else if (layer.bringToFront && !layer.getChildCount) layer.bringToFront();
    });
  }

  /* Sheets lie above or below the one canvas of the areas and lines that react (z 200); names above all. */
  function zOf(key) {
    var place = payload.order.indexOf(key);
    if (payload.layers[key].groups) return 600;
    return (place < firstReacting() ? 100 : 300) + place;
  }

  function firstReacting() {
    for (var i = 0; i < payload.order.length; i++) {
      if (payload.layers[payload.order[i]].popup && payload.layers[payload.order[i]].areas) return i;
    }
    return payload.order.length;
  }

  function wireLegend() {
    on("[data-toggle]", "change", function (box) { show(box.dataset.toggle, box.checked); });
    on("[data-toggle-all]", "click", function (button, event) {
      event.preventDefault();
      var boxes = Array.from(button.closest("fieldset").querySelectorAll("[data-toggle]"));
      var shown = !boxes.some(function (box) { return box.checked; });
      boxes.forEach(function (box) { show(box.dataset.toggle, shown); });
    });
    on("[data-only]", "click", function (button) {
      var key = button.classList.contains("picked") ? "" : button.dataset.only;
      showAlone(button.dataset.only.split("-")[0] + "-", key);
      if (button.closest("[data-route]")) openRoute(key);
    });
    var legend = document.querySelector("[data-legend]");
    if (legend && window.matchMedia("(max-width: 800px)").matches) legend.open = false;
  }

  /* Of the layers whose keys begin alike one is shown, or with an empty key all. */
  function showAlone(family, key) {
    all("[data-only]", function (button) { button.classList.toggle("picked", button.dataset.only === key); });
    payload.order.forEach(function (other) {
      if (other.indexOf(family) === 0) show(other, !key || other === key);
    });
  }

  /* --- one route: its address is routes.html#2 --- */
  function openRoute(key) {
    history.replaceState(null, "", key ? "#" + key.split("-")[1] : location.pathname + location.search);
    if (key) document.querySelector('[data-route="' + key + '"]').open = true;
    if (window.matchMedia("(max-width: 800px)").matches) setPanel("");
    yiwang.fit(map, key && layers[key].getBounds());
  }

  function openAddressedRoute() {
    var key = "route-" + location.hash.slice(1);
    if (payload.page !== "routes" || !Object.hasOwn(payload.layers, key)) return;
    showAlone("route-", key);
    openRoute(key);
    document.querySelector('[data-route="' + key + '"]').scrollIntoView({ block: "nearest" });
  }

  /* --- focus --- */
  function mark(target) {
    map.closePopup();
    if (highlight) map.removeLayer(highlight);
    highlight = null;
    if (target.outline) {
      highlight = L.polygon(target.outline, { color: "#ffb000", weight: 4, fill: false, interactive: false });
    } else if (target.path) {
      highlight = L.polyline(target.path, { color: "#00b7f0", weight: 15, opacity: 0.6, interactive: false });
    } else if (target.ring) {
      highlight = L.circleMarker(target.ring, { radius: 16, color: "#ffb000", weight: 4, fill: false, interactive: false });
    }
    if (!highlight) return;
    highlight.addTo(map);
    if (target.path) highlight.bringToBack();
  }

  function focus(reference) {
    var parts = reference.split(":");
    show(parts[0], true);
    var target = layers[parts[0]].focus(Number(parts[1]), parts[2]);
    mark(target);
    map.fitBounds(target.bounds.pad(0.5), { maxZoom: 18, animate: false, paddingTopLeft: [0, 90] });
    yiwang.openPopup(map, target.latlng, target.layer, target.index);
    if (window.matchMedia("(max-width: 800px)").matches) setPanel("");
  }

  function wireFocus() {
    document.addEventListener("click", function (event) {
      var found = event.target.closest("[data-focus]");
      if (!found) return;
      all(".picked[data-focus]", function (other) { other.classList.remove("picked"); });
      found.classList.add("picked");
      focus(found.dataset.focus);
    });
    on("tr[data-focus]", "keydown", function (row, event) { if (event.key === "Enter") row.click(); });
    on("[data-place]", "click", function (button) {
      var latlng = button.dataset.place.split(",").map(Number);
      map.setView(latlng, 18, { animate: false });
      if (highlight) map.removeLayer(highlight);
      highlight = L.circleMarker(latlng, { radius: 16, color: "#ffb000", weight: 4, fill: false }).addTo(map);
    });
    on("[data-extent]", "click", function (button) {
      show(button.dataset.extent, true);
      map.fitBounds(layers[button.dataset.extent].getBounds(), { padding: [30, 30], animate: false });
    });
    on("[data-route]", "toggle", function (details) {
      if (details.open) show(details.dataset.route, true);
    });
    map.on("popupclose", function () { if (highlight) { map.removeLayer(highlight); highlight = null; } });
  }

  /* Lines of sheets are no objects: the nearest one to a click answers. */
  function wirePicking() {
    map.on("click", function (event) {
      payload.order.slice().reverse().some(function (key) {
        var layer = layers[key];
        if (!layer.pick || !isShown(key)) return false;
        var index = layer.pick(event.latlng);
        if (index < 0) return false;
        mark(layer.focus(index));
        yiwang.openPopup(map, event.latlng, layer.layer, index);
        return true;
      });
    });
  }

  /* --- search --- */
  function hitsOf(keys, text) {
    var found = [];
    keys.forEach(function (key) {
      var layer = payload.layers[key];
      if (!layer) return;
      var titles = layer.columns[layer.popup.title], count = (layer.at ? layer.at.length / 2 : layer.areas.length);
      for (var index = 0; index < count && found.length < 12; index++) {
        var title = String(yiwang.at(titles, index) || ""), code = String(yiwang.at(layer.columns.code, index) || "");
        if ((title + " " + code).toLowerCase().indexOf(text) >= 0) found.push([key, index, title, code]);
      }
    });
    return found;
  }

  function wireSearch() {
    on("[data-search]", "input", function (input) {
      var text = input.value.trim().toLowerCase(), list = document.querySelector("[data-hits]");
      var hits = text ? hitsOf(input.dataset.search.split(","), text) : [];
      list.replaceChildren.apply(list, hits.map(function (hit) {
        var button = yiwang.element("button", "", [hit[2], yiwang.element("small", "", [hit[3]])]);
        button.type = "button";
        button.dataset.focus = hit[0] + ":" + hit[1];
        return yiwang.element("li", "", [button]);
      }));
      list.hidden = !hits.length;
    });
  }

  /* --- slider --- */
  function wireSlider() {
    var box = document.querySelector("[data-slider]");
    if (!box || !layers.surface) return;
    var surface = payload.layers.surface, range = box.querySelector("input"), output = box.querySelector("[data-period]");
    var timer = null, top = document.querySelector("[data-ramp-top]"), middle = document.querySelector("[data-ramp-middle]");
    var monthTop = Math.max.apply(null, surface.periods.map(function (period, i) { return period === "all" ? 0 : surface.top[i]; }));
    function choose(place) {
      var period = surface.periods[place], highest = (period === "all" ? surface.top[place] : monthTop) * 10000;
      range.value = place;
      output.replaceChildren(yiwang.words(period === "all" ? payload.words.allPeriods : period));
      layers.surface.setPeriod(place);
      top.textContent = yiwang.grouped(highest, 2);
      middle.textContent = yiwang.grouped(highest / 2, 2);
    }
    function pause() {
      clearInterval(timer);
      timer = null;
      box.classList.remove("playing");
    }
    range.addEventListener("input", function () { pause(); choose(Number(range.value)); });
    box.querySelector("[data-play]").addEventListener("click", function () {
      if (timer) return pause();
      show("surface", true);
      box.classList.add("playing");
      timer = setInterval(function () { choose((Number(range.value) + 1) % surface.periods.length); }, 900);
    });
    choose(0);
  }

  /* --- panel on phones, controls --- */
  function setPanel(name) {
    var panel = document.getElementById("panel");
    panel.classList.remove("tall", "low");
    if (name) panel.classList.add(name);
    setTimeout(function () { map.invalidateSize({ pan: false }); }, 240);
  }

  function wirePanel() {
    on("[data-grip]", "click", function () {
      var panel = document.getElementById("panel");
      setPanel(panel.classList.contains("tall") ? "low" : panel.classList.contains("low") ? "" : "tall");
    });
  }

  function addControls() {
    L.control.scale({ imperial: false, maxWidth: 130, position: "bottomleft" }).addTo(map);
    var Extent = L.Control.extend({
      onAdd: function () {
        var box = yiwang.element("div", "leaflet-bar"), link = yiwang.element("a", "");
        link.href = "#";
        link.dataset.titleWords = "fullExtent";
        link.setAttribute("role", "button");
        link.setAttribute("data-full-extent", "");
        var svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("viewBox", "0 0 18 18");
        var path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", "M2 6V2h4M12 2h4v4M16 12v4h-4M6 16H2v-4");
        svg.append(path);
        link.append(svg);
        box.append(link);
        L.DomEvent.disableClickPropagation(box);
        L.DomEvent.on(link, "click", function (event) {
          L.DomEvent.preventDefault(event);
          yiwang.fit(map);
        });
        return box;
      },
    });
    new Extent({ position: "bottomright" }).addTo(map);
    var readout = document.querySelector("[data-readout]");
    map.on("mousemove", function (event) {
      readout.textContent = event.latlng.lng.toFixed(5) + "°E  " + event.latlng.lat.toFixed(5) + "°N";
    });
    map.on("mouseout", function () { readout.textContent = ""; });
  }

  /* The whole area or a part of it, clear of the open legend where the screen is wide. */
  yiwang.fit = function (fitted, bounds) {
    var legend = document.querySelector("[data-legend]"), wide = fitted.getSize().x > 820 && legend && legend.open;
    fitted.fitBounds(bounds || payload.bounds, {
      paddingTopLeft: [20, 20], paddingBottomRight: [wide ? 286 : 20, 24], maxZoom: 18, animate: false,
    });
  };

  yiwang.start = function (startedMap, startedLayers) {
    map = yiwang.map = startedMap;
    layers = yiwang.layers = startedLayers;
    addControls();
    wireLegend();
    wireFocus();
    wirePicking();
    wireSearch();
    wireSlider();
    yiwang.startConflicts(show);
    wirePanel();
    on("[data-set-lang]", "click", function (button) { setLanguage(button.dataset.setLang); });
    setLanguage(yiwang.isEnglish() ? "en" : "zh");
    var here = document.querySelector(".tabs .here");
    here.parentNode.scrollLeft = here.offsetLeft - (here.parentNode.clientWidth - here.offsetWidth) / 2;
    restack();
    if (layers.labels) layers.labels.redraw();
    openAddressedRoute();
    window.addEventListener("hashchange", openAddressedRoute);
    document.body.dataset.ready = "true";
  };
})();
