// Draws the temperature of each fridge with uPlot: the line breaks where nothing was measured, and the limits are drawn.
(function () {
  "use strict";
  var section = document.querySelector("[data-chart]");
  if (!section || !window.uPlot) return;
  var plots = {}, last = 0, busy = false;
  var word = section.dataset, lang = document.documentElement.lang;
  var time = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: word.zone || undefined });

  function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function clock(seconds) { return time.format(new Date(seconds * 1000)); }

  // under the line: the allowed range, and stripes where nothing is known.
  function ground(fridge) {
    return function (u) {
      var ctx = u.ctx, box = u.bbox, high = u.valToPos(fridge.high, "y", true), low = u.valToPos(fridge.low, "y", true);
      ctx.save();
      ctx.beginPath(); ctx.rect(box.left, box.top, box.width, box.height); ctx.clip();
      ctx.globalAlpha = 0.1; ctx.fillStyle = color("--ok"); ctx.fillRect(box.left, high, box.width, low - high);
      gaps(fridge).forEach(function (g) {
        var from = u.valToPos(g[0], "x", true), to = u.valToPos(g[1], "x", true);
        ctx.globalAlpha = 0.22; ctx.fillStyle = color("--warn"); ctx.fillRect(from, box.top, Math.max(to - from, 1), box.height);
      });
      ctx.globalAlpha = 1; ctx.strokeStyle = color("--grave"); ctx.lineWidth = devicePixelRatio; ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      [high, low].forEach(function (y) { ctx.beginPath(); ctx.moveTo(box.left, y); ctx.lineTo(box.left + box.width, y); ctx.stroke(); });
      ctx.restore();
    };
  }

  function newest(fridge) {
    var i = fridge.times.length - 1;
    return i < 0 ? [fridge.until, null] : [fridge.times[i], fridge.values[i]];
  }

  function gaps(fridge) {
    var found = [], before = null, open = false;
    fridge.times.forEach(function (t, i) {
      if (fridge.values[i] === null) { open = true; return; }
      if (open && before !== null) found.push([before, t]);
      before = t; open = false;
    });
    if (before === null) return [[fridge.from, fridge.until]];
    if (open || fridge.until - before > 1800) found.push([before, fridge.until]);
    return found;
  }

  function options(fridge, width) {
    var axis = { stroke: color("--soft"), grid: { stroke: color("--hair"), width: 1 }, ticks: { show: false }, font: "13px system-ui, sans-serif" };
    return {
      width: width, height: 220, padding: [8, 6, 0, 0],
      cursor: { y: false, drag: { x: true, y: false } },
      scales: {
        x: { time: true, range: function () { return [fridge.from, fridge.until]; } },
        y: { range: function (u, low, high) { return [Math.min(low === null ? fridge.low : low, fridge.low) - 1, Math.max(high === null ? fridge.high : high, fridge.high) + 1]; } }
      },
      axes: [
        Object.assign({}, axis, { space: 70, incrs: [3600, 7200, 10800, 14400, 21600], values: function (u, at) { return at.map(clock); } }),
        Object.assign({}, axis, { size: 44, values: function (u, at) { return at.map(function (v) { return v + "°"; }); } })
      ],
      series: [
        { label: word.time, value: function (u, v, s, i) { return clock(i === null ? newest(fridge)[0] : v); } },
        { label: word.value, stroke: color("--deep"), width: 2, spanGaps: false, points: { show: false }, value: function (u, v, s, i) { if (i === null) v = newest(fridge)[1]; return v === null || v === undefined ? word.gap : v.toFixed(1) + " °C"; } }
      ],
      hooks: { drawAxes: [ground(fridge)] }
    };
  }

  function draw(data) {
    data.fridges.forEach(function (fridge) {
      var figure = document.getElementById("chart-" + fridge.id);
      if (!figure) return;
      fridge.from = data.from; fridge.until = data.until;
      var box = figure.querySelector(".plot");
      if (plots[fridge.id]) plots[fridge.id].destroy();
      box.replaceChildren();
      plots[fridge.id] = new uPlot(options(fridge, box.clientWidth), [fridge.times, fridge.values], box);
    });
    section.dataset.drawn = String(Number(section.dataset.drawn || 0) + 1);
  }

  function load() {
    if (busy || Date.now() - last < 5000 || document.hidden) return;
    busy = true; last = Date.now();
    fetch(word.chart, { headers: { Accept: "application/json" } })
      .then(function (r) { return r.ok ? r.json() : Promise.reject(new Error(String(r.status))); })
      .then(draw)
      .catch(function () { /* the drawing of before stays, and the page says that it is not live */ })
      .finally(function () { busy = false; });
  }

  var resizing;
  window.addEventListener("resize", function () {
    clearTimeout(resizing);
    resizing = setTimeout(function () { last = 0; load(); }, 200);
  });
  document.addEventListener("meguri:live", load);
  load();
})();
