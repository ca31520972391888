import { request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';

/*
 * Stands in for testcontainers/ryuk, the container that cleans up after tests that were killed. Tests hold a connection and
 * send lines of filters, `label=KEY=VALUE`, each answered with ACK. When nobody has been connected for a while, everything
 * that carries one of the labels is removed, and the reaper ends.
 */

const port = 8080;
const firstConnectionMs = 60_000;
const reconnectionMs = 10_000;
const filterBytesMax = 64 * 1024;

const labels = new Set<string>();
const clients = new Set<Socket>();
let timer: NodeJS.Timeout | undefined;

const server = createServer((client) => {
  clients.add(client);
  clearTimeout(timer);
  client.setEncoding('utf8');
  let pending = '';
  client.on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > filterBytesMax) client.destroy();
    for (const line of lines) {
      for (const [key, value] of new URLSearchParams(line.trim())) if (key === 'label') labels.add(value);
      client.write('ACK\n');
    }
  });
  // The close that follows says enough.
  client.on('error', () => {});
  client.on('close', () => {
    clients.delete(client);
    if (clients.size === 0) reapAfter(reconnectionMs);
  });
});
server.listen(port, () => {
  process.stdout.write('Started\n');
  reapAfter(firstConnectionMs);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

function reapAfter(delayMs: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    reap().then(
      (removed) => {
        process.stdout.write(`removed ${removed} objects\n`);
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  }, delayMs);
}

/** Containers first: they hold the networks and the volumes. */
async function reap(): Promise<number> {
  let removed = 0;
  for (const label of labels) {
    const filters = `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`;
    const containers = (await list(`/containers/json?all=1&${filters}`, 'Id')).filter(
      (id) => !id.startsWith(hostname()),
    );
    const networks = await list(`/networks?${filters}`, 'Id');
    const volumes = await list(`/volumes?${filters}`, 'Name');
    const paths = [
      ...containers.map((id) => `/containers/${id}?force=1&v=1`),
      ...networks.map((id) => `/networks/${id}`),
      ...volumes.map((name) => `/volumes/${name}?force=1`),
    ];
    for (const path of paths) await engine('DELETE', path);
    removed += paths.length;
  }
  return removed;
}

async function list(path: string, key: 'Id' | 'Name'): Promise<string[]> {
  const answer: unknown = JSON.parse(await engine('GET', path));
  const objects = (Array.isArray(answer) ? answer : (answer as { Volumes?: unknown }).Volumes) ?? [];
  return (objects as Record<string, string>[]).flatMap((object) => object[key] ?? []);
}

/** Asks the Docker engine. What is gone already is no error. */
function engine(method: 'GET' | 'DELETE', path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: '/var/run/docker.sock', method, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { statusCode = 0 } = response;
        if (statusCode < 300 || statusCode === 404) resolve(body);
        else reject(new Error(`${method} ${path}: ${statusCode} ${body}`));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
