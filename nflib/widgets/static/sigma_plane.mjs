// Two covariances in the plane: where the noise is clipped matters. Whiten first, then clip.

import { add, determinant, eigen, inverse, multiply, root, sandwich, scale, spectral } from "./maths.mjs";
import { COLOUR, Panel, WORDS, boxes, fill, format, pen } from "./plot.mjs";

const IDENTITY = [[1, 0], [0, 1]];
const positive = (v) => Math.max(v, 0);

/** B: the clean covariance turned by `angle` degrees (other content), plus white noise of variance sigma^2. */
export function degradedCovariance({ cov_x, sigma, angle }) {
  const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const [[p, q], [, r]] = cov_x;
  const off = (p - r) * c * s + q * (c * c - s * s);
  return [
    [p * c * c - 2 * q * c * s + r * s * s + sigma ** 2, off],
    [off, p * s * s + 2 * q * c * s + r * c * c + sigma ** 2],
  ];
}

/** Half the log-determinant plus half the trace, in nats: the mean NLL without its constant. */
function loss(moment, model) {
  const [[p], [, q]] = multiply(inverse(model), moment);
  return 0.5 * (Math.log(determinant(model)) + p + q);
}

function solve(state) {
  const a = state.cov_x;
  const b = degradedCovariance(state);
  const half = root(a);
  const white = sandwich(spectral(a, (v) => 1 / Math.sqrt(v)), b);
  const covU = sandwich(half, spectral(white, (v) => positive(v - 1)));
  const covX = sandwich(half, spectral(white, (v) => Math.min(1, (1 + v) / 2)));
  const naive = spectral(add(b, a, -1), positive);
  const lambda = eigen(white).values;
  return {
    b, white, covU, naive,
    u_11: covU[0][0], u_12: covU[0][1], u_22: covU[1][1],
    naive_11: naive[0][0], naive_12: naive[0][1], naive_22: naive[1][1],
    lambda_1: lambda[0], lambda_2: lambda[1],
    rank: lambda.filter((v) => v > 1 + 1e-9).length,
    excess: loss(a, a) + loss(b, add(a, naive)) - loss(a, covX) - loss(b, add(covX, covU)),
  };
}

function draw(state, result, width) {
  const cells = boxes(width, 3, 225);
  const side = Math.min(cells[0].width - 8, 290);
  const pitch = side + 78;
  const panel = (i, title, reach) => {
    const left = cells[i].left + (cells[i].width - side) / 2;
    const made = Panel.square({ left, top: 26 + cells[i].row * pitch, width: side, height: side, centre: [0, 0], reach });
    made.cross(title);
    return made;
  };
  const legend = (made, entries) => entries.forEach(([words, colour], i) =>
    made.text([made.x[0], made.y[0]], words, { dy: 17 + 16 * i, colour, size: 12.5, weight: 600 }));

  const top = Math.sqrt(eigen(state.cov_x).values[0]);
  const data = panel(0, "data: A and B", 1.15 * Math.hypot(top, Math.max(1, state.sigma)));
  data.ellipse([0, 0], root(state.cov_x), 1, `${fill(COLOUR.clean, 0.16)} stroke="${COLOUR.clean}" stroke-width="2.5"`);
  data.ellipse([0, 0], root(result.b), 1, pen(COLOUR.degraded, 2.5));
  legend(data, [["A, clean", WORDS.clean], ["B, degraded", WORDS.degraded]]);

  const reach = 1.15 * Math.max(1.6, Math.sqrt(result.lambda_1));
  const white = panel(1, "whitened: A is the unit circle", reach);
  const { angle } = eigen(result.white);
  white.ellipse([0, 0], root(result.white), 1, `${fill(COLOUR.noise, 0.3)} stroke="none"`);
  white.ellipse([0, 0], IDENTITY, 1, `${fill("#fff", 1)} stroke="none"`);
  white.ellipse([0, 0], IDENTITY, 1, `${fill(COLOUR.clean, 0.16)} stroke="${COLOUR.clean}" stroke-width="2.5"`);
  white.ellipse([0, 0], root(result.white), 1, pen(COLOUR.degraded, 2.5));
  [result.lambda_1, result.lambda_2].forEach((value, i) => {
    const turn = angle + (i * Math.PI) / 2;
    const tip = [Math.sqrt(value) * Math.cos(turn), Math.sqrt(value) * Math.sin(turn)];
    const colour = value > 1 + 1e-9 ? COLOUR.noise : COLOUR.clipped;
    white.segment([0, 0], tip, pen(colour, 3));
  });
  legend(white, [result.lambda_1, result.lambda_2].map((value, i) => (value > 1 + 1e-9
    ? [`\u03bb${"\u2081\u2082"[i]} = ${format(value)}: \u03bb \u2212 1 is noise`, WORDS.noise]
    : [`\u03bb${"\u2081\u2082"[i]} = ${format(value)}: clipped`, WORDS.clipped])));

  const size = Math.max(state.sigma, Math.sqrt(result.u_11), Math.sqrt(result.u_22), Math.sqrt(result.naive_11), Math.sqrt(result.naive_22));
  const noise = panel(2, "the noise", 1.2 * Math.max(size, 0.4));
  noise.ellipse([0, 0], scale(IDENTITY, state.sigma), 1, pen(COLOUR.ink, 1.5, "2 3"));
  noise.ellipse([0, 0], root(result.covU), 1, `${fill(COLOUR.noise, 0.22)} stroke="${COLOUR.noise}" stroke-width="4"`);
  noise.ellipse([0, 0], root(result.naive), 1, pen(COLOUR.naive, 2));
  legend(noise, [["maximum likelihood", WORDS.noise], ["clip of B \u2212 A, thin", WORDS.naive], ["truth, dotted", COLOUR.ink]]);
  return { height: 26 + (cells[2].row + 1) * pitch - 20, body: data.svg() + white.svg() + noise.svg() };
}

export default {
  title: "Clip the noise in whitened coordinates",
  hint: "Turn the content: the degraded photos show other things than the clean ones. Then raise \u03c3 until both answers agree.",
  keys: ["cov_x", "sigma", "angle"],
  controls: () => [
    { key: "sigma", label: "noise \u03c3", min: 0, max: 2, step: 0.02, unit: "data units" },
    { key: "angle", label: "content turned by", min: -90, max: 90, step: 1, unit: "degrees", digits: 0 },
  ],
  solve,
  readouts: [
    { key: "rank", label: "directions with noise", text: (value) => `${value} of 2` },
    { key: "lambda_1", label: "larger whitened variance \u03bb\u2081" },
    { key: "lambda_2", label: "smaller whitened variance \u03bb\u2082" },
    { key: "u_11", label: "noise variance, horizontal" },
    { key: "u_22", label: "noise variance, vertical" },
    { key: "u_12", label: "noise covariance" },
    { key: "naive_11", label: "clip of B \u2212 A, horizontal" },
    { key: "naive_22", label: "clip of B \u2212 A, vertical" },
    { key: "naive_12", label: "clip of B \u2212 A, covariance" },
    { key: "excess", label: "what that clip loses (nats)" },
  ],
  summary: (state, r) =>
    `Covariance ellipses of clean and degraded data, the same after whitening with variances ${format(r.lambda_1)} and ${format(r.lambda_2)}, and the noise: ` +
    `maximum likelihood gives variances ${format(r.u_11)} and ${format(r.u_22)} in ${r.rank} of 2 directions, clipping B - A gives ${format(r.naive_11)} and ${format(r.naive_22)}.`,
  draw,
};
