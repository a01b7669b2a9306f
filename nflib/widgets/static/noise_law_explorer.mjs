// The law of a noise: y = x + sigma(x) n, with n white noise through a filter. The reader draws sigma(x) and sees such noise, and what is measured in it.

import { mixed, unpack } from "./flow.mjs";
import { mean, variance } from "./maths.mjs";
import { picture } from "./pixels.mjs";
import { COLOUR, Panel, WORDS, boxes, fill, format, heading, pen, percent, ticks } from "./plot.mjs";
import { normals } from "./prng.mjs";

const KNOTS = ["black", "dark", "middle", "bright", "white"]; // where the reader holds the curve: brightness 0, 1/4, 1/2, 3/4, 1
const STEPS = KNOTS.length - 1;
const LARGEST = 2; // gain
const REACH = 12;
const LAGS = Array.from({ length: 11 }, (_, lag) => lag);
const BANDS = 8;
const FEWEST = 50; // values in a band that is measured

/** Of a Gaussian filter of deviation `length` that keeps the variance of white noise. */
function tapsOf(length) {
  const raw = Array.from({ length: 2 * REACH + 1 }, (_, i) => (i === REACH ? 1 : Math.exp(-((i - REACH) ** 2) / (2 * length ** 2))));
  return raw.map((tap) => tap / Math.hypot(...raw));
}

/** Each row of pictures through the taps, around the edge. */
function filtered(values, width, taps) {
  return values.map((_, i) => {
    const x = i % width;
    let sum = 0;
    for (let k = -REACH; k <= REACH; k++) sum += taps[k + REACH] * values[i - x + ((x + k + width) % width)];
    return sum;
  });
}

/** Rows become columns. */
const turned = (values, height, width) => values.map((_, i) => {
  const at = i % (height * width);
  return values[i - at + (at % height) * width + Math.floor(at / height)];
});

/** n: of variance 1, with correlation `colours` of two colours. */
function noise({ length, colours, seed }, [, height, width], taps) {
  const [all, own] = [Math.sqrt(colours), Math.sqrt(1 - colours)];
  const size = height * width;
  const white = mixed(normals(4 * size, seed), [all, own, 0, 0, all, 0, own, 0, all, 0, 0, own], size);
  return turned(filtered(turned(filtered(white, width, taps), height, width), height, taps), width, height);
}

/** Half the mean square of the differences of pixels `lag` apart, along rows and columns. */
function variogram(n, [, height, width], lag) {
  let [sum, count] = [0, 0];
  const add = (step) => { sum += step ** 2; count += 1; };
  for (let i = 0; i < n.length; i++) {
    if ((i % width) + lag < width) add(n[i + lag] - n[i]);
    if ((Math.floor(i / width) % height) + lag < height) add(n[i + lag * width] - n[i]);
  }
  return sum / count / 2;
}

/** sigma(x) in grey levels. Its square is linear between the knots, as in nflib's NoiseLaw. */
function deviation(state, x) {
  const left = Math.min(STEPS - 1, Math.floor(STEPS * x));
  const share = STEPS * x - left;
  return state.sigma * Math.sqrt((1 - share) * state[KNOTS[left]] ** 2 + share * state[KNOTS[left + 1]] ** 2);
}

function solve(state) {
  const { values: clean, shape } = unpack(state.picture);
  const taps = tapsOf(state.length);
  const n = noise(state, shape, taps);
  const noisy = clean.map((x, i) => x + (deviation(state, x) / 255) * n[i]);
  const shown = noisy.map((y) => Math.min(1, Math.max(0, y)));
  const errors = shown.map((y, i) => 255 * (y - clean[i]));
  const bands = Array.from({ length: BANDS }, () => []);
  clean.forEach((x, i) => bands[Math.floor(BANDS * x)]?.push(i)); // exactly white is in none
  const law = LAGS.map((lag) => 1 - taps.reduce((sum, tap, k) => sum + tap * (taps[k + lag] ?? 0), 0));
  const measured = LAGS.map((lag) => variogram(n, shape, lag));
  const size = shape[1] * shape[2];
  const greys = n.subarray(0, size).map((value, i) => (value + n[i + size] + n[i + 2 * size]) ** 2);
  return {
    shown, shape, law, measured,
    points: bands.filter((band) => band.length >= FEWEST).map((band) => [255 * mean(band.map((i) => clean[i])), Math.sqrt(variance(band.map((i) => errors[i])))]),
    deviation_dark: state.sigma * state.dark,
    deviation_middle: state.sigma * state.middle,
    deviation_bright: state.sigma * state.bright,
    deviation: Math.sqrt(variance(errors)),
    clipped: noisy.filter((y) => y < 0 || y > 1).length / noisy.length,
    neighbours: 1 - law[1],
    neighbours_seen: 1 - measured[1],
    colours_seen: (mean(greys) / mean(n.map((value) => value ** 2)) / 3 - 1) / 2,
  };
}

