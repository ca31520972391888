import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Broker, Call } from './apis/api.ts';
import { type ApiName, apiKeys } from './apis/api-name.ts';
import { findApi } from './apis/api-table.ts';
import type { Reply } from './connection.ts';
import { WireReader } from './wire/wire-reader.ts';
import { WireWriter } from './wire/wire-writer.ts';

/**
 * Reads the header of a request, applies faults, lets the handler of its api answer and frames the response.
 *
 *     Request header  => api_key INT16, api_version INT16, correlation_id INT32, client_id STRING?, tags (flexible)
 *     Response header => correlation_id INT32, tags (flexible, except ApiVersions)
 *
 * The client id has its 16-bit length in every version.
 *
 * @throws MillraceError PACKET_MALFORMED for a request that is not understood, which has no answer but to close.
 */
export async function dispatch(
  broker: Broker,
  frame: Buffer,
  address: Call['address'],
  signal: AbortSignal,
): Promise<Reply> {
  const request = new WireReader(frame);
  const key = request.int16();
  const version = request.int16();
  const correlationId = request.int32();
  const clientId = request.nullableString() ?? '';
  const found = findApi(key);
  if (found === undefined) {
    throw new MillraceError('PACKET_MALFORMED', `Kafka request of unknown kind ${key}`);
  }
  const { name, api } = found;
  const offered = version >= api.versionMin && version <= api.versionMax;
  // ApiVersions answers versions it does not know: see there.
  if (!offered && (key !== apiKeys.ApiVersions || version < 0)) {
    throw new MillraceError('PACKET_MALFORMED', `Kafka request ${name} of unsupported version ${version}`);
  }
  const response = new WireWriter();
  response.int32(correlationId);
  if (offered && version >= api.flexibleFrom) {
    request.useFlexible();
    request.tags();
    response.useFlexible();
    if (key !== apiKeys.ApiVersions) response.tags();
  }

  const lost = await applyFaults(broker, name, signal);
  if (lost === 'request') return 'close';
  const outcome = await api.handle({
    broker,
    version,
    clientId,
    address,
    request,
    response,
    signal,
    injectedError: (topic, partition) => broker.faults.answer(name, topic, partition),
  });
  if (lost === 'response' || outcome === 'close') return 'close';
  return outcome === 'stay silent' ? 'nothing' : response.frame();
}

async function applyFaults(
  broker: Broker,
  api: ApiName,
  signal: AbortSignal,
): Promise<'request' | 'response' | undefined> {
  let lost: 'request' | 'response' | undefined;
  for (const effect of broker.faults.requestEffects(api)) {
    if (effect.kind === 'delay') await sleep(effect.delayMs, undefined, { signal });
    else if (effect.kind === 'drop') lost = effect.lose;
  }
  return lost;
}
