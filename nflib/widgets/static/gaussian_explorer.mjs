// The unpaired Gaussian problem on a line: two samples, two variances, two cases.

import { density, fitMoments, mean, variance, varianceOfVarU } from "./maths.mjs";
import { COLOUR, Panel, WORDS, fill, format, niceCeiling, pen } from "./plot.mjs";
import { normals } from "./prng.mjs";

/** The two samples: those given, or drawn as x = s z and y = s z' + mean_u + sigma e. */
export function samples(state) {
  if (state.x.length) return { x: state.x, y: state.y };
  const { n, m, signal_sd, sigma, mean_u, seed } = state;
  const noise = normals(m, 3 * seed + 2);
  return {
    x: normals(n, 3 * seed).map((z) => signal_sd * z),
    y: normals(m, 3 * seed + 1).map((z, i) => signal_sd * z + mean_u + sigma * noise[i]),
  };
}

function solve(state) {
  const { x, y } = samples(state);
  const [varA, varB, n, m] = [variance(x), variance(y), x.length, y.length];
  const fit = fitMoments(mean(x), varA, mean(y), varB, state.weighting === "count" ? [n, m] : [1, 1]);
  return {
    ...fit, x, y, var_a: varA, var_b: varB,
    sigma_u: Math.sqrt(fit.var_u),
    se_var_u: Math.sqrt(varianceOfVarU(fit.var_x, fit.var_u, n, m)),
    mean_tau: fit.mean_x + state.tau * fit.mean_u,
    var_tau: fit.var_x + state.tau ** 2 * fit.var_u,
  };
}

function controls(state) {
  const drawn = [
    { key: "sigma", label: "true noise \u03c3", min: 0, max: 1.5 * state.signal_sd, step: state.signal_sd / 50, unit: state.unit },
    { key: "n", label: "clean samples n", min: 10, max: 1000, step: 0.05, log: true },
    { key: "m", label: "degraded samples m", min: 10, max: 1000, step: 0.05, log: true },
  ];
  return [
    ...(state.x.length ? [] : drawn),
    { key: "tau", label: "temperature \u03c4", min: 0, max: 2, step: 0.05, unit: "\u00d7 u" },
    { kind: "choice", key: "weighting", label: "weighting", options: [["average", "average: sets equal"], ["count", "count: samples equal"]] },
    ...(state.x.length ? [] : [{ kind: "button", label: "New samples", patch: ({ seed }) => ({ seed: seed + 1 }) }]),
  ];
}

function histogram(values, [low, high], bins = 40) {
  const step = (high - low) / bins;
  const heights = new Array(bins).fill(0);
  for (const value of values) {
    const bin = Math.floor((value - low) / step);
    if (bin >= 0 && bin < bins) heights[bin] += 1 / (values.length * step);
  }
  return heights.map((height, i) => [low + i * step, low + (i + 1) * step, height]);
}

/** What the densities show: fixed for drawn data, so that growing noise looks like growing noise. */
function interval(state, { x, y }) {
  if (state.x.length) {
    const all = [...x, ...y];
    const [low, high] = all.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    return [low - 0.15 * (high - low), high + 0.15 * (high - low)];
  }
  const reach = 3 * Math.max(1.6 * state.signal_sd, Math.hypot(state.signal_sd, state.sigma));
  return [Math.min(0, state.mean_u) - reach, Math.max(0, state.mean_u) + reach];
}

function densities(state, result, width) {
  const range = interval(state, result);
  const peak = 1.7 * density(0, 0, Math.min(result.var_x, result.var_b || result.var_x));
  const row = (top, values, colour) => {
    const panel = new Panel({ left: 4, top, width: width - 8, height: 112, x: range, y: [-0.16 * peak, peak] });
    for (const [low, high, height] of histogram(values, range)) panel.rectangle([low, 0], [high, Math.min(height, peak)], fill(colour, 0.22));
    panel.dots(values.slice(0, 400).map((v, i) => [v, -(0.04 + 0.09 * ((i * 0.618) % 1)) * peak]), 1.6, fill(colour, 0.55));
    panel.segment([range[0], 0], [range[1], 0], pen(COLOUR.grid, 1));
    return panel;
  };
  const [muX, muY] = [result.mean_x, result.mean_x + result.mean_u];
  const clean = row(0, result.x, COLOUR.clean);
  clean.curve((v) => density(v, muX, result.var_x), pen(COLOUR.clean, 2.5));
  clean.corner(`clean x (${result.x.length})`, WORDS.clean);
  const degraded = row(116, result.y, COLOUR.degraded);
  degraded.curve((v) => density(v, muX, result.var_x), pen(COLOUR.clean, 1, "2 3"));
  degraded.curve((v) => density(v, muY, result.var_x + result.var_u), pen(COLOUR.degraded, 2.5));
  degraded.curve((v) => density(v, result.mean_tau, result.var_tau), pen(COLOUR.noise, 2.5, "7 4"));
  degraded.legend([[`degraded y (${result.y.length})`, WORDS.degraded], ["x + \u03c4 u, dashed", WORDS.noise]], peak, 15);
  degraded.horizontalAxis(state.unit ? `value (${state.unit})` : "value");
  return clean.svg() + degraded.svg();
}

