// The sampling law of the noise variance estimated from unpaired samples, and what pairs would save.

import { clippedNormal, density, priceOfUnpaired, varianceOfVarU } from "./maths.mjs";
import { COLOUR, Panel, WORDS, boxes, fill, format, pen, percent } from "./plot.mjs";

/** Units: the clean variance is 1, so the noise variance is the noise-to-signal ratio r = sigma^2. */
function solve({ sigma, n }) {
  const ratio = sigma ** 2;
  const deviation = Math.sqrt(varianceOfVarU(1, ratio, n, n));
  const law = clippedNormal(ratio, deviation);
  const price = priceOfUnpaired(ratio);
  return {
    ratio, deviation, price,
    deviation_paired: ratio * Math.sqrt(2 / n),
    prob_zero: law.probZero,
    mean_var_u: law.mean,
    // Relative error sqrt(2/n) from pairs: 200 of them give 10 %.
    n_for_ten_percent: 200 * price,
  };
}

function samplingLaw({ ratio, deviation, deviation_paired: paired, prob_zero: atom }, left, width) {
  const [low, high] = [Math.min(-0.12 * (ratio + 3.5 * deviation), ratio - 3.5 * deviation), ratio + 3.5 * deviation];
  const start = Math.max(low, -0.6 * high);
  const peak = 1.6 * density(0, 0, deviation ** 2);
  const panel = new Panel({ left: left + 8, top: 28, width: width - 16, height: 200, x: [start, high], y: [0, peak] });
  const law = (v) => density(v, ratio, deviation ** 2);
  panel.area(law, fill(COLOUR.clipped, 0.25), [start, 0]);
  panel.curve(law, pen(COLOUR.clipped, 1.5, "4 3"), [start, 0]);
  panel.area(law, fill(COLOUR.noise, 0.25), [0, high]);
  panel.curve(law, pen(COLOUR.noise, 2.5), [0, high]);
  const narrow = [Math.max(start, ratio - 5 * paired), Math.min(high, ratio + 5 * paired)];
  panel.curve((v) => Math.min(density(v, ratio, paired ** 2), 2 * peak), pen(COLOUR.naive, 2, "7 4"), narrow);
  panel.segment([ratio, 0], [ratio, peak], pen(COLOUR.ink, 1.5, "2 3"));
  if (atom > 5e-4) {
    panel.segment([0, 0], [0, atom * peak * 0.92], pen(COLOUR.clipped, 9));
    panel.legend([[`${percent(atom)} are 0`, WORDS.clipped]], peak, 34);
  }
  panel.title("Estimates of the noise variance");
  const side = (ratio - start) / (high - start) > 0.55 ? { anchor: "end", dx: -6 } : { anchor: "start", dx: 6 };
  panel.text([ratio, peak], "truth", { ...side, dy: 14, size: 12 });
  panel.text([high, peak], "unpaired", { anchor: "end", dx: -4, dy: 34, colour: WORDS.noise, weight: 600 });
  panel.text([high, peak], "from n pairs", { anchor: "end", dx: -4, dy: 51, colour: WORDS.naive, weight: 600 });
  panel.horizontalAxis("estimated noise variance (clean variance = 1)");
  return panel.svg();
}

const PRICES = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
const RATIOS = [0.001, 0.01, 0.1, 1];
const tenth = (value) => (value >= 1 ? value.toLocaleString("en").replaceAll(",", "\u202f") : String(value));

function priceCurve({ ratio, price }, left, top, width) {
  const panel = new Panel({ left: left + 68, top: top + 28, width: width - 82, height: 200, x: [-3, Math.log10(6)], y: [0, 6.4] });
  panel.verticalAxis(PRICES.map(Math.log10), (v) => tenth(Math.round(10 ** v)));
  panel.curve((v) => Math.log10(priceOfUnpaired(10 ** v)), pen(COLOUR.ink, 2.5));
  const here = [Math.log10(ratio), Math.log10(price)];
  panel.dots([here], 7, fill(COLOUR.noise));
  const side = here[0] > -0.3 ? { anchor: "end", dx: 4, dy: -14 } : { dx: 10, dy: -8 };
  const times = tenth(price >= 100 ? Math.round(price) : +price.toFixed(1));
  panel.text(here, `${times} \u00d7`, { ...side, weight: 600, colour: WORDS.noise });
  panel.title("The price of being unpaired");
  panel.horizontalAxis("noise-to-signal ratio r", RATIOS.map(Math.log10), (v) => String(+(10 ** v).toPrecision(1)));
  return panel.svg();
}

export default {
  title: "How well can noise be known without pairs?",
  hint: "Set \u03c3 to 0.1 (one hundredth of the clean variance), then raise n until the hump leaves zero.",
  keys: ["sigma", "n"],
  controls: () => [
    { key: "sigma", label: "noise \u03c3", min: 0.05, max: 2, step: 0.01, unit: "clean sd" },
    { key: "n", label: "samples in each set, n", min: 10, max: 1e6, step: 0.05, log: true },
  ],
  solve,
  readouts: [
    { key: "ratio", label: "noise-to-signal ratio r" },
    { key: "deviation", label: "sd of the estimate, unpaired" },
    { key: "deviation_paired", label: "sd of the estimate, n pairs" },
    { key: "price", label: "price of being unpaired", text: (value) => `${format(value)} \u00d7` },
    { key: "prob_zero", label: "chance of estimating 0", text: percent },
    { key: "mean_var_u", label: "mean of the estimate" },
    { key: "n_for_ten_percent", label: "n for 10 % error (pairs: 200)", text: (value) => tenth(Math.ceil(value - 1e-6)) },
  ],
  summary: (state, r) =>
    `Law of the estimated noise variance around the truth ${format(r.ratio)}: standard deviation ${format(r.deviation)} unpaired, ` +
    `${format(r.deviation_paired)} from pairs; ${percent(r.prob_zero)} of estimates are zero. The price of being unpaired is ${format(r.price)}.`,
  draw(state, result, width) {
    const [first, second] = boxes(width, 2, 300);
    const top = second.row * 286;
    return { height: 276 + top, body: samplingLaw(result, first.left, first.width) + priceCurve(result, second.left, top, second.width) };
  },
};
