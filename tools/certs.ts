import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeAuthority, makeCertificate } from '@millrace/testkit/certificates';

const usage = `npm run certs -- [--out DIR] [--names HOST,HOST,…] [--new-ca]

Makes a certificate authority for development in DIR (certs) unless it is there already, and for each host name a
certificate HOST.crt and its key HOST.key, valid for HOST, localhost, 127.0.0.1 and ::1. Names that a list joins with +
share a certificate: leaf+leaf-1+10.0.0.7 makes leaf.crt. --new-ca replaces the authority: certificates it has signed
before are then worth nothing.

Start a service with --tls-ca DIR/ca.crt --tls-cert DIR/HOST.crt --tls-key DIR/HOST.key.
`;

/** The services of docker/compose.yaml. */
const namesDefault = 'aggregator,leaf,pipeline-extractor,transform-runner';
const everywhere = ['localhost', '127.0.0.1', '::1'];

/** `npm run certs`. */
export async function makeCertificates(argv: readonly string[]): Promise<string[]> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      out: { type: 'string', default: 'certs' },
      names: { type: 'string', default: namesDefault },
      'new-ca': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return [usage];
  const groups = values.names.split(',').map((group) => group.split('+').map((name) => name.trim()));
  const wrong = groups.flat().find((name) => !/^(\*\.)?[A-Za-z0-9:._-]+$/.test(name) || name === 'ca');
  if (wrong !== undefined) throw new Error(`'${wrong}' is not a host name`);
  const dir = values.out;
  const authority =
    existsSync(join(dir, 'ca.key')) && !values['new-ca']
      ? { cert: join(dir, 'ca.crt'), key: join(dir, 'ca.key') }
      : await makeAuthority(dir, { replace: values['new-ca'] });
  const made = [`authority: ${authority.cert}`];
  for (const hosts of groups) {
    const [name = ''] = hosts;
    const all = [...new Set([...hosts, ...everywhere])];
    const { cert } = await makeCertificate(authority, dir, name, all);
    made.push(`${cert}: ${all.join(', ')}`);
  }
  return made;
}

if (import.meta.main) {
  try {
    console.log((await makeCertificates(process.argv.slice(2))).join('\n'));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
