// The page of a running source: asks for the last minutes once, then takes an event a second.
"use strict";

const samplesShown = 300; // seconds, as the server keeps them
const slowMs = 10000;
const palette = ["#2563eb", "#d97706", "#1a7f4b", "#9333ea", "#db2777", "#0891b2", "#65a30d", "#b42318"];

const shown = new Map(); // by group and topic: the article, its charts and its samples

const number = new Intl.NumberFormat("en");
const count = (x) => number.format(Math.round(x));
const ms = (x) => (x >= 100 ? count(x) : x.toPrecision(x >= 1 ? 3 : 2));

function age(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = milliseconds / 1000;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min`;
}

function bytes(x) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; x >= 1024 && unit < units.length - 1; ++unit) x /= 1024;
  return `${unit === 0 ? x : x.toFixed(1)} ${units[unit]}`;
}

// -- building blocks, which set texts only ---------------------------------------------------------

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fillList(list, texts) {
  list.replaceChildren(...texts.map((each) => element("li", "", each)));
}

function fillTable(body, rows) {
  body.replaceChildren(...rows.map(({ cells, className }) => {
    const row = element("tr", className);
    for (const each of cells)
      row.append(element("td", typeof each === "number" ? "number" : "", typeof each === "number" ? count(each) : each));
    return row;
  }));
  for (const row of body.rows)
    for (const cell of row.cells)
      if (/^[\d.,]+( (ms|s|min))?$/.test(cell.textContent)) cell.className = "number";
}

// -- one source ------------------------------------------------------------------------------------

function newChart(canvas) {
  return new Chart(canvas, {
    type: "line",
    data: { labels: [], datasets: [] },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false,
      elements: { point: { radius: 0 }, line: { borderWidth: 1.5 } },
      interaction: { mode: "index", intersect: false },
      scales: { x: { ticks: { maxTicksLimit: 5 }, grid: {} }, y: { ticks: { maxTicksLimit: 5 }, grid: {}, beginAtZero: true } },
      plugins: { legend: { labels: { boxWidth: 10 } } },
    },
  });
}

// Dark and light may change while the page is open.
function recolour(chart) {
  const style = getComputedStyle(document.documentElement);
  const { scales, plugins } = chart.options;
  plugins.legend.labels.color = style.getPropertyValue("--faint");
  for (const axis of [scales.x, scales.y]) {
    axis.ticks.color = style.getPropertyValue("--faint");
    axis.grid.color = style.getPropertyValue("--line");
  }
}

function newSource() {
  const article = document.getElementById("source").content.firstElementChild.cloneNode(true);
  document.getElementById("sources").append(article);
  const of = (name) => article.querySelector(`[data-of="${name}"]`);
  const charts = {};
  for (const canvas of article.querySelectorAll("canvas"))
    charts[canvas.dataset.chart] = newChart(canvas);
  return { article, of, charts, samples: [] };
}

function drawCharts(view, names) {
  const labels = view.samples.map((each) => new Date(each.time_ms).toLocaleTimeString("en-GB"));
  const line = (label, data, i) => ({ label, data, borderColor: palette[i % palette.length], backgroundColor: palette[i % palette.length] });
  const byStage = (value) => names.map((name, i) => line(name, view.samples.map((s) => (s.stages[i] ? value(s.stages[i]) : 0)), i));
  const draw = (chart, datasets) => {
    recolour(chart);
    chart.data = { labels, datasets };
    chart.update("none");
  };
  draw(view.charts.records, [line("in", view.samples.map((s) => s.in_per_s), 0), line("out", view.samples.map((s) => s.out_per_s), 1)]);
  draw(view.charts.calls, byStage((s) => s.calls_per_s));
  draw(view.charts.p99, byStage((s) => s.p99_ms));
}

function drawTiles(box, s) {
  const lag = s.partitions.reduce((sum, each) => sum + Math.max(each.lag, 0), 0);
  const flight = s.partitions.reduce((sum, each) => sum + each.in_flight, 0);
  const tiles = [
    ["records in a second", count(s.sample.in_per_s)], ["records out a second", count(s.sample.out_per_s)],
    ["records out", count(s.out)], ["behind (lag)", count(lag)], ["in flight", count(flight)],
    ["held of " + bytes(s.budget.limit), bytes(s.budget.held)], ["commits", count(s.commits)], ["retries", count(s.retries)],
    ["dead letters", count(s.dead_lettered)], ["skipped", count(s.skipped)],
  ];
  box.replaceChildren(...tiles.map(([label, value]) => {
    const tile = element("div", "tile");
    tile.append(element("b", "", value), element("span", "", label));
    return tile;
  }));
}

function lane(each, most) {
  const row = element("div", each.stall || each.error ? "lane stalled" : "lane");
  row.dataset.partition = `${each.topic}/${each.partition}`;
  const bars = element("div", "bars");
  for (const [kind, value] of [["flight", each.in_flight], ["lag", Math.max(each.lag, 0)]]) {
    const bar = element("div", `bar ${kind}`);
    const part = element("i");
    part.style.width = `${most[kind] > 0 ? (100 * value) / most[kind] : 0}%`;
    bar.append(part);
    bars.append(bar);
  }
  const lag = each.lag < 0 ? "" : `, ${count(each.lag)} behind`;
  const oldest = each.oldest_age_ms > 0 ? `, oldest ${age(each.oldest_age_ms)}` : "";
  row.append(element("div", "name", `${each.topic}/${each.partition} ${each.lifecycle}`), bars,
             element("div", "figures", `${count(each.in_flight)} in flight${lag}${oldest}`));
  if (each.restore?.remaining > 0) row.append(element("div", "why", `${count(each.restore.remaining)} of its change log are left to restore`));
  if (each.stall || each.error) row.append(element("div", "why", each.error || each.stall));
  return row;
}

function drawHint(box, s) {
  box.hidden = s.records > 0 && s.partitions.length > 0;
  if (s.partitions.length === 0)
    box.textContent = s.joined
      ? "The group has given this member no partition: others have them all, or the topic has fewer partitions than the group members."
      : "Joining the group. If that lasts, the log says why.";
  else if (s.records === 0)
    box.textContent = `No record has come yet. Send some to ${s.topic}, for instance: keyloom load --topic ${s.topic} --records 1000 --keys 100`;
}

function draw(s) {
  const name = `${s.group} ${s.topic}`;
  if (!shown.has(name)) shown.set(name, newSource());
  const view = shown.get(name);
  view.seen = true;
  if (s.sample.time_ms > (view.samples.at(-1)?.time_ms ?? 0)) view.samples.push(s.sample);
  view.samples.splice(0, Math.max(view.samples.length - samplesShown, 0));
  const { of } = view;
  of("group").textContent = s.group;
  of("topic").textContent = s.topic;
  of("health").textContent = s.not_ready.length === 0 ? "ready" : "not ready";
  of("health").className = s.not_ready.length === 0 ? "badge good" : "badge bad";
  fillList(view.article.querySelector('[data-list="ready"]'), s.not_ready);
  drawTiles(of("tiles"), s);
  drawHint(of("hint"), s);
  const most = { flight: Math.max(...s.partitions.map((p) => p.in_flight), 1), lag: Math.max(...s.partitions.map((p) => p.lag), 1) };
  of("partitions").replaceChildren(...s.partitions.map((each) => lane(each, most)));
  fillTable(of("keys"), s.keys.slice(0, 10).map((k) => ({
    className: k.oldest.age_ms >= slowMs ? "slow" : "",
    cells: [k.oldest.interjection ? `interjection ${k.oldest.interjection}` : k.oldest.key ?? "(none)", `${k.topic}/${k.partition}`,
            k.oldest.stage, age(k.oldest.age_ms), k.oldest.waits_for],
  })));
  fillTable(of("stages"), s.stages.map((x) => ({
    cells: [x.name, count(x.calls_per_s), ms(x.p50_ms), ms(x.p99_ms), x.running, x.waiting, x.keys, x.retries, x.parked, x.timed_out],
  })));
  of("batching").hidden = s.batchers.length === 0;
  fillTable(of("batchers"), s.batchers.map((x) => ({
    cells: [x.name, count(x.batches_per_s), ms(x.p99_ms), x.running, x.waiting_items, x.batches, x.items, x.largest, x.retries],
  })));
  fillList(view.article.querySelector('[data-list="errors"]'), s.errors);
  drawCharts(view, s.sample_names);
}

function drawAll(sources) {
  for (const view of shown.values()) view.seen = false;
  for (const each of sources) draw(each);
  for (const [name, view] of shown)
    if (!view.seen) {
      view.article.remove();
      shown.delete(name);
    }
  document.getElementById("nothing").hidden = sources.length > 0;
}

// -- the server ------------------------------------------------------------------------------------

function tell(text, className) {
  const badge = document.getElementById("connection");
  badge.textContent = text;
  badge.className = `badge ${className}`;
}

async function start() {
  try {
    for (const each of await (await fetch("history")).json()) {
      const name = `${each.group} ${each.topic}`;
      if (!shown.has(name)) shown.set(name, newSource());
      shown.get(name).samples = each.samples;
    }
  } catch {
    // events come all the same, and fill it from now on
  }
  const events = new EventSource("events");
  events.onmessage = (event) => {
    tell("live", "good");
    drawAll(JSON.parse(event.data).sources);
  };
  events.onerror = () => tell("no connection: the program has ended, or is out of reach", "bad");
}

start();
