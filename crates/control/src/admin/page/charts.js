// Two charts of the last two minutes, for all forwards or for one.

import { byId, setText } from "./dom.js";
import { bytes, rate } from "./units.js";

/* global uPlot */

// Samples in a history, one per second.
const SAMPLES = 120;
// Key of the whole process in the histories.
const ALL = Symbol("all forwards");
// Steps of a byte scale: powers of two.
const STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

// Key of the stored history.
const KEY = "traffic-forwarder history";

/** Samples of the process, and of each forward in the latest answers. */
const histories = new Map();
let chosen = ALL;
let shownProcess;
let plots;

/** Name of the chosen forward; undefined if all are shown. */
export function scope() {
  return chosen === ALL ? undefined : chosen;
}

/** Shows one forward, or all. */
export function choose(name) {
  chosen = name ?? ALL;
  setText(byId("scope"), name ?? "All forwards");
  byId("all").hidden = name === undefined;
  draw();
}

/** Starts the histories of a process: empty, or with those that this tab stored before it was reloaded. */
export function begin(process) {
  if (process === shownProcess) return;
  shownProcess = process;
  histories.clear();
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  if (kept?.process !== process) return;
  // Samples of long ago would leave a gap that looks like one second.
  if (Date.now() / 1000 - kept.all[0].at(-1) < SAMPLES) histories.set(ALL, kept.all);
}

/** Stores the history of the process for a reload of the page. */
function keep() {
  const all = histories.get(ALL);
  if (!all) return;
  sessionStorage.setItem(KEY, JSON.stringify({ process: shownProcess, all }));
}

addEventListener("pagehide", keep);

/** Adds a sample, and removes forwards that are not in the latest answers. */
export function remember(status, forwards) {
  const now = Date.now() / 1000;
  const seen = new Map(forwards.map((forward) => [forward.name, forward]));
  seen.set(ALL, status);
  for (const name of histories.keys()) {
    if (!seen.has(name)) histories.delete(name);
  }
  for (const [name, { rates, sessions }] of seen) {
    const history = histories.get(name) ?? [[], [], [], []];
    histories.set(name, history);
    [now, rates?.bytes_up, rates?.bytes_down, sessions].forEach((value, series) => {
      history[series].push(value ?? null);
      if (history[series].length > SAMPLES) history[series].shift();
    });
  }
  draw();
}

function draw() {
  plots ??= [bytesPlot(), sessionsPlot()];
  const [times, up, down, sessions] = histories.get(chosen) ?? [[], [], [], []];
  const now = times.at(-1) ?? Date.now() / 1000;
  plots.forEach((plot, place) => {
    plot.setData(place === 0 ? [times, down, up] : [times, sessions], false);
    plot.setScale("x", { min: now - SAMPLES, max: now });
  });
  setText(byId("up-now"), rate(up.at(-1)));
  setText(byId("down-now"), rate(down.at(-1)));
  setText(byId("sessions-now"), `${sessions.at(-1) ?? "-"}`);
}

/** A colour of the current theme. */
function colour(name) {
  return () => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function line(name, more) {
  const points = { show: false };
  return { stroke: colour(name), fill: colour(`${name}-fill`), width: 1.5, points, ...more };
}

function axis(more) {
  const grid = { stroke: colour("line"), width: 1 };
  const font = "11px system-ui, sans-serif";
  return { stroke: colour("quiet"), font, grid, ticks: { show: false }, ...more };
}

function plotIn(id, series, yAxis) {
  const place = byId(id);
  const size = () => ({ width: place.clientWidth, height: place.clientHeight });
  const ago = (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString("en-GB"));
  const plot = new uPlot(
    {
      ...size(),
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 28, 0, 0],
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(most * 1.1, 4)] } },
      axes: [axis({ values: ago, space: 90, size: 24 }), axis(yAxis)],
      series: [{}, ...series],
    },
    [[], ...series.map(() => [])],
    place,
  );
  new ResizeObserver(() => plot.setSize(size())).observe(place);
  return plot;
}

function bytesPlot() {
  const values = (_, splits) => splits.map((split) => (split === 0 ? "0" : bytes(split)));
  // Dashes keep both lines visible when up and down are equal.
  const lines = [line("down"), line("up", { dash: [6, 4], fill: undefined })];
  return plotIn("bytes-plot", lines, { values, incrs: STEPS, size: 64, space: 26 });
}

function sessionsPlot() {
  const incrs = [1, 2, 5].flatMap((n) => Array.from({ length: 8 }, (_, power) => n * 10 ** power));
  incrs.sort((a, b) => a - b);
  return plotIn("sessions-plot", [line("sessions")], { incrs, size: 48, space: 26 });
}

/** Redraws in the colours of the current theme. */
export function redraw() {
  plots?.forEach((plot) => plot.redraw(false));
}
