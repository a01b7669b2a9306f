// Temperature through an affine flow: add tau u in the latent space, see what it does to the data.

import { add, apply, inverse, multiply, determinant, root, sandwich, scale } from "./maths.mjs";
import { COLOUR, Panel, WORDS, boxes, fill, format, pen } from "./plot.mjs";
import { normals } from "./prng.mjs";

const POINTS = 36;
const IDENTITY = [[1, 0], [0, 1]];
const pairs = (values) => Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]]);

/** z = f(x) whitens the clean data, so x = L z with L the root of cov_x; u has mean mean_u and covariance sigma^2 cov_u. */
function solve({ tau, sigma, mean_u, cov_u, cov_x, seed }) {
  const toData = root(cov_x);
  const [latent1, latent] = [1, tau].map((t) => add(IDENTITY, cov_u, (t * sigma) ** 2));
  const data = sandwich(toData, latent);
  const shift = [(tau - 1) * mean_u[0], (tau - 1) * mean_u[1]];
  const precision = inverse(latent1);
  const ratio = multiply(precision, latent);
  const pull = apply(precision, shift);
  const mean = apply(toData, mean_u.map((v) => tau * v));
  const factor = scale(root(cov_u), sigma);
  return {
    toData, latent, latent1, data, mean,
    z: pairs(normals(2 * POINTS, 2 * seed)),
    u: pairs(normals(2 * POINTS, 2 * seed + 1)).map((e) => apply(factor, e).map((v, i) => v + mean_u[i])),
    latent_var_1: latent[0][0], latent_var_2: latent[1][1],
    data_mean_1: mean[0], data_mean_2: mean[1],
    data_var_1: data[0][0], data_var_2: data[1][1], data_cov: data[0][1],
    kl: 0.5 * (ratio[0][0] + ratio[1][1] - 2 - Math.log(determinant(ratio)) + shift[0] * pull[0] + shift[1] * pull[1]),
  };
}

function draw(state, result, width) {
  const [first, second] = boxes(width, 2, 290);
  const side = Math.min(first.width - 8, 380);
  const pitch = side + 62;
  const place = (cell, map, covariances, title, reach) => {
    const left = cell.left + (cell.width - side) / 2;
    const panel = Panel.square({ left, top: 26 + cell.row * pitch, width: side, height: side, centre: [0, 0], reach });
    panel.cross(title);
    const [clean, now, full] = covariances.map(root);
    const centre = (t) => apply(map, state.mean_u.map((v) => t * v));
    panel.ellipse([0, 0], clean, 2, `${fill(COLOUR.clean, 0.1)} stroke="${COLOUR.clean}" stroke-width="2"`);
    panel.ellipse(centre(1), full, 2, pen(COLOUR.degraded, 2));
    panel.ellipse(centre(state.tau), now, 2, pen(COLOUR.noise, 2.5, "7 4"));
    result.z.forEach((z, i) => {
      const end = z.map((v, k) => v + state.tau * result.u[i][k]);
      panel.arrow(apply(map, z), apply(map, end), COLOUR.noise, 1.2);
    });
    panel.dots(result.z.map((z) => apply(map, z)), 2.8, fill(COLOUR.clean));
    return panel;
  };
  const spread = (covariance) => 2.2 * Math.sqrt(Math.max(covariance[0][0], covariance[1][1]));
  const farthest = (centre) => Math.max(...centre.map(Math.abs));
  const latentReach = Math.max(3.2, spread(result.latent1) + farthest(state.mean_u), spread(result.latent) + state.tau * farthest(state.mean_u));
  const dataFull = sandwich(result.toData, result.latent1);
  const dataReach = Math.max(spread(dataFull) + farthest(apply(result.toData, state.mean_u)), spread(result.data) + farthest(result.mean));
  const latent = place(first, IDENTITY, [IDENTITY, result.latent, result.latent1], "latent space: z and z + \u03c4 u", latentReach);
  const data = place(second, result.toData, [state.cov_x, result.data, dataFull], "data space: x and y", dataReach);
  latent.legend([["clean", WORDS.clean], ["\u03c4 u added, dashed", WORDS.noise], ["\u03c4 = 1: y", WORDS.degraded]], latent.y[0], 18);
  data.text([data.x[0], data.y[0]], "ellipses: 2 standard deviations", { dx: 4, dy: 18, size: 12, colour: COLOUR.soft });
  return { height: 26 + (second.row + 1) * pitch - 34, body: latent.svg() + data.svg() };
}

export default {
  title: "Temperature through a flow",
  hint: "Noise that is simple in the latent space (left) follows the content in the data (right). Move \u03c4 from 0 past 1.",
  keys: ["tau", "sigma", "mean_u", "cov_u", "cov_x", "seed"],
  controls: () => [
    { key: "tau", label: "temperature \u03c4", min: 0, max: 2, step: 0.05, unit: "\u00d7 u" },
    { key: "sigma", label: "noise \u03c3", min: 0, max: 1.5, step: 0.05, unit: "latent sd" },
    { kind: "button", label: "New samples", patch: ({ seed }) => ({ seed: seed + 1 }) },
  ],
  solve,
  readouts: [
    { key: "latent_var_1", label: "latent variance, horizontal" },
    { key: "latent_var_2", label: "latent variance, vertical" },
    { key: "data_mean_1", label: "mean of y, horizontal" },
    { key: "data_mean_2", label: "mean of y, vertical" },
    { key: "data_var_1", label: "variance of y, horizontal" },
    { key: "data_var_2", label: "variance of y, vertical" },
    { key: "data_cov", label: "covariance of y" },
    { key: "kl", label: "KL to the law at \u03c4 = 1 (nats)" },
  ],
  summary: (state, r) =>
    `Points of the latent space with arrows by tau u at tau = ${format(state.tau)}, and the same points as data: mean ${format(r.data_mean_1)} and ` +
    `${format(r.data_mean_2)}, variances ${format(r.data_var_1)} and ${format(r.data_var_2)}.`,
  draw,
};
