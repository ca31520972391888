import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { listenError } from './listen-error.ts';

test('says which port is taken and what to do', async () => {
  const first = createServer().listen(0, '127.0.0.1');
  await once(first, 'listening');
  const { port } = first.address() as AddressInfo;
  const [cause] = await once(createServer().listen(port, '127.0.0.1'), 'error').catch((error) => [error]);
  first.close();
  expect(listenError('MySQL clients', `127.0.0.1:${port}`, cause)).toMatchObject({
    code: 'OPTION_INVALID',
    message: `cannot listen on 127.0.0.1:${port} for MySQL clients: another process uses the port; stop it or choose another port`,
  });
});
