import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Passes text on unchanged: what matters is that there is a program. */
const passOn = `#!/usr/bin/env python3
import struct, sys
while len(size := sys.stdin.buffer.read(8)) == 8:
    sys.stdout.buffer.write(sys.stdin.buffer.read(struct.unpack("L", size)[0]) + b"\\n")
`;

/** Writes a transform program into a folder; gives its path. */
export function writeTransformProgram(folder: string): string {
  const path = join(folder, 'pass-on.py');
  writeFileSync(path, passOn, { mode: 0o755 });
  return path;
}
