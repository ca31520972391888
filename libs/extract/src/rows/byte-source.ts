/** Bytes with a view of them: loops over single bytes use the one, loops over words the other. */
export interface ByteSource {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Makes a source of a Buffer; positions are the same in both. */
export function byteSource(bytes: Buffer): ByteSource {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
