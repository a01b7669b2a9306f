// Random numbers that are the same here and in Python (nflib/widgets/prng.py): mulberry32 and Box-Muller.

/** A function that returns the next uniform number in [0, 1), a multiple of 2^-32. */
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The first `count` standard normal numbers of a seed; a longer list begins with the shorter one. */
export function normals(count, seed) {
  const next = uniforms(seed);
  const values = [];
  while (values.length < count) {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    values.push(radius * Math.cos(angle), radius * Math.sin(angle));
  }
  values.length = count;
  return values;
}
