/* The intensity surface: one pixel for each grid point, laid over the map by its three corners. */
(function () {
  function rampTable(stops) {
    var canvas = document.createElement("canvas");
    canvas.width = 256;
    canvas.height = 1;
    var context = canvas.getContext("2d", { willReadFrequently: true }), fill = context.createLinearGradient(0, 0, 256, 0);
    stops.forEach(function (colour, place) { fill.addColorStop(place / (stops.length - 1), colour); });
    context.fillStyle = fill;
    context.fillRect(0, 0, 256, 1);
    return context.getImageData(0, 0, 256, 1).data;
  }

  yiwang.HeatSheet = yiwang.Sheet.extend({
    initialize: function (layer, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._layer = layer;
      this._ramp = rampTable(layer.ramp);
      this._pictures = {};
      this._period = 0;
    },
    _initContainer: function () {
      yiwang.Sheet.prototype._initContainer.call(this);
      this._container.style.mixBlendMode = "multiply";
    },
    setPeriod: function (place) {
      this._period = place;
      this.redraw();
    },
    /* The picture of one period: rows from the north, colours by score. */
    _picture: function (place) {
      if (this._pictures[place]) return this._pictures[place];
      var layer = this._layer, canvas = document.createElement("canvas"), cell = 0;
      canvas.width = layer.nx;
      canvas.height = layer.ny;
      var context = canvas.getContext("2d"), image = context.createImageData(layer.nx, layer.ny), ramp = this._ramp;
      layer.scores[place].forEach(function (value) {
        if (value < 0) {
          cell -= value;
          return;
        }
        var row = layer.ny - 1 - Math.floor(cell / layer.nx), pixel = 4 * (row * layer.nx + (cell % layer.nx));
        for (var i = 0; i < 4; i++) image.data[pixel + i] = ramp[4 * value + i];
        cell += 1;
      });
      context.putImageData(image, 0, 0);
      return (this._pictures[place] = canvas);
    },
    paint: function (context, view) {
      var map = this._map, layer = this._layer, origin = L.point(view.x, view.y);
      var corners = layer.corners.map(function (corner) {
        return map.project(yiwang.decodePoint(corner, 0), view.zoom).subtract(origin);
      });
      var southWest = corners[0], southEast = corners[1], northWest = corners[2];
      context.save();
      context.transform(
        (southEast.x - southWest.x) / layer.nx, (southEast.y - southWest.y) / layer.nx,
        (southWest.x - northWest.x) / layer.ny, (southWest.y - northWest.y) / layer.ny, northWest.x, northWest.y);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.globalAlpha = 0.92;
      context.drawImage(this._picture(this._period), 0, 0);
      context.restore();
    },
  });
})();
