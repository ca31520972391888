import { existsSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { NodeIdentity } from './node-agent.ts';

const fileName = 'identity.json';

/** The identity kept in a data directory; empty before the first registration. Throws STORE_CORRUPT. */
export function readIdentity(dataDir: string): NodeIdentity {
  const path = join(dataDir, fileName);
  if (!existsSync(path)) return { nodeId: '', clusterId: '' };
  const corrupt = (cause?: unknown) => new MillraceError('STORE_CORRUPT', `${path} is damaged`, { cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw corrupt(error);
  }
  if (typeof parsed !== 'object' || parsed === null || !('nodeId' in parsed) || !('clusterId' in parsed))
    throw corrupt();
  return { nodeId: String(parsed.nodeId), clusterId: String(parsed.clusterId) };
}

/** Makes an identity durable: the file is replaced as a whole. */
export async function saveIdentity(dataDir: string, identity: NodeIdentity): Promise<void> {
  const path = join(dataDir, fileName);
  const temporary = `${path}.new`;
  await writeAndSync(temporary, `${JSON.stringify(identity)}\n`);
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  await directory.sync().finally(() => directory.close());
}

async function writeAndSync(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
