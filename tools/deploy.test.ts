import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOptions, variableOf, withFileTwins } from '@millrace/runtime/options';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { type ServiceName, serviceNames, serviceOptions } from './service-options.ts';
import { root } from './source-tree.ts';

/** Given elsewhere: by the image, or by the other file. */
const required = { MILLRACE_DATA_DIR: '/data', MILLRACE_AGGREGATOR: 'aggregator:50051' };
const systemd = join(root, 'deploy/systemd');
const kubernetes = join(root, 'deploy/kubernetes');

/** What deploy/ sets must be options that the services have, with values that they accept. */
function check(service: ServiceName, variables: Readonly<Record<string, string>>): void {
  const specs = serviceOptions[service];
  const known = new Set(Object.keys(withFileTwins(specs)).map(variableOf));
  expect(Object.keys(variables).filter((name) => name.startsWith('MILLRACE_') && !known.has(name))).toEqual(
    [],
  );
  // Files of secrets are on the machine that it is for.
  const values = Object.entries(variables).filter(([name]) => !name.endsWith('_FILE'));
  expect(() => readOptions(specs, [], { ...required, ...Object.fromEntries(values) })).not.toThrow();
}

function assignments(text: string, pattern: RegExp): Record<string, string> {
  return Object.fromEntries([...text.matchAll(pattern)].map(([, name = '', value = '']) => [name, value]));
}

describe('systemd units', () => {
  it.each(serviceNames)('%s', (service) => {
    const unit = readFileSync(join(systemd, `millrace-${service}.service`), 'utf8');
    const environment = readFileSync(join(systemd, `${service}.env`), 'utf8');
    check(service, {
      ...assignments(unit, /^Environment=(\w+)=(.*)$/gm),
      ...assignments(environment, /^#?(MILLRACE_\w+)=(.*)$/gm),
    });
    expect(unit).toContain(` apps/${service}/src/main.ts\n`);
    expect(unit).toContain(`EnvironmentFile=-/etc/millrace/${service}.env\n`);
  });
});

interface Manifest {
  readonly kind: string;
  readonly spec?: {
    readonly template?: { readonly spec: { readonly containers: readonly [Container] } };
  };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

function manifestsOf(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest);
}

describe('Kubernetes manifests', () => {
  it('kustomization names every file and every image', () => {
    const files = readdirSync(join(kubernetes, 'base')).filter((name) => name !== 'kustomization.yaml');
    const text = readFileSync(join(kubernetes, 'base/kustomization.yaml'), 'utf8');
    const { resources, images } = parse(text) as {
      resources: string[];
      images: { name: string; newTag: string }[];
    };
    expect([...resources].sort()).toEqual(files.sort());
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(images).toEqual(serviceNames.map((service) => ({ name: `millrace/${service}`, newTag: version })));
  });

  it.each(serviceNames)('%s', (service) => {
    const set = manifestsOf(join(kubernetes, `base/${service}.yaml`)).find(
      ({ kind }) => kind === 'StatefulSet',
    );
    const container = set?.spec?.template?.spec.containers[0];
    expect(container).toMatchObject({ name: service, image: `millrace/${service}` });
    const environment = (container?.env ?? []).map(({ name, value }) => [name, value ?? '']);
    check(service, Object.fromEntries(environment));
  });

  it('TLS sets options that every service has', () => {
    const patch = readFileSync(join(kubernetes, 'tls/tls.yaml'), 'utf8');
    const variables = assignments(patch, /name: (MILLRACE_\w+), value: (\S+) \}/g);
    expect(Object.keys(variables)).toHaveLength(4);
    for (const service of serviceNames) {
      check(service, variables);
    }
  });
});
