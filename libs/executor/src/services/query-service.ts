import {
  type ExecuteResponse,
  type QueryServer,
  QueryService,
} from '@millrace/proto/millrace/query/v1/query';
import { Handlers } from '@millrace/rpc/handlers';
import type { ServiceBinding } from '@millrace/rpc/server';
import { batchToProto, columnToProto, valueFromProto } from '@millrace/rpc/values';
import type { Logger } from '@millrace/runtime/logger';
import type { Session } from '../sessions/session.ts';

export interface QueryServiceOptions {
  /** Opens a session for one call; `host` is the caller's "address:port". */
  readonly openSession: (host: string, end: () => void) => Session;
  readonly logger: Logger;
}

/** SQL over gRPC: each call is a session of one statement. */
export function queryService({ openSession, logger }: QueryServiceOptions): ServiceBinding {
  const handlers = new Handlers('aggregator', logger);
  const implementation: QueryServer = {
    execute: handlers.serverStreaming(async function* ({ sql, database, parameters }, { signal, peer }) {
      const ended = new AbortController();
      const session = openSession(peer, () => ended.abort());
      try {
        if (database !== '') await session.useDatabase(database);
        const both = AbortSignal.any([signal, ended.signal]);
        for await (const result of session.execute(sql, parameters.map(valueFromProto), both)) {
          if (result.kind === 'ok') {
            const { affectedRows, lastInsertId, warnings } = result;
            yield done(affectedRows, lastInsertId, warnings);
            continue;
          }
          yield { part: { $case: 'header', header: { columns: result.columns.map(columnToProto) } } };
          for await (const batch of result.batches)
            yield { part: { $case: 'batch', batch: batchToProto(batch) } };
          yield done(0n, 0n, result.warnings());
        }
      } finally {
        session.close();
      }
    }),
  };
  return { definition: QueryService, implementation };
}

function done(affectedRows: bigint, lastInsertId: bigint, warnings: number): ExecuteResponse {
  return { part: { $case: 'done', done: { affectedRows, lastInsertId, warnings } } };
}
