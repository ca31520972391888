import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { variableOf, withFileTwins } from '@millrace/runtime/options';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { imageApps } from './images/apps.ts';
import { kafkaImage } from './images/base-images.ts';
import { serviceNames, serviceOptions } from './service-options.ts';
import { root } from './source-tree.ts';

interface ComposeService {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly mem_limit?: string;
  readonly restart?: string;
  readonly read_only?: boolean;
}

const file = (name: string) => readFileSync(join(root, 'docker', name), 'utf8');
const { services } = parse(file('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
};

/** What the images and the network of containers settle, so that nobody has to. */
const settled = [
  'MILLRACE_HOST',
  'MILLRACE_GRPC_PORT',
  'MILLRACE_HTTP_PORT',
  'MILLRACE_MYSQL_PORT',
  'MILLRACE_ADVERTISE',
  // There is a token.
  'MILLRACE_ALLOW_INSECURE_NETWORK',
  'MILLRACE_CLUSTER_TOKEN',
  'MILLRACE_ROOT_PASSWORD',
];

describe('docker/compose.yaml', () => {
  it.each(serviceNames)('lets every option of %s be given', (name) => {
    const variables = Object.keys(withFileTwins(serviceOptions[name])).map(variableOf);
    const given = Object.keys(services[name]?.environment ?? {});
    expect(given.filter((variable) => !variables.includes(variable))).toEqual([]);
    // The data directory of the aggregator is in its image.
    const free = variables.filter(
      (variable) => !settled.includes(variable) && variable !== 'MILLRACE_DATA_DIR',
    );
    expect(given).toEqual(expect.arrayContaining(free));
  });

  it('bounds every service, restarts it, and publishes ports of the aggregator alone, for this machine', () => {
    for (const [name, { image, ports = [], mem_limit, restart, read_only, profiles }] of Object.entries(
      services,
    )) {
      const once = restart === 'no';
      if (!once) expect(mem_limit, `${name} mem_limit`).toBeDefined();
      if (image.startsWith('millrace/')) expect(read_only, `${name} read_only`).toBe(true);
      for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
      if (name !== 'aggregator' && profiles?.[0] !== 'observability')
        expect(ports, `${name} ports`).toEqual([]);
    }
  });

  it('uses images that npm run images makes', () => {
    const images = Object.values(services).map(({ image }) => image);
    const own = images.filter((image) => image.startsWith('millrace/'));
    const made = imageApps.map((app) => `millrace/${app}:\${MILLRACE_VERSION:-latest}`);
    expect(own.filter((image) => !made.includes(image))).toEqual([]);
    expect(images).toContain(kafkaImage);
  });
});

describe('docker/observability', () => {
  it.each(['observability/alerts.yml', 'observability/grafana/dashboards/millrace.json'])(
    '%s names metrics that exist',
    (name) => {
      const known = new Set(
        [...readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8').matchAll(/`(millrace_\w+)`/g)].map(
          ([, metric]) => metric,
        ),
      );
      const used = [...file(name).matchAll(/\bmillrace_[a-z_]+/g)].map(([metric]) => metric);
      expect(used.length).toBeGreaterThan(5);
      expect(used.filter((metric) => !known.has(metric.replace(/_(bucket|sum|count)$/, '')))).toEqual([]);
    },
  );

  it('has every alert of docs/OPERATIONS.md, and no other', () => {
    const { groups } = parse(file('observability/alerts.yml')) as {
      readonly groups: readonly {
        readonly rules: readonly { readonly alert: string; readonly expr: string }[];
      }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    const table = readFileSync(join(root, 'docs/OPERATIONS.md'), 'utf8')
      .split('\n')
      .filter((line) => /^\| [^|]+ \| [^|]*`?.*((millrace|nodejs)_|`up )/.test(line));
    expect(table).toHaveLength(rules.length);
    for (const line of table) {
      const metric = /(millrace|nodejs)_[a-z0-9_]+|\bup\b/.exec(line)?.[0] ?? '';
      expect(
        rules.some(({ expr }) => expr.includes(metric)),
        line,
      ).toBe(true);
    }
  });
});
