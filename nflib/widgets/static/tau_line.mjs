// What the temperature tau of DeFlow does on a line: y = x + tau u scales the mean and the deviation of the shift.

import { density, divergence } from "./maths.mjs";
import { COLOUR, Panel, WORDS, fill, format, pen } from "./plot.mjs";
import { normals } from "./prng.mjs";

const POINTS = 9;

function solve({ tau, sigma, mean_u, seed }) {
  const [varU, varTau] = [sigma ** 2, 1 + (tau * sigma) ** 2];
  return {
    mean_tau: tau * mean_u,
    var_tau: varTau,
    sd_tau: Math.sqrt(varTau),
    kl: divergence(tau * mean_u, varTau, mean_u, 1 + varU),
    points: normals(POINTS, 2 * seed).sort((p, q) => p - q),
    shifts: normals(POINTS, 2 * seed + 1).map((e) => mean_u + sigma * e),
  };
}

function draw(state, result, width) {
  const ends = result.points.map((x, i) => x + state.tau * result.shifts[i]);
  const range = [Math.min(-4, state.mean_u - 4, Math.floor(Math.min(...ends))), Math.max(4, state.mean_u + 4, Math.ceil(Math.max(...ends)))];
  const base = { left: 12, width: width - 24, x: range };
  const laws = new Panel({ ...base, top: 4, height: 170, y: [0, 0.48] });
  laws.area((v) => density(v, 0, 1), fill(COLOUR.clean, 0.12));
  laws.curve((v) => density(v, 0, 1), pen(COLOUR.clean, 2.5));
  laws.curve((v) => density(v, state.mean_u, 1 + state.sigma ** 2), pen(COLOUR.degraded, 2.5));
  laws.curve((v) => density(v, result.mean_tau, result.var_tau), pen(COLOUR.noise, 3, "7 4"));
  laws.segment([range[0], 0], [range[1], 0], pen(COLOUR.grid, 1));
  laws.legend([["clean x", WORDS.clean], ["degraded y", WORDS.degraded], ["x + \u03c4 u, dashed", WORDS.noise]], 0.48, 14);

  const arrows = new Panel({ ...base, top: 186, height: 180, y: [0, POINTS + 1.6] });
  result.points.forEach((x, i) => {
    const row = POINTS - i;
    const [there, full] = [ends[i], x + result.shifts[i]];
    arrows.segment([x, row], [full, row], pen(COLOUR.grid, 1));
    arrows.dots([[full, row]], 4.5, pen(COLOUR.degraded, 1.8));
    arrows.arrow([x, row], [there, row], COLOUR.noise, 2.2);
    arrows.dots([[x, row]], 4.5, fill(COLOUR.clean));
  });
  arrows.legend([["\u25cf x", WORDS.clean], ["\u25cb x + u", WORDS.degraded], ["\u2192 x + \u03c4 u", WORDS.noise]], POINTS + 1.6, 14);
  arrows.horizontalAxis("value (clean sd = 1)");
  return { height: 412, body: laws.svg() + arrows.svg() };
}

export default {
  title: "Temperature: how much of the noise to add",
  hint: "\u03c4 = 0 leaves every x where it is, \u03c4 = 1 gives exactly the law of y. Move \u03c4 above 1: stronger than any noise seen.",
  keys: ["tau", "sigma", "mean_u", "seed"],
  controls: () => [
    { key: "tau", label: "temperature \u03c4", min: 0, max: 2, step: 0.05, unit: "\u00d7 u" },
    { key: "sigma", label: "noise \u03c3", min: 0, max: 1.5, step: 0.05, unit: "clean sd" },
    { kind: "button", label: "New samples", patch: ({ seed }) => ({ seed: seed + 1 }) },
  ],
  solve,
  readouts: [
    { key: "mean_tau", label: "mean of x + \u03c4 u" },
    { key: "var_tau", label: "variance of x + \u03c4 u" },
    { key: "sd_tau", label: "sd of x + \u03c4 u" },
    { key: "kl", label: "KL to the law of y (nats)" },
  ],
  summary: (state, r) =>
    `Densities of clean x, degraded y and x + tau u at tau = ${format(state.tau)}: mean ${format(r.mean_tau)}, variance ${format(r.var_tau)}, ` +
    `divergence from the law of y ${format(r.kl)} nats. Below, ${POINTS} points x with arrows to x + tau u.`,
  draw,
};
