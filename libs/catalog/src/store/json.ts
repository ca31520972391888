/**
 * JSON for definitions that hold bigint and bytes: they are written as `{"$bigint":"1"}` and `{"$bytes":"<base64>"}`.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return { $bigint: inner.toString() };
    if (inner instanceof Uint8Array) return { $bytes: Buffer.from(inner).toString('base64') };
    return inner;
  });
}

/** Inverse of {@link toJson}. The caller names the type it wrote. */
export function fromJson<T>(text: string): T {
  return JSON.parse(text, (_key, inner: unknown) => {
    if (typeof inner === 'object' && inner !== null) {
      if ('$bigint' in inner) return BigInt(String(inner.$bigint));
      if ('$bytes' in inner) return new Uint8Array(Buffer.from(String(inner.$bytes), 'base64'));
    }
    return inner;
  });
}
