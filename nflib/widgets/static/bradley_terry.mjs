// Scores from comparisons in pairs: what nflib/bradley_terry.py computes, and says why.

/** Inverse of a matrix as rows, by Gauss and Jordan with pivots. */
function inverse(matrix) {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => +(i === j))]);
  for (let c = 0; c < size; c++) {
    const pivot = rows.reduce((best, row, r) => (r >= c && Math.abs(row[c]) > Math.abs(rows[best][c]) ? r : best), c);
    [rows[c], rows[pivot]] = [rows[pivot], rows[c]];
    const scale = rows[c][c];
    rows[c] = rows[c].map((value) => value / scale);
    rows.forEach((row, r) => { if (r !== c) rows[r] = row.map((value, j) => value - row[c] * rows[c][j]); });
  }
  return rows.map((row) => row.slice(size));
}

/** Whether choices link every method to the first. */
function connected(wins) {
  const reached = new Set([0]);
  for (const a of reached) wins.forEach((row, b) => { if (row[a] + wins[a][b] > 0) reached.add(b); });
  return reached.size === wins.length;
}

/** Scores and their covariance from wins (K, K); null where two groups of methods were never compared. */
export function fit(wins) {
  if (!connected(wins)) return null;
  const size = wins.length;
  const padded = wins.map((row, a) => row.map((count, b) => (a === b ? 0 : count + 1 / size)));
  let scores = wins.map(() => 0);
  for (;;) {
    const odds = scores.map((s) => scores.map((t) => 1 / (1 + Math.exp(t - s))));
    const pairs = padded.map((row, a) => row.map((count, b) => count + padded[b][a]));
    const weights = pairs.map((row, a) => row.map((n, b) => n * odds[a][b] * (1 - odds[a][b])));
    const information = weights.map((row, a) => row.map((w, b) => (a === b ? row.reduce((x, y) => x + y) : -w) + 1 / size));
    const covariance = inverse(information).map((row) => row.map((value) => value - 1 / size));
    const slope = padded.map((row, a) => row.reduce((sum, count, b) => sum + count - pairs[a][b] * odds[a][b], 0));
    const step = covariance.map((row) => row.reduce((sum, value, b) => sum + value * slope[b], 0));
    const length = Math.max(...step.map(Math.abs));
    scores = scores.map((s, a) => s + step[a] * Math.min(1, 1 / (3 * length + 1e-300)));
    const centre = scores.reduce((sum, s) => sum + s, 0) / size;
    scores = scores.map((s) => s - centre);
    if (!(length > 1e-9)) return { scores, covariance };
  }
}