/** A and B on a line: the whole of case 1 and case 2. */
function varianceLine(state, result, width, top) {
  const { var_a: a, var_b: b, var_x: s } = result;
  const end = niceCeiling(1.15 * Math.max(a, b, state.x.length ? 0 : state.signal_sd ** 2 + state.sigma ** 2));
  const panel = new Panel({ left: 20, top: top + 24, width: width - 40, height: 100, x: [0, end], y: [0, 1] });
  panel.rectangle([0, 0], [a, 1], fill(COLOUR.clipped, 0.14));
  panel.rectangle([a, 0], [end, 1], fill(COLOUR.noise, 0.12));
  panel.segment([0, 0.5], [end, 0.5], pen(COLOUR.soft, 1));
  const one = result.case === 1;
  panel.segment([a, 0.5], [b, 0.5], pen(one ? COLOUR.noise : COLOUR.clipped, 7));
  panel.dots([[a, 0.5]], 7, fill(COLOUR.clean));
  panel.dots([[b, 0.5]], 7, fill(COLOUR.degraded));
  const inside = (value) => (value < 0.25 * end ? "start" : value > 0.75 * end ? "end" : "middle");
  panel.text([a, 0.5], `A = ${format(a)}`, { colour: WORDS.clean, anchor: inside(a), dy: -14, weight: 600 });
  panel.text([b, 0.5], `B = ${format(b)}`, { colour: WORDS.degraded, anchor: inside(b), dy: 24, weight: 600 });
  if (!one) panel.segment([s, 0.3], [s, 0.7], pen(COLOUR.ink, 2.5));
  panel.text([0, 1], "case 2: B < A", { dx: 6, dy: 16, size: 12, colour: WORDS.clipped });
  panel.text([end, 1], "case 1: B \u2265 A", { anchor: "end", dx: -6, dy: 16, size: 12, colour: WORDS.noise });
  const words = one
    ? `B \u2212 A = ${format(b - a)}: all of it is noise`
    : `B \u2212 A = ${format(b - a)}: no noise; both pooled at the black mark`;
  panel.text([0, 1], words, { dy: -8, weight: 600, colour: one ? WORDS.noise : WORDS.clipped });
  panel.horizontalAxis(state.unit ? `variance (${state.unit}, squared)` : "variance");
  return panel.svg();
}

export default {
  title: "Two samples, one noise",
  hint: "Lower \u03c3 and the samples m, and press \u201cNew samples\u201d until B falls left of A. Then move \u03c4 from 0 to 1.",
  keys: ["x", "y", "n", "m", "signal_sd", "sigma", "mean_u", "tau", "weighting", "seed", "unit"],
  controls,
  solve,
  readouts: [
    { key: "case", label: "which case", text: (value) => (value === 1 ? "1: B \u2265 A" : "2: B < A") },
    { key: "var_u", label: "noise variance" },
    { key: "sigma_u", label: "noise \u03c3, estimated", text: (value, { unit }) => `${format(value)} ${unit}` },
    { key: "se_var_u", label: "standard error of the noise variance", text: (value, _, r) => (r.case === 1 ? `\u00b1 ${format(value)}` : "case 1 only") },
    { key: "var_x", label: "clean variance" },
    { key: "mean_u", label: "mean of the noise" },
    { key: "multiplier", label: "multiplier \u03bb" },
    { key: "nll", label: "NLL (nats)" },
    { key: "mean_tau", label: "mean of x + \u03c4 u" },
    { key: "var_tau", label: "variance of x + \u03c4 u" },
  ],
  summary: (state, r) =>
    `Clean sample with variance A = ${format(r.var_a)}, degraded sample with variance B = ${format(r.var_b)}: case ${r.case}, ` +
    `estimated noise variance ${format(r.var_u)}. Densities of clean, degraded and of x + tau u at tau = ${format(state.tau)}.`,
  draw(state, result, width) {
    return { height: 446, body: densities(state, result, width) + varianceLine(state, result, width, 280) };
  },
};
