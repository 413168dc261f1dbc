/* Sheets: canvases that draw tens of thousands of lines, dots and names without one object for each. */
(function () {
  var TILE = 256;

  function mercator(lon, lat) {
    var sine = Math.sin((lat * Math.PI) / 180);
    return [TILE * (lon / 360 + 0.5), TILE * (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI))];
  }

  /* A renderer without paths: Leaflet moves and scales its canvas, we draw it anew after each move. */
  yiwang.Sheet = L.Renderer.extend({
    options: { padding: 0.15, pane: "overlayPane" },
    _initContainer: function () {
      this._container = document.createElement("canvas");
      this._container.className = "yiwang-sheet";
      this._container.style.pointerEvents = "none";
    },
    _destroyContainer: function () {
      this._container.remove();
      delete this._container;
    },
    _updatePaths: function () {},
    _update: function () {
      if (this._map._animatingZoom && this._bounds) return;
      L.Renderer.prototype._update.call(this);
      this.redraw();
    },
    redraw: function () {
      if (!this._map || !this._container) return;
      var bounds = this._bounds, size = bounds.getSize(), canvas = this._container;
      var ratio = Math.min(window.devicePixelRatio || 1, 2);
      L.DomUtil.setPosition(canvas, bounds.min);
      canvas.width = Math.round(size.x * ratio);
      canvas.height = Math.round(size.y * ratio);
      canvas.style.width = size.x + "px";
      canvas.style.height = size.y + "px";
      var context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      var corner = this._map.getPixelOrigin().add(bounds.min);
      var scale = Math.pow(2, this._zoom);
      this.paint(context, { scale: scale, x: corner.x, y: corner.y, width: size.x, height: size.y, zoom: this._zoom });
      this.paints = (this.paints || 0) + 1;
    },
  });

  /* Lines as one run of world coordinates, with the box of each line. */
  function packLines(lines) {
    var total = lines.reduce(function (sum, line) { return sum + line.length; }, 0);
    var xy = new Float64Array(total), start = new Int32Array(lines.length + 1), box = new Float64Array(4 * lines.length);
    var place = 0;
    lines.forEach(function (line, number) {
      var lon = yiwang.payload.origin[0], lat = yiwang.payload.origin[1];
      var minx = Infinity, miny = Infinity, maxx = -Infinity, maxy = -Infinity;
      for (var i = 0; i < line.length; i += 2) {
        lon += line[i];
        lat += line[i + 1];
        var point = mercator(lon / 1e6, lat / 1e6);
        xy[place++] = point[0];
        xy[place++] = point[1];
        minx = Math.min(minx, point[0]); maxx = Math.max(maxx, point[0]);
        miny = Math.min(miny, point[1]); maxy = Math.max(maxy, point[1]);
      }
      start[number + 1] = place;
      box.set([minx, miny, maxx, maxy], 4 * number);
    });
    return { xy: xy, start: start, box: box, size: lines.length };
  }

  yiwang.LineSheet = yiwang.Sheet.extend({
    initialize: function (layer, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._layer = layer;
      this._packed = packLines(layer.lines);
      var byClass = layer.styles.map(function () { return []; });
      layer["class"].forEach(function (place, number) { byClass[place].push(number); });
      this._byClass = byClass;
    },
    _visible: function (number, view) {
      var box = this._packed.box, i = 4 * number, margin = 12;
      return box[i] * view.scale < view.x + view.width + margin && box[i + 2] * view.scale > view.x - margin &&
        box[i + 1] * view.scale < view.y + view.height + margin && box[i + 3] * view.scale > view.y - margin;
    },
    _stroke: function (context, numbers, view, colour, width) {
      var xy = this._packed.xy, start = this._packed.start, drawn = 0;
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (var n = 0; n < numbers.length; n++) {
        var i = start[numbers[n]], end = start[numbers[n] + 1];
        context.moveTo(xy[i] * view.scale - view.x, xy[i + 1] * view.scale - view.y);
        for (i += 2; i < end; i += 2) context.lineTo(xy[i] * view.scale - view.x, xy[i + 1] * view.scale - view.y);
        if (++drawn % 400 === 0) {
          context.stroke();
          context.beginPath();
        }
      }
      context.stroke();
    },
    widthOf: function (place, zoom) {
      var width = this._layer.styles[place][2] * Math.pow(2, (Math.min(zoom, 18.5) - 16) * 0.62);
      return Math.max(width, place < 4 ? 1.2 : 0.6);
    },
    paint: function (context, view) {
      var sheet = this, styles = this._layer.styles;
      context.lineJoin = context.lineCap = "round";
      var shown = this._byClass.map(function (numbers, place) {
        if (view.zoom < 13 && place > 4 && sheet._packed.size > 4000) return [];
        return numbers.filter(function (number) { return sheet._visible(number, view); });
      });
      for (var pass = 0; pass < 2; pass++) {
        for (var place = styles.length - 1; place >= 0; place--) {
          var width = sheet.widthOf(place, view.zoom), casing = styles[place][1];
          if (!shown[place].length) continue;
          if (pass === 0 && casing) sheet._stroke(context, shown[place], view, casing, width + Math.min(2, 0.7 + width * 0.25));
          if (pass === 1 && (!casing || width > 1)) sheet._stroke(context, shown[place], view, styles[place][0], width);
        }
      }
      this._shown = shown;
    },
    /* Names along the lines, drawn by the sheet of names so that they lie above all areas. */
    paintNames: function (context, view, placed) {
      var layer = this._layer, shown = this._shown;
      if (!layer.names || !shown || view.zoom < 15.4) return;
      context.font = "11.5px " + getComputedStyle(document.body).fontFamily;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineWidth = 3;
      context.strokeStyle = "rgba(255,255,255,.92)";
      context.fillStyle = "#5b5346";
      for (var place = 0; place < shown.length; place++) {
        for (var n = 0; n < shown[place].length; n++) {
          var number = shown[place][n], name = layer.names[layer.name[number]];
          if (!name) continue;
          var run = this._longestRun(number, view);
          if (run.length < name.length * 9 + 14) continue;
          var near = placed.some(function (other) {
            var dx = other.x - run.x, dy = other.y - run.y, far = other.name === name ? 260 : 46;
            return dx * dx + dy * dy < far * far;
          });
          if (near) continue;
          placed.push({ x: run.x, y: run.y, name: name });
          context.save();
          context.translate(run.x, run.y);
          context.rotate(run.angle);
          context.strokeText(name, 0, 0);
          context.fillText(name, 0, 0);
          context.restore();
        }
      }
    },
    _longestRun: function (number, view) {
      var xy = this._packed.xy, best = { length: 0, x: 0, y: 0, angle: 0 };
      for (var i = this._packed.start[number]; i < this._packed.start[number + 1] - 2; i += 2) {
        var ax = xy[i] * view.scale - view.x, ay = xy[i + 1] * view.scale - view.y;
        var bx = xy[i + 2] * view.scale - view.x, by = xy[i + 3] * view.scale - view.y;
        var length = Math.hypot(bx - ax, by - ay), x = (ax + bx) / 2, y = (ay + by) / 2;
        if (length > best.length && x > 0 && y > 0 && x < view.width && y < view.height) {
          var angle = Math.atan2(by - ay, bx - ax);
          if (angle > Math.PI / 2) angle -= Math.PI;
          if (angle < -Math.PI / 2) angle += Math.PI;
          best = { length: length, x: x, y: y, angle: angle };
        }
      }
      return best;
    },
    /* The line nearest to a place, at most some pixels off; -1 when there is none. */
    nearest: function (latlng, pixels) {
      var scale = Math.pow(2, this._map.getZoom()), limit = pixels / scale, best = -1, bestDistance = limit * limit;
      var point = mercator(latlng.lng, latlng.lat), x = point[0], y = point[1], packed = this._packed;
      for (var number = 0; number < packed.size; number++) {
        var b = 4 * number;
        if (x < packed.box[b] - limit || y < packed.box[b + 1] - limit || x > packed.box[b + 2] + limit || y > packed.box[b + 3] + limit) continue;
        for (var i = packed.start[number]; i < packed.start[number + 1] - 2; i += 2) {
          var distance = L.LineUtil._sqClosestPointOnSegment(
            L.point(x, y), L.point(packed.xy[i], packed.xy[i + 1]), L.point(packed.xy[i + 2], packed.xy[i + 3]), true);
          if (distance < bestDistance) {
            bestDistance = distance;
            best = number;
          }
        }
      }
      return best;
    },
  });

  function packPoints(flat) {
    var xy = new Float64Array(flat.length);
    for (var i = 0; i < flat.length / 2; i++) {
      var latlng = yiwang.decodePoint(flat, i);
      xy.set(mercator(latlng[1], latlng[0]), 2 * i);
    }
    return xy;
  }

  yiwang.DotSheet = yiwang.Sheet.extend({
    initialize: function (layer, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._layer = layer;
      this._xy = packPoints(layer.at);
    },
    paint: function (context, view) {
      var radius = this._layer.radius * Math.min(1.3, Math.max(0.45, Math.pow(2, (view.zoom - 16) * 0.4)));
      context.fillStyle = this._layer.colour;
      context.strokeStyle = "#fff";
      context.lineWidth = 1;
      for (var i = 0; i < this._xy.length; i += 2) {
        var x = this._xy[i] * view.scale - view.x, y = this._xy[i + 1] * view.scale - view.y;
        if (x < -9 || y < -9 || x > view.width + 9 || y > view.height + 9) continue;
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.fill();
        if (radius > 2) context.stroke();
      }
    },
  });

  yiwang.NameSheet = yiwang.Sheet.extend({
    initialize: function (layer, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._groups = layer.groups.map(function (group) {
        return { xy: packPoints(group.at), text: group.text, zoom: group.zoom, major: group.major };
      });
    },
    paint: function (context, view) {
      var taken = [], family = getComputedStyle(document.body).fontFamily;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineJoin = "round";
      var placed = [];
      yiwang.payload.order.forEach(function (key) {
        var layer = yiwang.layers && yiwang.layers[key];
        if (layer && layer.paintNames && layer._map) layer.paintNames(context, view, placed);
      });
      this._groups.forEach(function (group) {
        if (view.zoom < group.zoom) return;
        context.font = (group.major ? "600 13px " : "11.5px ") + family;
        context.lineWidth = 3.5;
        context.strokeStyle = "rgba(255,255,255,.9)";
        context.fillStyle = group.major ? "#3c4652" : "#1f4a6b";
        group.text.forEach(function (text, number) {
          var x = group.xy[2 * number] * view.scale - view.x, y = group.xy[2 * number + 1] * view.scale - view.y;
          if (!text || x < 0 || y < 0 || x > view.width || y > view.height) return;
          var half = context.measureText(text).width / 2 + 5;
          var clash = taken.some(function (box) {
            return Math.abs(box[0] - x) < box[1] + half && Math.abs(box[2] - y) < 16;
          });
          if (clash) return;
          taken.push([x, half, y]);
          context.strokeText(text, x, y);
          context.fillText(text, x, y);
        });
      });
    },
  });
})();
