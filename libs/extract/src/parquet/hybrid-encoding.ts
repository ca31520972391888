/**
 * The two forms of Parquet's RLE / bit-packing hybrid that we write (parquet-format, Encodings.md): one run of a single
 * value, or one bit-packed run in groups of eight.
 */

/** Bits needed for values 0 to `max`, at least one. */
export function bitWidthOf(max: number): number {
  return Math.max(1, 32 - Math.clz32(max));
}

function writeVarint(out: Buffer, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

/** `count` times `value`, which fits one byte. */
export function encodeSingleRun(count: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(6);
  const at = writeVarint(out, 0, count * 2);
  out[at] = value;
  return out.subarray(0, at + 1);
}

/** The first `count` numbers of `values`, each of `bitWidth` bits (1 to 16). */
export function encodeBitPacked(values: Uint16Array, count: number, bitWidth: number): Buffer {
  const groups = Math.ceil(count / 8);
  const out = Buffer.allocUnsafe(5 + groups * bitWidth);
  let at = writeVarint(out, 0, groups * 2 + 1);
  const end = at + groups * bitWidth;
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < count; index += 1) {
    pending |= (values[index] as number) << pendingBits;
    pendingBits += bitWidth;
    if (pendingBits >= 16) {
      out[at] = pending;
      out[at + 1] = pending >>> 8;
      at += 2;
      pending >>>= 16;
      pendingBits -= 16;
    }
  }
  for (; pendingBits > 0; pendingBits -= 8) {
    out[at++] = pending;
    pending >>>= 8;
  }
  out.fill(0, at, end);
  return out.subarray(0, end);
}
