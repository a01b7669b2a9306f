// A training step of DeFlow on a card: least time and memory from counted operations and bytes, and the roofline.

import { COLOUR, Panel, WORDS, boxes, fill, format, niceCeiling, pen, ticks } from "./plot.mjs";

const MOST_STEPS = 32;
const GIB = 2 ** 30;
// Power of ten of the most operations per byte that are drawn.
const WIDEST = 3.6;

/** A count of the state. Rows of its coefficients are for 1, K, Kh, Kh^2, columns for 1, S, S^2, B, BS, BS^2. */
function count(name, { costs, training, steps, hidden, crop, batch }) {
  const net = [1, steps, steps * hidden, steps * hidden ** 2];
  const image = [1, crop, crop ** 2, batch, batch * crop, batch * crop ** 2];
  const sum = (terms) => terms.reduce((total, term) => total + term, 0);
  return sum(costs[training][name].map((row, i) => net[i] * sum(row.map((c, j) => c * image[j]))));
}

function memory(state) {
  const { costs: { each }, precision, training } = state;
  const [parameters, kept] = [count("parameters", state), count("kept", state)];
  const plain = (steps) => count("kept", { ...state, training: "plain", steps });
  const again = training === "reversible" ? plain(1) - plain(0) : 0;
  return [(each.states - each.gradient) * parameters + kept / (precision === "bfloat16" ? 2 : 1), each.states * parameters + 2 * (kept + again)];
}

function solve(state) {
  const { costs: { each }, precision, tflops, bandwidth, batch } = state;
  const [parameters, done] = [count("parameters", state), 2 * count("multiply_adds", state)];
  const moved = count("moved", state) / (precision === "bfloat16" ? 2 : 1) + each.updated * parameters;
  const [operations, bytes] = [done / (1e12 * tflops), moved / (1e9 * bandwidth)];
  const [low, high] = memory(state);
  const floor = Math.max(operations, bytes);
  return {
    floor: 1e3 * floor, images: batch / floor, operations: 1e3 * operations, bytes: 1e3 * bytes, intensity: done / moved,
    attained: done / floor / 1e12, low: low / GIB, high: high / GIB, parameters: parameters / 1e6,
  };
}

const bound = ({ operations, bytes }) => (operations >= bytes ? "operations" : "bytes");
const powers = ([low, high]) => Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => Math.ceil(low) + i);
const power = (exponent) => (Math.abs(exponent) < 4 ? String(+(10 ** exponent).toPrecision(1)) : format(10 ** exponent));

function roofline({ tflops, bandwidth }, result, left, width) {
  const top = Math.log10(tflops);
  const panel = new Panel({ left: left + 46, top: 28, width: width - 60, height: 200, x: [0, WIDEST], y: [top - 3.2, top + 0.3] });
  const ridge = Math.log10((1e3 * tflops) / bandwidth);
  const slope = (x) => Math.log10(bandwidth / 1e3) + x;
  panel.verticalAxis(powers(panel.y), power);
  panel.path([[0, slope(0)], [ridge, top], [Math.max(WIDEST, ridge), top]], pen(COLOUR.ink, 2.5));
  const point = [Math.log10(result.intensity), Math.log10(result.attained)];
  panel.segment([point[0], panel.y[0]], point, pen(COLOUR.degraded, 1.5, "3 3"));
  panel.dots([point], 7, fill(COLOUR.degraded));
  panel.title("Roofline (TFLOP/s)");
  panel.text([WIDEST, panel.y[0]], `bound by ${bound(result)}`, { anchor: "end", dx: -6, dy: -10, weight: 600, colour: WORDS.degraded });
  panel.horizontalAxis("operations per byte", powers(panel.x), power);
  return panel.svg();
}

