// One sample of a learned degradation at a strength tau, decoded here and now.

import { decode, encode, load, mixed, noise, unpack } from "./flow.mjs";
import { mean, variance } from "./maths.mjs";
import { format, heading, percent } from "./plot.mjs";
import { picture } from "./pixels.mjs";

const GAP = 10;
const AMPLIFIED = 3; // times the difference, as it is shown

const ready = new WeakMap();

/** The scene unpacked and the image encoded, once. */
function open(scene) {
  if (!ready.has(scene)) {
    const flow = load(scene.flow);
    const image = unpack(scene.image);
    const shift = scene.shift.map((law) => Object.fromEntries(Object.entries(law).map(([name, part]) => [name, unpack(part).values])));
    ready.set(scene, { flow, image, shift, latents: encode(flow, image.values) });
  }
  return ready.get(scene);
}

/** f^-1(z + tau u), u = offset + mix (strength * n). */
function degraded({ flow, image, shift, latents }, tau, seed) {
  if (tau === 0) return image.values;
  const white = noise(flow, seed);
  return decode(flow, latents.map((z, l) => {
    const { offset, strength, mix } = shift[l];
    const [, height, width] = flow.latents[l];
    const u = mixed(white[l].map((n, i) => strength[i] * n), mix, height * width);
    return z.map((v, i) => v + tau * (offset[i] + u[i]));
  }));
}

/** Correlation of each pixel of (3, height, width) with the one `dx` to the right and `dy` below, mean over channels. */
function correlation(values, [channels, height, width], dy, dx) {
  const size = height * width;
  return mean(Array.from({ length: channels }, (_, c) => {
    const plane = values.subarray(c * size, (c + 1) * size);
    const centre = mean(plane);
    let sum = 0;
    for (let y = 0; y < height - dy; y++) for (let x = 0; x < width - dx; x++) sum += (plane[y * width + x] - centre) * (plane[(y + dy) * width + x + dx] - centre);
    return sum / ((height - dy) * (width - dx)) / variance(plane);
  }));
}

function solve({ tau, seed, scene }) {
  const opened = open(scene);
  const { values: clean, shape } = opened.image;
  const values = degraded(opened, tau, seed);
  const shown = values.map((v) => Math.min(1, Math.max(0, v)));
  const difference = shown.map((v, i) => v - clean[i]);
  const size = clean.length / shape[0];
  return {
    clean, degraded: shown, difference, shape,
    deviation: 255 * Math.sqrt(mean(Array.from({ length: shape[0] }, (_, c) => variance(difference.subarray(c * size, (c + 1) * size))))),
    mean: 255 * mean(difference),
    right: tau === 0 ? 0 : correlation(difference, shape, 0, 1),
    below: tau === 0 ? 0 : correlation(difference, shape, 1, 0),
    outside: values.filter((v) => v < 0 || v > 1).length / values.length,
  };
}

function draw({ tau }, { clean, degraded: shown, difference, shape }, width) {
  const columns = width < 560 ? 2 : 3;
  const room = Math.floor((width - GAP * (columns - 1)) / columns);
  const side = shape[2] * Math.max(1, Math.floor(Math.min(room, 280) / shape[2])); // whole screen pixels for each of the image's
  const pitch = (shape[1] / shape[2]) * side + 28;
  const tiles = [
    ["clean", clean],
    [`degraded, \u03c4 = ${tau.toFixed(2)}`, shown],
    [`difference \u00d7 ${AMPLIFIED}`, difference.map((v) => 0.5 + AMPLIFIED * v)],
  ];
  const body = tiles.map(([title, values], i) => {
    const [left, top] = [(i % columns) * (side + GAP), Math.floor(i / columns) * pitch];
    return heading(left, top + 15, title) + picture(values, shape, left, top + 21, side);
  });
  return { height: Math.ceil(tiles.length / columns) * pitch, body: body.join("") };
}

export default {
  title: "Strength of a learned degradation, live",
  hint: "Every move decodes the image anew, here in the page: the same u, times \u03c4. Marks: 0.33, 0.66, 1, 1.33, 1.66, as in the paper.",
  keys: ["tau", "seed", "scene"],
  controls: () => [
    { key: "tau", label: "strength \u03c4", min: 0, max: 2, step: 0.01, unit: "\u00d7 u", marks: [0, 0.33, 0.66, 1, 1.33, 1.66, 2] },
    { kind: "button", label: "New u", patch: ({ seed }) => ({ seed: seed + 1 }) },
  ],
  solve,
  readouts: [
    { key: "deviation", label: "noise (grey levels)" },
    { key: "mean", label: "its mean" },
    { key: "right", label: "correlation to the right" },
    { key: "below", label: "correlation below" },
    { key: "outside", label: "values clipped", text: percent },
  ],
  summary: (state, r) =>
    `A clean image, the same degraded at tau = ${format(state.tau)}, and ${AMPLIFIED} times the difference. The difference has a standard deviation of ` +
    `${format(r.deviation)} grey levels and a mean of ${format(r.mean)}; neighbouring pixels correlate by ${format(r.right)} to the right and ` +
    `${format(r.below)} below. Clipped were ${(100 * r.outside).toFixed(1)} percent of the values.`,
  draw,
};
