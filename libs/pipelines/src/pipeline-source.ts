import { MillraceError } from '@millrace/errors/millrace-error';
import type { PipelineSource } from '@millrace/sql/ast/create-pipeline';
import type { PipelineSourceSpec } from './ports.ts';

const defaultPort = 9092;

/**
 * The source of a CREATE PIPELINE statement. `location` of Kafka is `host[:port][,host[:port]…]/topic`; CONFIG and
 * CREDENTIALS are JSON objects of scalars. Throws PIPELINE_DEFINITION that names the clause; secrets stay out of it.
 */
export function readPipelineSource(source: PipelineSource): PipelineSourceSpec {
  if (source.kind !== 'kafka') {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      `LOAD DATA ${source.kind.toUpperCase()} is not supported yet; use KAFKA`,
    );
  }
  const slash = source.location.indexOf('/');
  const topic = source.location.slice(slash + 1);
  const brokers = slash < 0 ? '' : source.location.slice(0, slash);
  if (brokers === '' || topic === '') {
    throw new MillraceError(
      'PIPELINE_DEFINITION',
      `LOAD DATA KAFKA takes 'host:port[,host:port]/topic', not '${source.location}'`,
    );
  }
  return {
    type: 'kafka',
    brokers: brokers.split(',').map(brokerOf).join(','),
    topic,
    config: readObject('CONFIG', source.config),
    credentials: readObject('CREDENTIALS', source.credentials),
  };
}

function brokerOf(text: string): string {
  const match = /^\s*(\[[0-9a-fA-F:]+\]|[^:\s]+)(?::(\d{1,5}))?\s*$/.exec(text);
  const port = Number(match?.[2] ?? defaultPort);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    throw new MillraceError('PIPELINE_DEFINITION', `'${text}' is not a broker address (host or host:port)`);
  }
  return `${match[1]}:${port}`;
}

function readObject(clause: 'CONFIG' | 'CREDENTIALS', text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MillraceError('PIPELINE_DEFINITION', `${clause} is not valid JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MillraceError('PIPELINE_DEFINITION', `${clause} must be a JSON object`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, scalarOf(clause, key, each)]));
}

function scalarOf(clause: string, key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  throw new MillraceError('PIPELINE_DEFINITION', `${clause} key ${key} has no usable value`);
}
