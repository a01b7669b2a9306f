// Samples of a super-resolution flow at a temperature, decoded here and now.

import { decode, load, noise, unpack } from "./flow.mjs";
import { mean } from "./maths.mjs";
import { format, heading, percent } from "./plot.mjs";
import { picture } from "./pixels.mjs";

const SAMPLES = 4;
const GAP = 10;
const WHITE = 20; // grey levels of deviation that are shown white

const ready = new WeakMap();

/** The scene unpacked, once. */
function open(scene) {
  if (!ready.has(scene)) {
    const { flow, photo, low, shrink, dequantised } = scene;
    ready.set(scene, { flow: load(flow), photo: unpack(photo), low: unpack(low), shrink: unpack(shrink), dequantised });
  }
  return ready.get(scene);
}

const clipped = (image) => image.map((v) => Math.min(1, Math.max(0, v)));
const psnr = (image, reference) => -10 * Math.log10(mean(image.map((v, i) => (v - reference[i]) ** 2)));

/** Rows and columns by the matrix S (h, H): (3, H, H) -> (3, h, h). */
function shrunk(image, { shape: [low, high], values }) {
  const out = new Float64Array(3 * low * low);
  const columns = new Float64Array(3 * high * low);
  for (let r = 0; r < 3 * high; r++) {
    for (let j = 0; j < low; j++) for (let k = 0; k < high; k++) columns[r * low + j] += values[j * high + k] * image[r * high + k];
  }
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < low; i++) {
      for (let k = 0; k < high; k++) for (let j = 0; j < low; j++) out[(c * low + i) * low + j] += values[i * high + k] * columns[(c * high + k) * low + j];
    }
  }
  return out;
}

function solve({ tau, seed, scene }) {
  const { flow, photo, low, shrink, dequantised } = open(scene);
  const decoded = Array.from({ length: SAMPLES }, (_, i) => decode(flow, noise(flow, SAMPLES * seed + i, tau)));
  const values = dequantised ? decoded.map((image) => image.map((v) => (256 * v - 0.5) / 255)) : decoded;
  const samples = values.map(clipped);
  const average = samples[0].map((_, i) => mean(samples.map((s) => s[i])));
  const deviation = average.map((m, i) => 255 * Math.sqrt(samples.reduce((sum, s) => sum + (s[i] - m) ** 2, 0) / (SAMPLES - 1)));
  return {
    photo, low, samples, average, deviation,
    psnr: mean(samples.map((s) => psnr(s, photo.values))),
    psnr_mean: psnr(average, photo.values),
    psnr_low: mean(samples.map((s) => psnr(shrunk(s, shrink), low.values))),
    diversity: mean(deviation),
    outside: mean(values.map((image) => image.filter((v) => v < 0 || v > 1).length / image.length)),
  };
}

function draw(state, { photo, low, samples, average, deviation }, width) {
  const columns = width < 560 ? 2 : 4;
  const side = Math.min(Math.floor((width - GAP * (columns - 1)) / columns), 200);
  const size = photo.shape[1] * photo.shape[2];
  const grey = deviation.map((_, i) => mean([0, 1, 2].map((c) => deviation[(i % size) + c * size])) / WHITE);
  const tiles = [
    [`x, ${low.shape[1]} \u00d7 ${low.shape[2]}`, low.values, low.shape],
    ["the photo y", photo.values, photo.shape],
    ...samples.map((sample, i) => [`sample ${i + 1}`, sample, photo.shape]),
    [`mean of the ${SAMPLES}`, average, photo.shape],
    [`deviation, 0 to ${WHITE}`, grey, photo.shape],
  ];
  const pitch = side + 28;
  const body = tiles.map(([title, values, shape], i) => {
    const [left, top] = [(i % columns) * (side + GAP), Math.floor(i / columns) * pitch];
    return heading(left, top + 15, title) + picture(values, shape, left, top + 21, side);
  });
  return { height: (tiles.length / columns) * pitch, body: body.join("") };
}

const decibel = (value) => `${format(value)} dB`;

export default {
  title: "Temperature, live",
  hint: "Every move decodes four samples anew, here in the page. Watch one edge and one textured spot.",
  keys: ["tau", "seed", "scene"],
  controls: () => [
    { key: "tau", label: "temperature \u03c4", min: 0, max: 1.4, step: 0.05, unit: "\u00d7 z" },
    { kind: "button", label: "New latents", patch: ({ seed }) => ({ seed: seed + 1 }) },
  ],
  solve,
  readouts: [
    { key: "psnr", label: "PSNR of a sample", text: decibel },
    { key: "psnr_mean", label: "PSNR of their mean", text: decibel },
    { key: "psnr_low", label: "PSNR to x, once shrunk", text: decibel },
    { key: "diversity", label: "diversity (grey levels)" },
    { key: "outside", label: "values outside [0, 1]", text: percent },
  ],
  summary: (state, r) =>
    `The low-resolution image x, the photo, and ${SAMPLES} samples at tau = ${format(state.tau)}, their mean and how much they differ: by ` +
    `${format(r.diversity)} grey levels. PSNR of a sample ${format(r.psnr)} dB, of the mean ${format(r.psnr_mean)} dB; shrunk, a sample agrees with x to ` +
    `${format(r.psnr_low)} dB. Of the values, ${(100 * r.outside).toFixed(1)} percent are outside the range.`,
  draw,
};
