// The charts. Chart.js draws; what it draws is also told in words and in a table beside it.

const charts = {};

/** Give a colour of the style sheet as the canvas wants it. */
function colour(name) {
  const probe = $("nav");
  const before = probe.style.color;
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.style.color = before;
  return found;
}

function palette() {
  const names = ["text", "soft", "line", "panel", "accent", "ok", "warning", "unknown", "critical",
    "ok-fill", "warning-fill", "unknown-fill", "critical-fill"];
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

const faint = (rgb, alpha) => rgb.replace(/^rgba?\(([^,]+),([^,]+),([^,)]+).*/, `rgba($1,$2,$3,${alpha})`);

/** Sizes on paper, in pixels of 1/96 inch: half the width of A4, legible when it is made narrower. */
const PAPER = { trend: [340, 130], histogram: [340, 240], scatter: [340, 260] };

function draw(name, configuration, words) {
  const canvas = $(`${name}-chart`);
  canvas.setAttribute("aria-label", words);
  charts[name]?.destroy();
  charts[name] = new Chart(canvas, configuration);
  if (isPrinting()) charts[name].resize(...PAPER[name]);
}

/** The numbers of a chart as a table that opens. */
function alternative(id, caption, columns, rows) {
  const wasOpen = $(id).querySelector("details")?.open ?? false;
  $(id).replaceChildren(el("details", { open: wasOpen },
    el("summary", { "data-key": id }, "The same in numbers"),
    el("div", { class: "inner" }, el("table", {}, el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, columns.map((column, place) => el("th", { scope: "col", class: place ? "number" : null }, column)))),
      el("tbody", {}, rows.map(([first, ...others]) => el("tr", {}, el("th", { scope: "row" }, first),
        others.map((cell) => el("td", { class: "number" }, cell)))))))));
}

function common(colours) {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 11;
  Chart.defaults.color = colours.soft;
  Chart.defaults.borderColor = colours.line;
  return {
    animation: false, maintainAspectRatio: false, responsive: !isPrinting(), parsing: false, normalized: true,
    devicePixelRatio: Math.max(2, window.devicePixelRatio || 1),
    plugins: {
      legend: { display: false },
      tooltip: { backgroundColor: colours.panel, titleColor: colours.text, bodyColor: colours.text, footerColor: colours.soft,
        borderColor: colours.soft, borderWidth: 1, padding: 8, cornerRadius: 4, displayColors: false },
    },
  };
}

function showCharts(data) {
  const colours = palette();
  showTrend(data, colours);
  showHistogram(data, colours);
  showScatter(data, colours);
}

function showTrend(data, colours) {
  const times = data.trend.at.map((at) => Date.parse(at) / 1000);
  $("trend").hidden = times.length < 2;
  if (times.length < 2) return;
  const span = times.at(-1) - times[0];
  $("trend-span").replaceChildren("since ", time(data.trend.at[0], MINUTE));
  const bad = ["critical", "unknown", "warning"];
  const datasets = bad.map((state) => ({
    label: state, data: times.map((x, place) => ({ x, y: data.trend[state][place] })),
    backgroundColor: colours[`${state}-fill`], borderColor: colours.panel, borderWidth: 1, fill: true, pointRadius: 0, pointHitRadius: 6, stepped: false,
  }));
  const base = common(colours);
  const last = bad.map((state) => `${count(data.trend[state].at(-1))} ${state}`).join(", ");
  draw("trend", {
    type: "line",
    data: { datasets },
    options: { ...base, interaction: { mode: "index", intersect: false },
      scales: {
        x: { type: "linear", min: times[0], max: times.at(-1), grid: { display: false },
          afterBuildTicks: (scale) => { scale.ticks = timeTicks(times[0], times.at(-1)); },
          ticks: { autoSkip: true, autoSkipPadding: 8, maxRotation: 0, callback: (value) => timeWords(value, span) } },
        y: { stacked: true, beginAtZero: true, suggestedMax: 5, ticks: { maxTicksLimit: 4, precision: 0, callback: (value) => count(value) } },
      },
      plugins: { ...base.plugins, legend: { display: true, reverse: true, position: "bottom", align: "start", labels: { boxWidth: 10, boxHeight: 10, padding: 10, color: colours.soft } },
        tooltip: { ...base.plugins.tooltip, displayColors: true, callbacks: { title: (items) => LONG.format(new Date(items[0].parsed.x * 1000)) } } },
    },
  }, `Devices that are not ok over time; last: ${last}.`);
  const every = Math.max(1, Math.ceil(times.length / 40));
  alternative("trend-table", "Devices by state over time", ["Sweep", ...STATES],
    times.map((at, place) => [at, place]).filter(([, place]) => place % every === 0 || place === times.length - 1)
      .map(([at, place]) => [time(at * 1000), ...STATES.map((state) => count(data.trend[state][place]))]));
}