function depth(state, result, left, top, width) {
  const steps = Array.from({ length: MOST_STEPS }, (_, i) => i + 1);
  const ways = ["plain", "reversible"].map((training) => steps.map((k) => memory({ ...state, training, steps: k }).map((b) => b / GIB)));
  const highest = niceCeiling(Math.max(...ways.flat(2), result.high));
  const panel = new Panel({ left: left + 46, top: top + 28, width: width - 60, height: 200, x: [0, Math.max(MOST_STEPS, state.steps)], y: [0, highest] });
  panel.verticalAxis(ticks(0, highest, 4));
  ways.forEach((bounds, i) => {
    const [low, high] = [0, 1].map((side) => bounds.map((pair, k) => [steps[k], pair[side]]));
    const colour = [COLOUR.clean, COLOUR.degraded][i];
    panel.path([...low, ...high.reverse()], fill(colour, 0.2), "Z");
    panel.path(low, pen(colour, 2.5, ["", "7 4"][i]));
  });
  panel.dots([[state.steps, result.low], [state.steps, result.high]], 5, fill(COLOUR.ink));
  panel.title("Memory, from and to (GiB)");
  panel.legend([["plain", WORDS.clean], ["reversible, dashed", WORDS.degraded]], highest, 15);
  panel.horizontalAxis("steps K on each level");
  return panel.svg();
}

export default {
  title: "What a training step of DeFlow takes",
  hint: "Choose a card, or move its two sliders. Which limit is it, operations or bytes? What changes that?",
  keys: ["tflops", "bandwidth", "crop", "batch", "steps", "hidden", "precision", "training", "presets", "costs"],
  controls: ({ presets }) => [
    { key: "tflops", label: "card: operations", min: 1, max: 2000, step: 0.01, log: "digits", unit: "TFLOP/s" },
    { key: "bandwidth", label: "card: memory", min: 10, max: 10000, step: 0.01, log: "digits", unit: "GB/s" },
    { key: "crop", label: "side of a crop", min: 32, max: 512, step: 8, digits: 0, unit: "pixels" },
    { key: "batch", label: "crops in a step", min: 2, max: 64, step: 1, digits: 0 },
    { key: "steps", label: "steps K on each level", min: 1, max: MOST_STEPS, step: 1, digits: 0 },
    { key: "hidden", label: "hidden width", min: 16, max: 512, step: 16, digits: 0, unit: "channels" },
    { key: "precision", label: "precision", kind: "choice", options: [["float32", "float32, TF32"], ["bfloat16", "bfloat16"]] },
    { key: "training", label: "activations", kind: "choice", options: [["plain", "kept"], ["reversible", "recomputed (reversible)"]] },
    ...presets.map(([label, tflops, bandwidth, precision]) => ({ kind: "button", label, patch: () => ({ tflops, bandwidth, precision }) })),
  ],
  solve,
  readouts: [
    { key: "floor", label: "least time (ms)" },
    { key: "images", label: "crops/s at most" },
    { key: "operations", label: "operations (ms)" },
    { key: "bytes", label: "bytes (ms)" },
    { key: "intensity", label: "operations per byte" },
    { key: "attained", label: "TFLOP/s at most" },
    { key: "low", label: "memory from (GiB)" },
    { key: "high", label: "memory to (GiB)" },
    { key: "parameters", label: "parameters (million)" },
  ],
  summary: (state, r) =>
    `Roofline of a card with ${format(state.tflops)} TFLOP/s and ${format(state.bandwidth)} GB/s. A training step of DeFlow, ${state.training}, with ` +
    `${format(r.parameters)} million parameters takes at least ${format(r.floor)} ms, bound by ${bound(r)}, at ${format(r.intensity)} operations ` +
    `per byte, and ${format(r.low)} to ${format(r.high)} GiB of memory.`,
  draw(state, result, width) {
    const [first, second] = boxes(width, 2, 300);
    const top = second.row * 286;
    return { height: 276 + top, body: roofline(state, result, first.left, first.width) + depth(state, result, second.left, top, second.width) };
  },
};
