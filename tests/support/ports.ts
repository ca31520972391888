import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what Linux gives to outgoing connections, so that a stopped service finds its port free when it comes back. */
const lowest = 20_000;
const highest = 32_000;
const taken = new Set<number>();

/** Loopback ports that nobody uses and that this process has not given out before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count; attempt += 1) {
    if (attempt > 1_000) throw new Error(`no ${count} free ports from ${lowest} to ${highest}`);
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    ports.push(port);
  }
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
