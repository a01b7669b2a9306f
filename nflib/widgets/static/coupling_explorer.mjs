// Same marginals, many couplings: what unpaired data leave open, and what a wrong choice costs a denoiser.

import { density } from "./maths.mjs";
import { COLOUR, Panel, WORDS, boxes, fill, format, pen, ticks } from "./plot.mjs";
import { normals } from "./prng.mjs";

const POINTS = 300;
const excessAt = (c, rho) => (1 + c ** 2 - 2 * c * rho) / (1 - rho ** 2);

/** Clean variance 1, degraded variance v = 1 + sigma^2; the additive truth has correlation rho = 1 / sqrt(v). */
function solve({ c, sigma, mean_u, seed }) {
  const v = 1 + sigma ** 2;
  const rho = 1 / Math.sqrt(v);
  const [first, second] = [normals(POINTS, 2 * seed), normals(POINTS, 2 * seed + 1)];
  return {
    v, rho,
    pairs: first.map((z, i) => [z, mean_u + Math.sqrt(v) * (c * z + Math.sqrt(1 - c ** 2) * second[i])]),
    cost: mean_u ** 2 + 1 + v - 2 * c * Math.sqrt(v),
    var_y_given_x: v * (1 - c ** 2),
    slope: c / Math.sqrt(v),
    excess: excessAt(c, rho),
    excess_transport: excessAt(1, rho),
  };
}

const STRIP = 46;
const MARGIN = 44;

function scatter({ mean_u }, { v, pairs, slope }, left, side) {
  const reach = 3.2 * Math.max(1.5, Math.sqrt(v));
  const start = left + MARGIN;
  const panel = Panel.square({ left: start, top: STRIP + 4, width: side, height: side, centre: [0, mean_u], reach });
  panel.segment([panel.x[0], mean_u], [panel.x[1], mean_u], pen("#e4e4e4", 1));
  panel.segment([0, panel.y[0]], [0, panel.y[1]], pen("#e4e4e4", 1));
  panel.dots(pairs, 2.4, fill(COLOUR.ink, 0.45));
  // x = slope (y - mean_y): the denoiser these pairs teach.
  panel.segment([slope * (panel.y[0] - mean_u), panel.y[0]], [slope * (panel.y[1] - mean_u), panel.y[1]], pen(COLOUR.noise, 2.5));
  panel.border();
  panel.horizontalAxis("clean x");
  panel.verticalAxis(ticks(...panel.y, 6));
  const middle = panel.top + side / 2;
  panel.outside += `<text transform="translate(${start - 30} ${middle}) rotate(-90)" text-anchor="middle" ` +
    `font-size="12.5" fill="${COLOUR.soft}">degraded y</text>`;
  panel.corner("E[x | y]", WORDS.noise);

  const above = new Panel({ left: start, top: 2, width: side, height: STRIP, x: panel.x, y: [0, 0.42] });
  above.area((x) => density(x, 0, 1), `${fill(COLOUR.clean, 0.25)} stroke="${COLOUR.clean}" stroke-width="1.5"`);
  const beside = new Panel({ left: start + side + 2, top: panel.top, width: STRIP - 4, height: side, x: [0, 0.42], y: panel.y });
  const outline = panel.sampled((y) => density(y, mean_u, v), panel.y).map(([y, p]) => [p, y]);
  beside.path([[0, panel.y[0]], ...outline, [0, panel.y[1]]], `${fill(COLOUR.degraded, 0.25)} stroke="${COLOUR.degraded}" stroke-width="1.5"`, "Z");
  return panel.svg() + above.svg() + beside.svg();
}

function excessCurve({ c }, { rho, excess, excess_transport: transport }, left, top, width, height) {
  const ceiling = Math.max(4, Math.min(12, 1.1 * excess));
  const panel = new Panel({ left: left + 30, top: top + STRIP + 4, width: width - 42, height, x: [-1.06, 1.06], y: [0, ceiling] });
  panel.verticalAxis([1, 2, 3, 4, 6, 8, 10, 12].filter((value) => value <= ceiling));
  panel.curve((v) => excessAt(v, rho), pen(COLOUR.ink, 2), [-1, 1]);
  panel.dots([[rho, 1]], 6, fill(COLOUR.clean));
  panel.dots([[1, transport]], 6, fill(COLOUR.naive));
  panel.arrow([c, ceiling], [c, Math.min(excess, ceiling) + 0.02 * ceiling], COLOUR.noise, 2);
  panel.text([-1.06, ceiling], "Error of that denoiser on the", { dy: -26, weight: 600 });
  panel.text([-1.06, ceiling], "additive truth, best possible = 1", { dy: -9, weight: 600 });
  panel.text([rho, 1], `additive, c = \u03c1 = ${rho.toFixed(2)}`, { anchor: "end", ...(ceiling > 6 ? { dx: -12, dy: 4 } : { dx: 6, dy: 22 }), colour: WORDS.clean, weight: 600 });
  panel.text([1, transport], "optimal", { anchor: "end", dx: 10, dy: -30, colour: WORDS.naive, weight: 600 });
  panel.text([1, transport], "transport", { anchor: "end", dx: 10, dy: -15, colour: WORDS.naive, weight: 600 });
  panel.horizontalAxis("correlation c of the pairs", [-1, -0.5, 0, 0.5, 1]);
  return panel.svg();
}

export default {
  title: "The same marginals, many couplings",
  hint: "Move c: the two margins never change, so unpaired data cannot tell these pictures apart. The denoiser they teach can.",
  keys: ["c", "sigma", "mean_u", "seed"],
  controls: () => [
    { key: "c", label: "correlation c of x and y", min: -1, max: 1, step: 0.01 },
    { key: "sigma", label: "noise \u03c3", min: 0.1, max: 2, step: 0.05, unit: "clean sd" },
    { kind: "button", label: "c = \u03c1: additive noise", patch: ({ sigma }) => ({ c: 1 / Math.sqrt(1 + sigma ** 2) }) },
    { kind: "button", label: "c = 1: optimal transport", patch: () => ({ c: 1 }) },
  ],
  solve,
  readouts: [
    { key: "rho", label: "\u03c1 of the additive truth" },
    { key: "cost", label: "transport cost E (y \u2212 x)\u00b2" },
    { key: "var_y_given_x", label: "variance of y given x" },
    { key: "slope", label: "slope of the denoiser" },
    { key: "excess", label: "its error / best error", text: (value) => `${format(value)} \u00d7` },
    { key: "excess_transport", label: "the same at c = 1", text: (value) => `${format(value)} \u00d7` },
  ],
  summary: (state, r) =>
    `Pairs of clean x and degraded y with correlation ${format(state.c)} and unchanged margins. Mean squared distance ${format(r.cost)}; a denoiser ` +
    `trained on them has ${format(r.excess)} times the best error on additive noise, whose correlation is ${format(r.rho)}.`,
  draw(state, result, width) {
    const [first, second] = boxes(width, 2, 290);
    const side = Math.min(first.width - STRIP - MARGIN, 330);
    const pitch = STRIP + side + 50;
    const curve = excessCurve(state, result, second.left, second.row * pitch, second.width, side);
    return { height: (second.row + 1) * pitch - 4, body: scatter(state, result, first.left, side) + curve };
  },
};
