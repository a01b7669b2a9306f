// Closed forms of the unpaired Gaussian problem; tests compare them with nflib.closed_form.gaussian and scipy.

const LOG_2PI = Math.log(2 * Math.PI);

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Population variance: divided by N. */
export function variance(values) {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2));
}

export const density = (x, centre, v) => Math.exp(-0.5 * ((x - centre) ** 2 / v + Math.log(v) + LOG_2PI));

/** Standard normal distribution function; relative error about 1e-14 in both tails. */
export function cdf(z) {
  if (z < -3) return upperTail(-z);
  if (z > 3) return 1 - upperTail(z);
  // Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3*5) + ...): every term has the sign of z.
  let term = z;
  let sum = z;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 + sum * density(z, 0, 1);
}

function upperTail(z) {
  let fraction = z;
  for (let k = 120; k >= 1; k--) fraction = z + k / fraction;
  return density(z, 0, 1) / fraction;
}

/** Kullback-Leibler divergence in nats between two normal laws. */
export const divergence = (m0, v0, m1, v1) => 0.5 * (v0 / v1 - 1 - Math.log(v0 / v1) + (m0 - m1) ** 2 / v1);

/** Maximum likelihood from the moments of the two sets (DeFlow appendix, both cases); weights [w_x, w_y]. */
export function fitMoments(meanX, a, meanY, b, [wx, wy]) {
  const oneCase = b / a > 1 - 16 * Number.EPSILON;
  const pooled = (wx * a + wy * b) / (wx + wy);
  const varX = oneCase ? a : pooled;
  const varU = oneCase ? Math.max(b - a, 0) : 0;
  const nll = (moment, v) => 0.5 * (moment / v + Math.log(v) + LOG_2PI);
  return {
    case: oneCase ? 1 : 2,
    mean_x: meanX,
    mean_u: meanY - meanX,
    var_x: varX,
    var_u: varU,
    multiplier: oneCase ? 0 : (wy * (pooled - b)) / (2 * pooled ** 2),
    nll: wx * nll(a, varX) + wy * nll(b, varX + varU),
  };
}

/** Large-sample variance of the estimate of var_u before clipping. */
export const varianceOfVarU = (varX, varU, n, m) => (2 * varX ** 2) / n + (2 * (varX + varU) ** 2) / m;

/** How many times the variance exceeds that from pairs, at noise-to-signal ratio r. */
export const priceOfUnpaired = (r) => (1 + (1 + r) ** 2) / r ** 2;

/** max(0, T) with T normal: its mean and the probability that it is zero. */
export function clippedNormal(centre, deviation) {
  const z = centre / deviation;
  return { mean: centre * cdf(z) + deviation * density(z, 0, 1), probZero: cdf(-z) };
}

// Symmetric 2 x 2 matrices [[a, b], [b, c]].

export function eigen([[a, b], [, c]]) {
  const centre = (a + c) / 2;
  const radius = Math.hypot((a - c) / 2, b);
  return { values: [centre + radius, centre - radius], angle: 0.5 * Math.atan2(2 * b, a - c) };
}

/** The function of a symmetric matrix that acts on its eigenvalues. */
export function spectral(matrix, f) {
  const { values, angle } = eigen(matrix);
  const [big, small] = values.map(f);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const off = (big - small) * c * s;
  return [[big * c * c + small * s * s, off], [off, big * s * s + small * c * c]];
}

export const apply = ([[a, b], [c, d]], [x, y]) => [a * x + b * y, c * x + d * y];
export const scale = (matrix, k) => matrix.map((row) => row.map((value) => k * value));
export const add = (p, q, k = 1) => p.map((row, i) => row.map((value, j) => value + k * q[i][j]));
export const multiply = (p, q) => p.map((row) => [0, 1].map((j) => row[0] * q[0][j] + row[1] * q[1][j]));
export const root = (matrix) => spectral(matrix, (v) => Math.sqrt(Math.max(v, 0)));
export const determinant = ([[a, b], [c, d]]) => a * d - b * c;
export const inverse = (matrix) => {
  const [[a, b], [c, d]] = matrix;
  return scale([[d, -b], [-c, a]], 1 / determinant(matrix));
};

/** R S R for symmetric matrices, made exactly symmetric. */
export function sandwich(r, s) {
  const [[a, b], [c, d]] = multiply(multiply(r, s), r);
  return [[a, (b + c) / 2], [(b + c) / 2, d]];
}
