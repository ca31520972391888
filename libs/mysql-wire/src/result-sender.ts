import { MillraceError } from '@millrace/errors/millrace-error';
import type { ColumnBatch, ResultColumn } from '@millrace/values/column-batch';
import { binaryRowEncoder } from './binary-row.ts';
import { writeColumnDefinition } from './column-definition.ts';
import { flushBytes, type PacketChannel } from './packet-channel.ts';
import { serverStatus } from './protocol-constants.ts';
import { writeEof, writeOk } from './responses.ts';
import type { SessionStatus, StatementResult } from './session.ts';
import { type RowEncoder, textRowEncoder } from './text-row.ts';

export type RowFormat = 'text' | 'binary';

export interface ResultContext {
  readonly channel: PacketChannel;
  readonly signal: AbortSignal;
  readonly format: RowFormat;
  readonly textCollation: number;
  /** Read after each statement. */
  readonly status: () => SessionStatus;
}

const rowEncoders = { text: textRowEncoder, binary: binaryRowEncoder } satisfies Record<
  RowFormat,
  (columns: readonly ResultColumn[], batch: ColumnBatch) => RowEncoder
>;

/** The status bits for a session's state. */
export function statusFlagsOf(status: SessionStatus): number {
  return (
    (status.autocommit ? serverStatus.autocommit : 0) |
    (status.inTransaction ? serverStatus.inTransaction : 0)
  );
}

/**
 * Sends the results of a text one after another; all but the last say that more follow. To know which is the last, the
 * next one is asked for before the end of a result is written.
 *
 * @throws what the session throws: the caller sends it as the last result
 */
export async function sendResults(
  results: AsyncIterable<StatementResult>,
  context: ResultContext,
): Promise<void> {
  const iterator = results[Symbol.asyncIterator]();
  let iterating = true;
  const advance = async (): Promise<StatementResult | undefined> => {
    iterating = false;
    const step = await iterator.next();
    iterating = step.done !== true;
    return step.done === true ? undefined : step.value;
  };
  try {
    let result = await advance();
    if (result === undefined) throw new MillraceError('SQL_EMPTY', 'the query is empty');
    while (result !== undefined) {
      if (result.kind === 'rows') await sendRows(result, context);
      const statusFlags = statusFlagsOf(context.status());
      const warnings = result.kind === 'ok' ? result.warnings : result.warnings();
      const following = await settled(advance());
      const hasMore = following.status === 'rejected' || following.value !== undefined;
      const endFlags = statusFlags | (hasMore ? serverStatus.moreResultsExist : 0);
      if (result.kind === 'ok') writeOk(context.channel.writer, { ...result, statusFlags: endFlags });
      else writeEof(context.channel.writer, endFlags, warnings);
      if (following.status === 'rejected') throw following.reason;
      if (context.channel.writer.position >= flushBytes) await context.channel.flush(context.signal);
      result = following.value;
    }
  } finally {
    if (iterating) await iterator.return?.();
  }
}

async function settled<Value>(promise: Promise<Value>): Promise<PromiseSettledResult<Value>> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome;
}

async function sendRows(
  result: Extract<StatementResult, { kind: 'rows' }>,
  context: ResultContext,
): Promise<void> {
  const { channel, signal } = context;
  const { writer } = channel;
  if (result.columns.length === 0) throw new TypeError('a result with rows has no columns');
  writer.startPacket();
  writer.lengthEncodedInteger(result.columns.length);
  writer.endPacket();
  for (const column of result.columns) writeColumnDefinition(writer, column, context.textCollation);
  writeEof(writer, statusFlagsOf(context.status()), 0);
  for await (const batch of result.batches) {
    signal.throwIfAborted();
    const encode = rowEncoders[context.format](result.columns, batch);
    for (let row = 0; row < batch.rowCount; ) {
      row = encode(writer, row, flushBytes);
      if (writer.position < flushBytes) continue;
      await channel.flush(signal);
      signal.throwIfAborted();
    }
  }
}