const STEPS = [300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

/** Round times of the reader's clock. */
function timeTicks(from, to) {
  const step = STEPS.find((one) => one >= (to - from) / 5) ?? STEPS.at(-1);
  const ahead = -60 * new Date(to * 1000).getTimezoneOffset();
  const ticks = [];
  for (let at = Math.ceil((from + ahead) / step) * step - ahead; at <= to; at += step) ticks.push({ value: at });
  return ticks;
}

function timeWords(at, span) {
  const date = new Date(at * 1000);
  return span > 432000 || (date.getHours() === 0 && date.getMinutes() === 0) ? DAY.format(date) : SHORT.format(date);
}

/** Where a value stands on an axis of bins: whole numbers are their edges. */
function placeOf(value, edges) {
  if (value <= edges[0]) return value / edges[0];
  const above = edges.findIndex((edge) => edge >= value);
  if (above < 0) return edges.length + 0.5;
  const low = Math.log(edges[above - 1]);
  return above + (Math.log(value) - low) / (Math.log(edges[above]) - low);
}

function showHistogram(data, colours) {
  const { edges_s: edges, counts, without } = data.histogram;
  const { offset_warning_s: warning, offset_critical_s: critical } = data.thresholds;
  const total = counts.reduce((sum, one) => sum + one, 0);
  const names = counts.map((_, bin) => (bin === 0 ? `below ${bound(edges[0])}` : bin === edges.length ? `from ${bound(edges.at(-1))} on` : `${bound(edges[bin - 1])} to ${bound(edges[bin])}`));
  const zone = (bin) => { const from = bin ? edges[bin - 1] : 0; return from >= critical ? "critical-fill" : from >= warning ? "warning-fill" : "accent"; };
  const beyond = counts.reduce((sum, one, bin) => sum + ((bin ? edges[bin - 1] : 0) >= warning ? one : 0), 0);
  $("histogram-lead").textContent = total
    ? `Without their sign, of ${counted(total, "device")}; ${count(beyond)} at ${bound(warning)} or more.${without ? ` ${count(without)} report none.` : ""}`
    : "No device reports an offset.";
  $("histogram-chart").parentElement.hidden = $("histogram-table").hidden = !total;
  if (!total) return;
  const base = common(colours);
  draw("histogram", {
    type: "bar",
    data: { datasets: [{ data: counts.map((y, bin) => ({ x: bin + 0.5, y: y || null })), backgroundColor: counts.map((_, bin) => colours[zone(bin)]),
      minBarLength: 3, barPercentage: 1, categoryPercentage: 0.9 }] },
    options: { ...base, layout: { padding: { top: 26 } }, interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: { type: "linear", min: 0, max: counts.length, offset: false, grid: { display: false, offset: false },
          ticks: { stepSize: 1, autoSkip: false, maxRotation: 0, font: { size: 10 }, callback(value) { return edgeWords(edges[value - 1], this.chart.width < 460); } } },
        y: { beginAtZero: true, suggestedMax: 4, ticks: { precision: 0, maxTicksLimit: 6, callback: (value) => count(value) } },
      },
      plugins: { ...base.plugins, tooltip: { ...base.plugins.tooltip, callbacks: {
        title: (items) => names[Math.floor(items[0].parsed.x)], label: (item) => counted(item.parsed.y, "device") } } },
    },
    plugins: [marks((chart) => {
      barCounts(chart, counts, colours);
      threshold(chart, placeOf(warning, edges), `warning ${bound(warning)}`, colours.warning, "right");
      threshold(chart, placeOf(critical, edges), `critical ${bound(critical)}`, colours.critical, "left");
    })],
  }, `How many devices report which offset: ${counts.map((one, bin) => one && `${one} ${names[bin]}`).filter(Boolean).join(", ") || "none"}.`);
  alternative("histogram-table", "Devices by offset", ["Offset", "Devices"], counts.map((one, bin) => [names[bin], count(one)]));
}