/** A panel with a law as a line, and as dots what is measured. */
function compared({ left, width }, top, title, axis, marks, [most, x], line, dots) {
  const panel = new Panel({ left: left + 30, top: top + 28, width: width - 50, height: 200, x: [0, x], y: [0, most] });
  panel.verticalAxis(ticks(0, most, 4));
  panel.path(line, pen(COLOUR.noise, 2.5));
  panel.dots(dots, 4, fill(COLOUR.degraded));
  panel.title(title);
  panel.legend([["law", WORDS.noise], ["measured", WORDS.degraded]], most, 15);
  panel.horizontalAxis(axis, marks);
  return panel;
}

function draw(state, { shown, shape, law, measured, points }, width) {
  const [first, second, third] = boxes(width, 3, 240);
  const side = shape[2] * Math.max(1, Math.floor(Math.min(first.width, 280) / shape[2])); // whole screen pixels for each of the picture's
  const tall = 36 + (side * shape[1]) / shape[2];
  const top = (box) => box.row && tall + 284 * (box.row - 1);
  const most = Math.max(40, LARGEST * state.sigma);
  const line = Array.from({ length: 256 }, (_, x) => [x, deviation(state, x / 255)]);
  const curve = compared(second, top(second), "Deviation \u03c3(x), grey levels", "brightness x, grey levels", [0, 64, 128, 191, 255], [most, 255], line, points);
  const pairs = (values) => values.map((value, lag) => [lag, value]);
  const differences = compared(third, top(third), "Variogram of the noise n", "distance, pixels", [0, 2, 4, 6, 8, 10], [1.6, 10.3], pairs(law), pairs(measured).slice(1));
  const length = curve.py(0) - curve.py(LARGEST * state.sigma);
  return {
    height: Math.max(top(third) + 278, tall),
    body: heading(first.left, 19, "Noisy photo, noisy ramp") + picture(shown, shape, first.left, 28, side) + curve.svg() + differences.svg(),
    handles: Object.fromEntries(KNOTS.map((key, i) => [key, [curve.px((255 * i) / STEPS), curve.py(0), length]])),
  };
}

const curveOf = (...gains) => () => Object.fromEntries(KNOTS.map((key, i) => [key, gains[i]]));
const tenths = (value) => value.toFixed(1);

export default {
  title: "Draw the law of a noise",
  hint: "Drag the five handles, or move them with the arrow keys. Then make the noise coarser: the measured dots scatter more.",
  keys: ["picture", "sigma", "length", "colours", ...KNOTS, "seed"],
  controls: () => [
    { key: "sigma", label: "noise \u03c3", min: 0, max: 20, step: 0.5, unit: "grey levels" },
    { key: "length", label: "correlation length", min: 0, max: 3, step: 0.05, unit: "pixels" },
    { key: "colours", label: "correlation of colours", min: 0, max: 1, step: 0.05 },
    ...KNOTS.map((key) => ({
      key, handle: true, label: `\u03c3(x) at ${key}`, min: 0, max: LARGEST, step: 0.05, unit: "grey levels", digits: 1, told: (state) => state.sigma * state[key],
    })),
    { kind: "button", label: "Camera: rises", patch: curveOf(0.4, 0.75, 1, 1.2, 1.35) },
    { kind: "button", label: "Film: mid-tones", patch: curveOf(0.2, 0.85, 1, 0.85, 0.2) },
    { kind: "button", label: "New draw", patch: ({ seed }) => ({ seed: seed + 1 }) },
  ],
  solve,
  readouts: [
    { key: "deviation_dark", label: "\u03c3(x), dark (64)", text: tenths },
    { key: "deviation_middle", label: "\u03c3(x), middle (128)", text: tenths },
    { key: "deviation_bright", label: "\u03c3(x), bright (191)", text: tenths },
    { key: "deviation", label: "measured, all pixels", text: tenths },
    { key: "clipped", label: "values clipped", text: percent },
    { key: "neighbours", label: "neighbours correlate" },
    { key: "neighbours_seen", label: "the same, measured" },
    { key: "colours_seen", label: "colours, measured" },
  ],
  summary: (state, r) =>
    `A photo and a grey ramp with noise of a law: its deviation is ${tenths(r.deviation_dark)} grey levels in the dark, ${tenths(r.deviation_middle)} in the middle, ` +
    `${tenths(r.deviation_bright)} in bright parts, and ${tenths(r.deviation)} as measured in all pixels. Neighbouring pixels correlate by ${format(r.neighbours)}, ` +
    `measured ${format(r.neighbours_seen)}; colours by ${format(state.colours)}, measured ${format(r.colours_seen)}.`,
  draw,
};
