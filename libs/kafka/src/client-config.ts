import { MillraceError } from '@millrace/errors/millrace-error';
import { Secret } from '@millrace/runtime/logger';
import { type BrokerAddress, formatAddress } from './broker-address.ts';
import type { IsolationLevel } from './isolation-level.ts';

export interface SaslConfig {
  readonly mechanism: (typeof saslMechanisms)[number];
  readonly username: string;
  readonly password: Secret;
}

/** Paths are read when a connection is made, on the node that makes it. */
export interface TlsConfig {
  readonly caFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly keyPassword: Secret | undefined;
  readonly verifyCertificate: boolean;
  readonly verifyHostName: boolean;
}

/** What CONFIG and CREDENTIALS of a Kafka source mean. */
export interface ClientConfig {
  readonly clientId: string;
  readonly sasl: SaslConfig | undefined;
  readonly tls: TlsConfig | undefined;
  readonly isolation: IsolationLevel;
  /** Most bytes that a fetch holds, over all brokers. */
  readonly fetchBytesMax: number;
  readonly operationMsMax: number;
  readonly spoofDns: ReadonlyMap<string, BrokerAddress>;
}

const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const protocols = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'] as const;
const isolationLevels = ['read_committed', 'read_uncommitted'] as const;

/** librdkafka's default. */
const fetchBytesMaxDefault = 52_428_800;
const operationMsMaxDefault = 10_000;

/**
 * Reads the CONFIG and CREDENTIALS clauses of a Kafka source: JSON objects with librdkafka's property names. Properties
 * that have no meaning here (`session.timeout.ms`, `group.id`, …) are ignored.
 *
 * @throws MillraceError PIPELINE_DEFINITION that names the property, never the value of a secret
 */
export function parseClientConfig(configJson: string, credentialsJson: string): ClientConfig {
  const properties = new Properties(
    parseObject('CONFIG', configJson),
    parseObject('CREDENTIALS', credentialsJson),
  );
  const protocol = properties.oneOf('security.protocol', protocols, 'plaintext');
  return {
    clientId: properties.text('client.id') ?? 'millrace',
    sasl: protocol.startsWith('sasl') ? parseSasl(properties) : undefined,
    tls: protocol.endsWith('ssl') ? parseTls(properties) : undefined,
    isolation: properties.oneOf('isolation.level', isolationLevels, 'read_committed'),
    fetchBytesMax: properties.integer('fetch.max.bytes', 1, 2 ** 31 - 512) ?? fetchBytesMaxDefault,
    operationMsMax: properties.integer('operation.timeout.ms', 1, 3_600_000) ?? operationMsMaxDefault,
    spoofDns: parseSpoofDns(properties),
  };
}

function parseSasl(properties: Properties): SaslConfig {
  const name = properties.has('sasl.mechanism') ? 'sasl.mechanism' : 'sasl.mechanisms';
  if (!properties.has(name))
    throw invalid(`'security.protocol' asks for SASL but 'sasl.mechanism' is missing`);
  return {
    mechanism: properties.oneOf(name, saslMechanisms),
    username: properties.required('sasl.username'),
    password: new Secret(properties.required('sasl.password')),
  };
}

function parseTls(properties: Properties): TlsConfig {
  const certificateFile = properties.text('ssl.certificate.location');
  const keyFile = properties.text('ssl.key.location');
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw invalid(`'ssl.certificate.location' and 'ssl.key.location' go together`);
  }
  const keyPassword = properties.text('ssl.key.password');
  const identification = 'ssl.endpoint.identification.algorithm';
  return {
    caFile: properties.text('ssl.ca.location'),
    certificateFile,
    keyFile,
    keyPassword: keyPassword === undefined ? undefined : new Secret(keyPassword),
    verifyCertificate: properties.boolean('enable.ssl.certificate.verification') ?? true,
    verifyHostName: properties.oneOf(identification, ['https', 'none'] as const, 'https') === 'https',
  };
}

/** An object, or a text that holds one, of `"from host:port": "to host:port"`. */
function parseSpoofDns(properties: Properties): ReadonlyMap<string, BrokerAddress> {
  const value = properties.value('spoof.dns');
  if (value === undefined) return new Map();
  const entries = typeof value === 'string' ? parseObject('spoof.dns', value) : value;
  if (!isObject(entries)) throw invalid(`'spoof.dns' is not a JSON object`);
  return new Map(
    Object.entries(entries).map(([from, to]) => {
      if (typeof to !== 'string') throw invalid(`'spoof.dns' maps '${from}' to something that is no address`);
      return [formatAddress(parseAddress(from)), parseAddress(to)];
    }),
  );
}

/**
 * Reads the broker list of a KAFKA clause: `host[:port]` separated by commas, IPv6 hosts in brackets. The port is 9092
 * where it is left out.
 *
 * @throws MillraceError PIPELINE_DEFINITION
 */
export function parseBrokers(text: string): BrokerAddress[] {
  return text.split(',').map((part) => parseAddress(part.trim()));
}

function parseAddress(text: string): BrokerAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 9092);
  if (host === undefined || port < 1 || port > 65_535)
    throw invalid(`'${text}' is not a broker address host:port`);
  return { host, port };
}

function parseObject(clause: string, json: string): Record<string, unknown> {
  if (json.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's message quotes the text, which may hold secrets.
    throw invalid(`${clause} is not valid JSON`);
  }
  if (!isObject(value)) throw invalid(`${clause} is not a JSON object`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): MillraceError {
  return new MillraceError('PIPELINE_DEFINITION', message);
}

/** Typed access to the properties. Values may be JSON strings, numbers or booleans, as users write either. */
class Properties {
  readonly #config: Record<string, unknown>;
  readonly #credentials: Record<string, unknown>;

  constructor(config: Record<string, unknown>, credentials: Record<string, unknown>) {
    this.#config = config;
    this.#credentials = credentials;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#credentials, name)
      ? this.#credentials[name]
      : Object.hasOwn(this.#config, name)
        ? this.#config[name]
        : undefined;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw invalid(`'${name}' is not a string`);
  }

  required(name: string): string {
    const text = this.text(name);
    if (text === undefined || text === '') throw invalid(`'${name}' is missing`);
    return text;
  }

  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw invalid(`'${name}' is not an integer from ${min} to ${max}`);
    return value;
  }

  boolean(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw invalid(`'${name}' is not true or false`);
  }

  /** One of `choices`, in any case. */
  oneOf<Choice extends string>(name: string, choices: readonly Choice[], otherwise?: Choice): Choice {
    const text = this.text(name);
    if (text === undefined && otherwise !== undefined) return otherwise;
    const choice = choices.find((candidate) => candidate.toLowerCase() === text?.toLowerCase());
    if (choice === undefined) throw invalid(`'${name}' is not one of ${choices.join(', ')}`);
    return choice;
  }
}