/** Decades with their unit, what is between them without; on a narrow chart the decades alone. */
function edgeWords(edge, isNarrow) {
  if (edge === undefined) return "";
  const digits = edge.toExponential().split("e")[0];
  if (digits === "1") return bound(edge);
  return isNarrow ? "" : bound(edge).replace(/1 min/, "60").split(" ")[0];
}

/** Draw on top of a chart, within what it has drawn. */
const marks = (paint) => ({ id: "marks", afterDatasetsDraw(chart) { chart.ctx.save(); paint(chart); chart.ctx.restore(); } });

function barCounts({ ctx, scales: { x } , chartArea, ...chart }, counts, colours) {
  const width = (x.right - x.left) / counts.length;
  ctx.textAlign = "center";
  ctx.font = `10px ${Chart.defaults.font.family}`;
  ctx.fillStyle = colours.text;
  counts.forEach((one, bin) => {
    if (!one) return;
    const words = width < 30 && one >= 1000 ? `${(one / 1000).toFixed(one < 10000 ? 1 : 0)}k` : count(one);
    ctx.fillText(words, x.getPixelForValue(bin + 0.5), Math.min(chart.$context.chart.scales.y.getPixelForValue(one), chartArea.bottom - 2) - 4);
  });
}

function threshold({ ctx, scales: { x }, chartArea: { top, bottom, right, left } }, place, words, paint, side) {
  const at = x.getPixelForValue(place);
  if (at > right || at < left) return;
  ctx.strokeStyle = paint;
  ctx.lineWidth = 1.25;
  ctx.setLineDash([4, 3]);
  ctx.beginPath(); ctx.moveTo(at, top - 8); ctx.lineTo(at, bottom); ctx.stroke();
  ctx.fillStyle = paint;
  ctx.font = `600 10px ${Chart.defaults.font.family}`;
  const width = ctx.measureText(words).width;
  const from = side === "right" ? at - width + 4 : at - 4;
  ctx.textAlign = "left";
  ctx.fillText(words, Math.max(left, Math.min(right - width, from)), top - 12);
}

// An axis that is even around zero and logarithmic further out.
const bend = (value, even) => Math.sign(value) * Math.log10(1 + Math.abs(value) / even);
const unbend = (value, even) => Math.sign(value) * even * (10 ** Math.abs(value) - 1);
const EVEN_OFFSET_S = 0.001;
const EVEN_SKEW_S = 1;
const OFFSET_TICKS = [0.01, 0.1, 1, 10, 60, 600, 3600, 86400];
const SKEW_TICKS = [2, 10, 60, 600, 3600, 86400, 864000, 31557600, 315576000, 3155760000];
const REACH = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86400, 864000, 31557600, 315576000, 3155760000];

