// LUD-VAE's pre-noise for one value: do clean and degraded look alike through it, and what is left of the content?

import { density, divergence } from "./maths.mjs";
import { COLOUR, Panel, WORDS, boxes, fill, format, pen } from "./plot.mjs";

const LARGEST = 60;
const kept = (content, variance) => 0.5 * Math.log1p(content ** 2 / variance);

function solve({ sigma_x, sigma_y, sigma, content }) {
  const [clean, degraded] = [sigma_x ** 2, sigma_y ** 2 + sigma ** 2];
  // Gaussian kernel of bandwidth b: the mean of k over two normal values is b / sqrt(b^2 + sum of their variances).
  const band = clean + degraded;
  const k = (sum) => Math.sqrt(band / (band + sum));
  return {
    match: Math.sqrt(degraded),
    kl: divergence(0, degraded, 0, clean),
    kl_given: Math.log(sigma_x / sigma_y) - 0.5 + degraded / (2 * clean),
    mmd: k(2 * clean) + k(2 * degraded) - 2 * k(clean + degraded),
    content_x: kept(content, clean),
    content_y: kept(content, degraded),
  };
}

function laws({ sigma_x, sigma_y, sigma }, left, width) {
  const degraded = sigma_y ** 2 + sigma ** 2;
  const peak = 1.45 * Math.max(density(0, 0, sigma_x ** 2), density(0, 0, degraded));
  const panel = new Panel({ left: left + 8, top: 28, width: width - 16, height: 200, x: [-115, 115], y: [0, peak] });
  for (const side of [-1, 1]) panel.curve((v) => 0.5 * density(v, side * sigma, sigma_y ** 2), pen(COLOUR.degraded, 1, "2 3"));
  panel.area((v) => density(v, 0, sigma_x ** 2), fill(COLOUR.clean, 0.15));
  panel.curve((v) => density(v, 0, sigma_x ** 2), pen(COLOUR.clean, 2.5));
  panel.curve((v) => density(v, 0, degraded), pen(COLOUR.degraded, 2.5, "7 4"));
  panel.title("One value through the pre-noise");
  panel.text([-115, peak], "h(x)", { dx: 4, dy: 15, weight: 600, colour: WORDS.clean });
  panel.text([-115, peak], "h(y), dashed", { dx: 4, dy: 32, weight: 600, colour: WORDS.degraded });
  panel.text([115, peak], "dotted: noise \u00b1\u03c3", { anchor: "end", dx: -4, dy: 15, size: 12, colour: WORDS.degraded });
  panel.horizontalAxis("grey levels from the clean value");
  return panel.svg();
}

function trade({ sigma_y, sigma, content }, { kl_given, content_x }, left, top, width) {
  const panel = new Panel({ left: left + 34, top: top + 28, width: width - 48, height: 200, x: [0, LARGEST], y: [0, 2.5] });
  panel.verticalAxis([0, 1, 2]);
  panel.curve((v) => 0.5 * Math.log1p((sigma / v) ** 2), pen(COLOUR.naive, 2.5), [1, LARGEST]);
  panel.curve((v) => kept(content, v ** 2 + sigma ** 2), pen(COLOUR.ink, 2.5), [1, LARGEST]);
  panel.dots([[sigma_y, kl_given]], 7, fill(COLOUR.naive));
  panel.dots([[sigma_y, content_x]], 7, fill(COLOUR.ink));
  panel.title("Alike, or full of content? (nats)");
  panel.text([LARGEST, 2.5], "KL given the noise", { anchor: "end", dx: -4, dy: 15, weight: 600, colour: WORDS.naive });
  panel.text([LARGEST, 2.5], "content left", { anchor: "end", dx: -4, dy: 32, weight: 600 });
  panel.text([LARGEST, 2.5], "lines: matching \u03c3x", { anchor: "end", dx: -4, dy: 49, size: 12, colour: COLOUR.soft });
  panel.horizontalAxis("\u03c3y, grey levels");
  return panel.svg();
}

export default {
  title: "Two images through the pre-noise",
  hint: "Set \u03c3x to its matching value: the thick laws coincide. Then raise both and watch what is left of the content.",
  keys: ["sigma_x", "sigma_y", "sigma", "content"],
  controls: () => [
    { key: "sigma_x", label: "pre-noise \u03c3x, clean", min: 1, max: 60, step: 0.5, unit: "grey levels" },
    { key: "sigma_y", label: "pre-noise \u03c3y, degraded", min: 1, max: 60, step: 0.5, unit: "grey levels" },
    { key: "sigma", label: "noise \u03c3", min: 0, max: 40, step: 0.5, unit: "grey levels" },
    { key: "content", label: "content", min: 1, max: 80, step: 1, unit: "grey levels" },
  ],
  solve,
  readouts: [
    { key: "match", label: "matching \u03c3x", text: (value) => value.toFixed(1) },
    { key: "kl", label: "KL, any noise (nats)" },
    { key: "kl_given", label: "KL given the noise (nats)" },
    { key: "mmd", label: "MMD\u00b2" },
    { key: "content_x", label: "content left in h(x) (nats)" },
    { key: "content_y", label: "content left in h(y) (nats)" },
  ],
  summary: (state, r) =>
    `Laws of a clean and of a degraded value with pre-noise ${format(state.sigma_x)} and ${format(state.sigma_y)} grey levels, noise ` +
    `${format(state.sigma)}: KL ${format(r.kl)} nats on average over the noise, ${format(r.kl_given)} given the noise; ` +
    `${format(r.content_x)} nats of the content are left. They match at ${format(r.match)}.`,
  draw(state, result, width) {
    const [first, second] = boxes(width, 2, 300);
    const top = second.row * 286;
    return { height: 276 + top, body: laws(state, first.left, first.width) + trade(state, result, second.left, top, second.width) };
  },
};
