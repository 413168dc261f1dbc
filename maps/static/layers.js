/* How each kind of layer of the payload becomes a Leaflet layer. Each answers `focus(index, part)` with what to show. */
(function () {
  var kinds = yiwang.kinds, WIDE = 270;

  function popupOptions(map, layer) {
    var isNarrow = map.getSize().x < 800;
    return {
      maxWidth: Math.min(350, map.getSize().x - 84), minWidth: layer.zonings ? WIDE : 190,
      autoPanPaddingTopLeft: [24, isNarrow ? 60 : 24], autoPanPaddingBottomRight: [24, 24],
    };
  }

  yiwang.draw = function (key, kind) {
    var layer = kinds[kind](yiwang.payload.layers[key], key);
    layer.yiwangKey = key;
    return layer;
  };

  yiwang.openPopup = function (map, latlng, layer, index) {
    if (!layer.popup) return;
    L.popup(popupOptions(map, layer)).setLatLng(latlng).setContent(yiwang.popupContent(layer, index)).openOn(map);
  };

  function hoverTitle(group, layer) {
    if (!L.Browser.mobile) {
      group.bindTooltip(function (feature) {
        return yiwang.element("span", "", [yiwang.words(yiwang.at(layer.columns[layer.popup.title], feature.yiwangIndex))]);
      }, { sticky: true, opacity: 1, offset: [10, 0] });
    }
    group.on("click", function (event) {
      L.DomEvent.stopPropagation(event);
      yiwang.openPopup(group._map, event.latlng, layer, event.layer.yiwangIndex);
    });
  }

  /* Filled areas that do not react lie on a canvas of their own below everything, so that streets can lie on them. */
  function backdrop() {
    var canvas = L.canvas({ padding: 0.2 }), place = canvas._initContainer;
    canvas._initContainer = function () {
      place.call(canvas);
      canvas._container.style.zIndex = 50;
      canvas._container.style.pointerEvents = "none";
    };
    return canvas;
  }

  kinds.areas = function (layer) {
    var style = layer.style, quiet = !layer.popup && style.fillOpacity > 0, renderer = quiet ? backdrop() : undefined;
    var features = layer.areas.map(function (area, index) {
      var fill = layer.palette ? layer.palette[layer.shade[index]] : style.fill || style.color;
      var polygon = L.polygon(area.map(function (rings) { return rings.map(yiwang.decodeChain); }), {
        color: style.color, weight: style.weight, opacity: style.opacity, dashArray: style.dash || null,
        fill: style.fillOpacity > 0 || Boolean(layer.popup), fillColor: fill, fillOpacity: style.fillOpacity,
        interactive: Boolean(layer.popup), smoothFactor: 0.4, renderer: renderer,
      });
      polygon.yiwangIndex = index;
      return polygon;
    });
    var group = L.featureGroup(features);
    if (layer.popup) {
      hoverTitle(group, layer);
      group.on("mouseover", function (event) {
        event.layer.setStyle({ weight: style.weight + 1.6, fillOpacity: Math.min(style.fillOpacity + 0.16, 0.9) });
      });
      group.on("mouseout", function (event) {
        event.layer.setStyle({ weight: style.weight, fillOpacity: style.fillOpacity });
      });
    }
    group.keep = function (test) {
      features.forEach(function (feature, index) {
        if (test(index)) group.addLayer(feature);
        else group.removeLayer(feature);
      });
    };
    group.focus = function (index) {
      var feature = features[index], bounds = feature.getBounds();
      group.addLayer(feature);
      return { bounds: bounds, latlng: L.latLng(bounds.getNorth(), bounds.getCenter().lng), layer: layer, index: index,
        outline: feature.getLatLngs() };
    };
    return group;
  };

  kinds.sheet = function (layer) {
    var sheet = new yiwang.LineSheet(layer);
    if (layer.popup) sheet.pick = function (latlng) { return sheet.nearest(latlng, 9); };
    sheet.layer = layer;
    sheet.focus = function (index) {
      var points = yiwang.decodeChain(layer.lines[index]), bounds = L.latLngBounds(points);
      return { bounds: bounds, latlng: points[Math.floor(points.length / 2)], layer: layer, index: index, path: points };
    };
    return sheet;
  };

  /* Single places as dots that answer; for some thousands at the most. */
  kinds.places = function (layer) {
    var dots = [];
    for (var index = 0; index < layer.at.length / 2; index++) {
      var dot = L.circleMarker(yiwang.decodePoint(layer.at, index), {
        radius: 5, color: "#fff", weight: 1.4, fillColor: layer.colour, fillOpacity: 0.95,
      });
      dot.yiwangIndex = index;
      dots.push(dot);
    }
    var group = L.featureGroup(dots);
    hoverTitle(group, layer);
    group.focus = function (index) {
      var latlng = dots[index].getLatLng();
      return { bounds: latlng.toBounds(120), latlng: latlng, layer: layer, index: index, ring: latlng };
    };
    return group;
  };

  kinds.dots = function (layer) { return new yiwang.DotSheet(layer); };
  kinds.labels = function (layer) { return new yiwang.NameSheet(layer); };
  kinds.heat = function (layer) { return new yiwang.HeatSheet(layer); };

  function glyph(path, box) {
    var space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", box || "0 0 18 18");
    var line = document.createElementNS(space, "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  function pin(layer) {
    var made = yiwang.element("div", "pin", [glyph(layer.icon)]);
    made.style.background = layer.colour;
    return made;
  }

  function divIcon(content, size, right, down) {
    var anchor = [size / 2 - (right || 0), size / 2 - (down || 0)];
    return L.divIcon({ html: content, className: "", iconSize: [size, size], iconAnchor: anchor });
  }

  kinds.markers = function (layer) {
    var group = L.markerClusterGroup({
      maxClusterRadius: function (zoom) { return zoom < 16 ? 84 : 48; }, disableClusteringAtZoom: 18, showCoverageOnHover: false, chunkedLoading: true,
      spiderfyOnMaxZoom: false, animate: layer.at.length < 4000,
      iconCreateFunction: function (cluster) {
        return divIcon(yiwang.element("div", "bunch", [pin(layer), yiwang.element("b", "", [String(cluster.getChildCount())])]), 30);
      },
    });
    var markers = [];
    for (var index = 0; index < layer.at.length / 2; index++) {
      var marker = L.marker(yiwang.decodePoint(layer.at, index), { icon: divIcon(pin(layer), 24), keyboard: false });
      marker.yiwangIndex = index;
      markers.push(marker);
    }
    group.addLayers(markers);
    hoverTitle(group, layer);
    group.focus = function (index) {
      var latlng = markers[index].getLatLng();
      return { bounds: latlng.toBounds(160), latlng: latlng, layer: layer, index: index };
    };
    return group;
  };

  /* A line set off to its right, so that both ways along a street can be told apart. */
  var SetOffLine = L.Polyline.extend({
    _update: function () {
      if (!this._map) return;
      this._clipPoints();
      this._simplifyPoints();
      this._parts = this._parts.map(function (part) { return setOff(part, 2.2); });
      this._updatePath();
    },
  });

  /* Arrows in walking direction over all legs of a route: evenly spaced along the way, however short its legs are. */
  var Arrows = SetOffLine.extend({
    options: { noClip: true, interactive: false, smoothFactor: 0.6 },
    _updatePath: function () {
      if (this._renderer._drawing) drawArrows(this._renderer._ctx, this._parts, this.options);
    },
  });

  function setOff(part, distance) {
    return part.map(function (point, i) {
      var before = part[Math.max(i - 1, 0)], after = part[Math.min(i + 1, part.length - 1)];
      var dx = after.x - before.x, dy = after.y - before.y, length = Math.hypot(dx, dy) || 1;
      return L.point(point.x - (dy / length) * distance, point.y + (dx / length) * distance);
    });
  }

  function drawArrows(context, parts, options) {
    var spacing = 84, walked = spacing / 2;
    context.save();
    context.globalAlpha = 1;
    context.setLineDash([]);
    context.lineWidth = 1.2;
    parts.forEach(function (part, place) {
      var idle = options.deadhead[place] === 1, size = idle ? 6.2 : 7.6;
      context.strokeStyle = idle ? options.color : "#fff";
      context.fillStyle = idle ? "#fff" : options.color;
      for (var i = 1; i < part.length; i++) {
        var dx = part[i].x - part[i - 1].x, dy = part[i].y - part[i - 1].y, length = Math.hypot(dx, dy);
        var angle = Math.atan2(dy, dx);
        for (var next = spacing - walked; next < length; next += spacing) {
          context.save();
          context.translate(part[i - 1].x + (dx * next) / length, part[i - 1].y + (dy * next) / length);
          context.rotate(angle);
          context.beginPath();
          context.moveTo(size, 0);
          context.lineTo(-size * 0.7, size * 0.72);
          context.lineTo(-size * 0.3, 0);
          context.lineTo(-size * 0.7, -size * 0.72);
          context.closePath();
          context.stroke();
          context.fill();
          context.restore();
        }
        walked = (walked + length) % spacing;
      }
    });
    context.restore();
  }

  function legLines(layer, group) {
    if (!layer.legs) return [];
    var lines = layer.legs.lines.map(function (chain, index) {
      var idle = layer.legs.deadhead[index] === 1;
      var line = new SetOffLine(yiwang.decodeChain(chain), {
        color: layer.colour, weight: idle ? 2.6 : 4.2, opacity: idle ? 0.85 : 0.92, dashArray: idle ? "4 6" : null,
        smoothFactor: 0.6, lineCap: idle ? "butt" : "round",
      });
      line.yiwangIndex = index;
      return line;
    });
    var legs = L.featureGroup(lines);
    hoverTitle(legs, layer.legs);
    group.addLayer(legs);
    var ways = lines.map(function (line) { return line.getLatLngs(); });
    group.addLayer(new Arrows(ways, { color: layer.colour, deadhead: layer.legs.deadhead }));
    return lines;
  }

  function visitMarkers(layer, group) {
    if (!layer.visits) return [];
    var visits = L.featureGroup(), markers = layer.visits.number.map(function (number, index) {
      var badge = yiwang.element("div", "visit", [String(number)]);
      badge.style.borderColor = layer.colour;
      var latlng = yiwang.decodePoint(layer.visits.at, index), icon = divIcon(badge, 22);
      var marker = L.marker(latlng, { icon: icon, zIndexOffset: 500, keyboard: false });
      marker.yiwangIndex = index;
      visits.addLayer(marker);
      return marker;
    });
    hoverTitle(visits, layer.visits);
    group.addLayer(visits);
    return markers;
  }

  /* Visits next to the depot whose mark would lie on its mark at this zoom stand below it. */
  function clearDepot(map, layer, markers) {
    var start = L.latLng(yiwang.decodePoint(layer.depot, 0)), below = 0;
    var depot = map.latLngToLayerPoint(start).add([20 * layer.depotPlace, 0]);
    markers.forEach(function (marker) {
      var gap = map.latLngToLayerPoint(marker.getLatLng()).subtract(depot);
      var isNear = Math.max(Math.abs(gap.x), Math.abs(gap.y)) < 18 && start.distanceTo(marker.getLatLng()) < 60;
      var shift = isNear ? L.point(0, 22 * ++below).subtract(gap) : L.point(0, 0);
      marker.setIcon(divIcon(marker.options.icon.options.html, 22, shift.x, shift.y));
    });
  }

  kinds.route = function (layer) {
    var group = L.featureGroup(), lines = legLines(layer, group), markers = visitMarkers(layer, group);
    var house = yiwang.element("div", "depot", [glyph("M3 9l6-5 6 5M5 8v6h8V8")]);
    house.style.background = layer.colour;
    group.addLayer(L.marker(yiwang.decodePoint(layer.depot, 0), { icon: divIcon(house, 24, 20 * layer.depotPlace), zIndexOffset: 400 })
      .bindTooltip(function () { return yiwang.element("span", "", [yiwang.words(layer.depotTitle)]); }, { opacity: 1 }));
    group.onAdd = function (map) {
      L.FeatureGroup.prototype.onAdd.call(group, map);
      map.on("zoomend", clear);
      clear();
    };
    group.onRemove = function (map) {
      map.off("zoomend", clear);
      L.FeatureGroup.prototype.onRemove.call(group, map);
    };
    function clear() { clearDepot(group._map, layer, markers); }
    group.focus = function (index, part) {
      if (part === "visit") {
        var latlng = markers[index].getLatLng();
        return { bounds: latlng.toBounds(260), latlng: latlng, layer: layer.visits, index: index };
      }
      var points = lines[index].getLatLngs();
      return { bounds: L.latLngBounds(points), latlng: points[Math.floor(points.length / 2)], layer: layer.legs, index: index,
        path: points };
    };
    return group;
  };
})();