/** What a mark means: words, shape, size and colour, never colour alone. */
const MARKS = [
  { key: "agrees", words: "agrees", style: "circle", radius: 2.5, paint: "ok" },
  { key: "warning", words: "warning", style: "triangle", radius: 4.5, paint: "warning" },
  { key: "critical", words: "critical", style: "crossRot", radius: 4.5, paint: "critical", border: 2 },
  { key: "wrong", words: "follows a wrong server", style: "rectRot", radius: 5.5, paint: "critical" },
];

function markOf(devices, row, thresholds) {
  const certain = Math.abs(devices.skew_s[row]) - (devices.uncertainty_s[row] ?? 0);
  if (Math.abs(devices.offset_s[row]) < thresholds.offset_warning_s && certain >= thresholds.skew_warning_s) return 3;
  const state = Number(devices.state[row]);
  return state === 0 ? 0 : state === 3 ? 2 : 1;
}

function showScatter(data, colours) {
  const devices = data.devices;
  const groups = MARKS.map(() => []);
  let most = [data.thresholds.offset_critical_s, data.thresholds.skew_critical_s];
  for (let row = 0; row < devices.count; row += 1) {
    const offset = devices.offset_s[row];
    const skew = devices.skew_s[row];
    if (offset === null || skew === null) continue;
    most = [Math.max(most[0], Math.abs(offset)), Math.max(most[1], Math.abs(skew))];
    groups[markOf(devices, row, data.thresholds)].push({ x: bend(offset, EVEN_OFFSET_S), y: bend(skew, EVEN_SKEW_S), row });
  }
  const { wrong_server: wrong, agrees, off, without } = data.agreement;
  $("scatter-lead").replaceChildren(
    wrong ? el("strong", { class: "critical" }, counted(wrong, "device"), wrong === 1 ? " reports" : " report",
      " hardly an offset, but the clock is wrong by our own look: what is followed is wrong. ")
      : agrees ? "No device follows a wrong server, as far as can be seen. " : "No device told both its offset and its time. ",
    without && agrees + wrong + off ? `${count(without)} without an offset or a clock are not shown.` : "");
  $("scatter-legend").replaceChildren(...MARKS.filter((_, place) => groups[place].length)
    .map((mark) => el("li", { class: mark.paint }, shape(mark), `${mark.words} `, el("span", { class: "soft" }, count(groups[MARKS.indexOf(mark)].length)))));
  const isEmpty = groups.every((group) => group.length === 0);
  $("scatter-chart").parentElement.hidden = $("scatter-table").hidden = isEmpty;
  if (isEmpty) return;
  drawScatter(data, colours, groups, most);
  alternative("scatter-table", "What devices say against what we see", ["", "Devices"], [
    ["offset and skew are small", count(agrees)],
    ["offset small, skew large: follows a wrong server", count(wrong)],
    ["knows of a large offset", count(off)],
    ["no offset, or no clock read", count(without)],
  ]);
}

function shape({ style }) {
  const paths = { circle: "M6 1.5a4.5 4.5 0 1 0 .01 0z", triangle: "M6 1 11.5 11H.5z", crossRot: "M1.5 1.5l9 9M10.500 1.5l-9 9", rectRot: "M6 0l6 6-6 6-6-6z" };
  return svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("path", { d: paths[style], "stroke-width": style === "crossRot" ? 2.4 : 0 }));
}

function symmetric(ticks, most, even) {
  const reach = REACH.find((one) => one >= most * 1.05) ?? most * 1.1;
  const inside = ticks.filter((tick) => tick <= reach * 1.001);
  const values = [...inside.map((tick) => -tick).reverse(), 0, ...inside];
  return { reach: bend(reach, even) * 1.04, values: values.map((value) => ({ value: bend(value, even) })) };
}

