const floatBits = new Float64Array(1);
const intBits = new Int32Array(floatBits.buffer);

/** Mixes a 32-bit integer into a running checksum. Allocates nothing. */
export function mixInt(checksum: number, value: number): number {
  const mixed = Math.imul(checksum ^ value, 0x9e3779b1);
  return (mixed << 13) | (mixed >>> 19);
}

/** Mixes all 64 bits of a float: variants must agree to the last bit, so they must add in the same order. */
export function mixFloat(checksum: number, value: number): number {
  floatBits[0] = value;
  return mixInt(mixInt(checksum, intBits[0]!), intBits[1]!);
}

/**
 * Mixes a string's length and a sample of its characters: every eighth and the last. Enough to tell one value
 * from another without making the checksum the workload.
 */
export function mixString(checksum: number, value: string): number {
  const length = value.length;
  let mixed = mixInt(checksum, length);
  for (let at = 0; at < length; at += 8) mixed = mixInt(mixed, value.charCodeAt(at));
  return length === 0 ? mixed : mixInt(mixed, value.charCodeAt(length - 1));
}
