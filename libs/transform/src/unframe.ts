const headerBytes = 8;
const newline = 10;

/**
 * The records of a framed input (8 bytes of length, little endian, and the bytes), one after another with a line break
 * after each, for programs that know nothing of frames. Chunks may be cut anywhere.
 */
export async function* unframe(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const header = Buffer.alloc(headerBytes);
  let headerRead = 0;
  let bodyLeft = 0;
  for await (const chunk of input) {
    // A record gives at most one byte more than it took, where its header came before.
    const output = Buffer.allocUnsafe(chunk.length + 1);
    let used = 0;
    for (let at = 0; at < chunk.length; ) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, chunk.length - at);
        output.set(chunk.subarray(at, at + taken), used);
        at += taken;
        used += taken;
        bodyLeft -= taken;
        if (bodyLeft === 0) output[used++] = newline;
        continue;
      }
      header[headerRead++] = chunk[at++] ?? 0;
      if (headerRead < headerBytes) continue;
      headerRead = 0;
      bodyLeft = Number(header.readBigUInt64LE());
      if (bodyLeft === 0) output[used++] = newline;
    }
    yield output.subarray(0, used);
  }
}
