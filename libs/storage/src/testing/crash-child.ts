import { isMillraceError } from '@millrace/errors/millrace-error';
import type { TableDefinition } from '../schema/table-definition.ts';
import type { Operation } from '../transactions/operation.ts';
import type { Decision, Outcome } from '../transactions/participants.ts';
import { LeafFixture } from './leaf-fixture.ts';

/**
 * A process that runs a leaf and does what its parent asks, for tests that kill it. Started with the data directory, the
 * name of a crash point (or `none`) and how often that point is passed before the process kills itself.
 */
export type ChildRequest =
  | {
      readonly id: number;
      readonly kind: 'schema';
      readonly tables: readonly TableDefinition[];
      readonly ordinals: readonly number[];
    }
  | {
      readonly id: number;
      readonly kind: 'stage';
      readonly transactionId: bigint;
      readonly slice: string;
      readonly ordinal: number;
      readonly query: string;
    }
  | {
      readonly id: number;
      readonly kind: 'prepare';
      readonly transactionId: bigint;
      readonly ordinal: number;
      readonly operations: readonly Operation[];
      readonly onePhase: boolean;
    }
  | {
      readonly id: number;
      readonly kind: 'decide';
      readonly transactionId: bigint;
      readonly decision: Decision;
    }
  | { readonly id: number; readonly kind: 'contents'; readonly tableId: bigint };

export type ChildMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly kind: 'outcomes'; readonly id: number; readonly transactionIds: readonly bigint[] };

export interface OutcomesMessage {
  readonly kind: 'outcomes';
  readonly id: number;
  readonly outcomes: ReadonlyMap<bigint, Outcome>;
}

function tell(message: ChildMessage): void {
  process.send?.(message);
}

const [dataDir = '', crashPoint = 'none', passes = '0'] = process.argv.slice(2);
let remaining = Number(passes);
const questions = new Map<number, (outcomes: ReadonlyMap<bigint, Outcome>) => void>();

const fixture = await LeafFixture.open({
  dataDir,
  leaf: {
    crashPoint: (point) => {
      if (point === crashPoint && (remaining -= 1) < 0) process.kill(process.pid, 'SIGKILL');
    },
    resolveOutcomes: (transactionIds) =>
      new Promise((resolve) => {
        const id = questions.size;
        questions.set(id, resolve);
        tell({ kind: 'outcomes', id, transactionIds });
      }),
    silenceMsMax: 2_000,
    segmentRowsMin: 20,
    checkpointer: { logBytesMax: 20_000 },
    maintenance: { hotRowsMax: 25, segmentRowsTarget: 400, mergeSegmentsMin: 2 },
  },
});

async function answer(request: ChildRequest): Promise<unknown> {
  switch (request.kind) {
    case 'schema':
      return fixture.applySchema(request.tables, request.ordinals);
    case 'stage':
      return fixture.stage(request.transactionId, request.query, request.slice, request.ordinal);
    case 'prepare': {
      const { transactionId, operations, ordinal, onePhase } = request;
      return fixture.prepare(transactionId, operations, { ordinal, onePhase });
    }
    case 'decide':
      return fixture.leaf.decide(request.transactionId, request.decision);
    case 'contents':
      return fixture.contents([], request.tableId);
  }
}

process.on('message', (message: ChildRequest | OutcomesMessage) => {
  if (message.kind === 'outcomes') {
    questions.get(message.id)?.(message.outcomes);
    return;
  }
  answer(message).then(
    (value) => tell({ kind: 'answer', id: message.id, value }),
    (error: unknown) => {
      const code = isMillraceError(error) ? error.code : 'bug';
      tell({ kind: 'failure', id: message.id, code, message: String(error) });
    },
  );
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