function drawScatter(data, colours, groups, most) {
  const devices = data.devices;
  const x = symmetric(OFFSET_TICKS, most[0], EVEN_OFFSET_S);
  const y = symmetric(SKEW_TICKS, most[1], EVEN_SKEW_S);
  const tick = (even) => (value) => { const real = unbend(value, even); return Math.abs(real) < 1e-9 ? "0" : sign(real) + bound(+Math.abs(real).toPrecision(3)); };
  const axis = (range, even, words) => ({ type: "linear", min: -range.reach, max: range.reach, title: { display: true, text: words, color: colours.soft },
    afterBuildTicks: (scale) => { scale.ticks = range.values.map((one) => ({ ...one })); },
    ticks: { callback: tick(even), autoSkip: true, autoSkipPadding: 4, maxRotation: 0, font: { size: 10 } },
    grid: { color: (context) => (context.tick?.value === 0 ? colours.soft : colours.line) } });
  const base = common(colours);
  let hits = 0;
  draw("scatter", {
    type: "scatter",
    data: { datasets: MARKS.map((mark, place) => ({ label: mark.words, data: groups[place], pointStyle: mark.style, pointRadius: mark.radius, pointHoverRadius: mark.radius + 2,
      backgroundColor: faint(colours[mark.paint], place ? 0.85 : 0.45), borderColor: place ? colours[mark.paint] : faint(colours[mark.paint], 0), borderWidth: mark.border ?? (place ? 1 : 0), clip: false })) },
    options: { ...base, interaction: { mode: "point" },
      onClick: (_, items, chart) => { if (items.length) filterBy({ q: devices.name[chart.data.datasets[items[0].datasetIndex].data[items[0].index].row] }); },
      scales: { x: axis(x, EVEN_OFFSET_S, "offset: the device’s own word"), y: axis(y, EVEN_SKEW_S, "skew: its clock against ours") },
      plugins: { ...base.plugins, tooltip: { ...base.plugins.tooltip,
        filter: (_, place, items) => { hits = items.length; return place < 6; },
        callbacks: {
          label: ({ raw: { row } }) => `${devices.name[row]}: offset ${offsetWords(devices.offset_s[row])}, skew ${skewWords(devices.skew_s[row])}`,
          footer: () => (hits > 6 ? `and ${count(hits - 6)} more` : ""),
        } } },
    },
    plugins: [zones(data.thresholds, colours)],
  }, scatterWords(data.agreement));
}

const scatterWords = ({ agrees, wrong_server: wrong, off, without }) =>
  `Offset by the device’s own word against its clock seen by us: ${agrees} agree, ${wrong} follow a wrong server, ${off} know that they are off, ${without} are not shown.`;

/** Where a device says that it is right, and we see that it is wrong. */
const zones = (thresholds, colours) => ({
  id: "zones",
  beforeDatasetsDraw({ ctx, scales: { x, y }, chartArea: { top, bottom } }) {
    const left = x.getPixelForValue(bend(-thresholds.offset_warning_s, EVEN_OFFSET_S));
    const right = x.getPixelForValue(bend(thresholds.offset_warning_s, EVEN_OFFSET_S));
    const high = y.getPixelForValue(bend(thresholds.skew_warning_s, EVEN_SKEW_S));
    const low = y.getPixelForValue(bend(-thresholds.skew_warning_s, EVEN_SKEW_S));
    ctx.save();
    ctx.fillStyle = faint(colours.critical, 0.09);
    ctx.fillRect(left, top, right - left, high - top);
    ctx.fillRect(left, low, right - left, bottom - low);
    ctx.fillStyle = faint(colours.ok, 0.1);
    ctx.fillRect(left, high, right - left, low - high);
    ctx.font = `600 10px ${Chart.defaults.font.family}`;
    const words = ctx.measureText("follows a wrong server").width < right - left - 12 ? "follows a wrong server" : "wrong server";
    ctx.textAlign = "left";
    ctx.fillStyle = colours.critical;
    ctx.fillText(words, left + 6, top + 14);
    ctx.fillText(words, left + 6, bottom - 6);
    ctx.restore();
  },
});
