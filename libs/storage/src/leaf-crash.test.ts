import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { type CrashPoint, crashPoints } from './crash-point.ts';
import type { ChildMessage, ChildRequest } from './testing/crash-child.ts';
import { insertOperation, tableDefinition } from './testing/leaf-fixture.ts';
import type { Operation } from './transactions/operation.ts';
import type { Outcome } from './transactions/participants.ts';

const childPath = fileURLToPath(new URL('./testing/crash-child.ts', import.meta.url));
const ordinals = [0, 1];
const tableIds = [1n, 2n];

class Killed extends Error {}

/** Maintenance runs beside transactions, and gets to its points late where a machine is busy. */
const transactionsMax = 400;

type DistributiveOmit<Type, Key extends keyof never> = Type extends unknown ? Omit<Type, Key> : never;

/** A leaf in a process of its own, and the decisions of its aggregator, which is this test. */
class LeafProcess {
  readonly #dataDir: string;
  readonly #outcomes: ReadonlyMap<bigint, Outcome>;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >();
  #child: ChildProcess | undefined;
  #nextRequest = 1;

  constructor(dataDir: string, outcomes: ReadonlyMap<bigint, Outcome>) {
    this.#dataDir = dataDir;
    this.#outcomes = outcomes;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when the leaf is ready; rejects with Killed when it died before. */
  start(crashPoint: CrashPoint | 'none' = 'none', passes = 0): Promise<void> {
    const child = fork(childPath, [this.#dataDir, crashPoint, String(passes)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      child.on('message', (message: ChildMessage) => {
        if (message.kind === 'ready') resolve();
        else this.#receive(child, message);
      });
      child.once('exit', () => {
        if (this.#child === child) this.#child = undefined;
        reject(new Killed());
        for (const { reject: rejectRequest } of this.#waiting.values()) rejectRequest(new Killed());
        this.#waiting.clear();
      });
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  ask(request: DistributiveOmit<ChildRequest, 'id'>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextRequest++;
      if (this.#child === undefined) {
        reject(new Killed());
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ ...request, id }, (error) => {
        if (error !== null) reject(new Killed());
      });
    });
  }

  #receive(child: ChildProcess, message: Exclude<ChildMessage, { kind: 'ready' }>): void {
    if (message.kind === 'outcomes') {
      const known = message.transactionIds.map((id): [bigint, Outcome] => [
        id,
        this.#outcomes.get(id) ?? 'pending',
      ]);
      child.send({ kind: 'outcomes', id: message.id, outcomes: new Map(known) }, () => undefined);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.value);
    else waiting?.reject(Object.assign(new Error(message.message), { code: message.code }));
  }
}

/** A seeded generator (mulberry32): 0 ≤ x < 1. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A column of the lookup's row of the same remainder. */
function looked(column: string): string {
  return `(SELECT ${column} FROM temp.main."millrace lookup" AS lookup WHERE lookup.k = "id" % 7)`;
}

interface ModelRow {
  readonly ordinal: number;
  readonly u: number;
}

/** What the tables must hold, and a source of transactions to run on them. Both tables get the same changes. */
class Workload {
  readonly outcomes = new Map<bigint, Outcome>();
  readonly rows = new Map<number, ModelRow>();
  readonly #leaf: LeafProcess;
  readonly #random: () => number;
  #nextTransaction = 1n;
  #nextRow = 1;

  constructor(leaf: (outcomes: ReadonlyMap<bigint, Outcome>) => LeafProcess, random: () => number) {
    this.#leaf = leaf(this.outcomes);
    this.#random = random;
  }

  get leaf(): LeafProcess {
    return this.#leaf;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /**
   * Runs a transaction on both partitions, a random one or an insert. `decided` is called when the decision is made,
   * before the leaf is told. Throws Killed when the leaf dies, whatever was decided by then.
   */
  async transact(wanted: 'any' | 'insert' = 'any', decided: () => void = () => undefined): Promise<void> {
    const transactionId = this.#nextTransaction++;
    const kind = wanted === 'insert' ? 2 : this.#below(6);
    const change = await this.#change(kind, transactionId);
    try {
      for (const ordinal of ordinals) {
        const operations = tableIds.map((tableId) => change.operation(tableId, ordinal));
        await this.#leaf.ask({ kind: 'prepare', transactionId, ordinal, operations, onePhase: false });
      }
    } catch (error) {
      this.outcomes.set(transactionId, 'aborted');
      // After a restart the leaf may still be finding out about earlier transactions.
      if (!(error instanceof Error && 'code' in error && error.code === 'LEAF_UNAVAILABLE')) throw error;
      await this.#leaf.ask({ kind: 'decide', transactionId, decision: 'abort' });
      await delay(20);
      return;
    }
    const commit = wanted === 'insert' || this.#below(5) > 0;
    this.outcomes.set(transactionId, commit ? 'committed' : 'aborted');
    if (commit) change.apply();
    decided();
    await this.#leaf.ask({ kind: 'decide', transactionId, decision: commit ? 'commit' : 'abort' });
  }

  async #change(kind: number, transactionId: bigint): Promise<Change> {
    switch (kind) {
      case 0:
        return this.#update();
      case 1:
        return this.#delete();
      case 2:
      case 3:
      case 4:
        return this.#insert(transactionId);
      default:
        return this.#lookedUpUpdate(transactionId);
    }
  }

  /** An update by what a staged slice says of the rows. */
  async #lookedUpUpdate(transactionId: bigint): Promise<Change> {
    const remainder = this.#below(7);
    const rest = { column: 'u', expression: looked('lookup.u') };
    await this.#stage(transactionId, () => `SELECT ${remainder} AS k, ${remainder + 1000} AS u`);
    return {
      operation: (tableId, ordinal): Operation => ({
        kind: 'update',
        tableId,
        assignments: [rest],
        predicate: `EXISTS ${looked('1')}`,
        lookupSlice: `s${ordinal}`,
      }),
      apply: () => {
        for (const [id, { ordinal }] of this.rows)
          if (id % 7 === remainder) this.rows.set(id, { ordinal, u: remainder + 1000 });
      },
    };
  }

  async #stage(transactionId: bigint, queryOf: (ordinal: number) => string): Promise<void> {
    try {
      for (const ordinal of ordinals) {
        const query = queryOf(ordinal);
        await this.#leaf.ask({ kind: 'stage', transactionId, slice: `s${ordinal}`, ordinal, query });
      }
    } catch (error) {
      this.outcomes.set(transactionId, 'aborted');
      throw error;
    }
  }

  async #insert(transactionId: bigint): Promise<Change> {
    const count = 8 + this.#below(30);
    const inserted = ordinals.map((ordinal) => ({ ordinal, first: (this.#nextRow += count) - count }));
    await this.#stage(transactionId, (ordinal) => {
      const first = inserted.find((each) => each.ordinal === ordinal)?.first ?? 0;
      return `SELECT (${first} + range)::INTEGER AS id, (range % 7)::INTEGER AS u, 'v'::VARCHAR AS v FROM range(${count})`;
    });
    return {
      operation: (tableId, ordinal) => insertOperation({ tableId, slice: `s${ordinal}` }),
      apply: () => {
        for (const { ordinal, first } of inserted) {
          for (let row = 0; row < count; row += 1) this.rows.set(first + row, { ordinal, u: row % 7 });
        }
      },
    };
  }

  #update(): Change {
    const remainder = this.#below(9);
    return {
      operation: (tableId): Operation => ({
        kind: 'update',
        tableId,
        assignments: [{ column: 'u', expression: 'u + 100' }],
        predicate: `id % 9 = ${remainder}`,
      }),
      apply: () => {
        for (const [id, { ordinal, u }] of this.rows)
          if (id % 9 === remainder) this.rows.set(id, { ordinal, u: u + 100 });
      },
    };
  }

  #delete(): Change {
    const remainder = this.#below(9);
    return {
      operation: (tableId): Operation => ({ kind: 'delete', tableId, predicate: `id % 9 = ${remainder}` }),
      apply: () => {
        for (const id of this.rows.keys()) if (id % 9 === remainder) this.rows.delete(id);
      },
    };
  }

  expected(): string[] {
    const sorted = [...this.rows].sort(([left], [right]) => left - right);
    return sorted.map(([id, { u }]) => `${id},${u},v`);
  }

  /** Waits until both tables hold what they must: decided transactions are applied soon after a start. */
  async check(): Promise<void> {
    for (const tableId of tableIds) {
      const contents = () => this.#leaf.ask({ kind: 'contents', tableId });
      await expect.poll(contents, { timeout: 15_000, interval: 30 }).toEqual(this.expected());
    }
  }
}

interface Change {
  operation(tableId: bigint, ordinal: number): Operation;
  apply(): void;
}

async function untilKilled(work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!(error instanceof Killed)) throw error;
  });
}

describe('a leaf that is killed', () => {
  let directory: string;
  let workload: Workload;
  afterEach(async () => {
    await workload.leaf.kill();
    await rm(directory, { recursive: true, force: true });
  });

  async function open(seed: number): Promise<() => number> {
    directory = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
    const random = seededRandom(seed);
    workload = new Workload((outcomes) => new LeafProcess(directory, outcomes), random);
    await workload.leaf.start();
    const tables = [
      tableDefinition({ tableId: 1n, uniqueKeys: [{ name: 'PRIMARY', columns: ['id'], primary: true }] }),
      tableDefinition({ tableId: 2n, kind: 'columnstore', sortKey: [{ column: 'u', descending: false }] }),
    ];
    await workload.leaf.ask({ kind: 'schema', tables, ordinals });
    for (let count = 0; count < 3; count += 1) await workload.transact('insert');
    await workload.leaf.kill();
    return random;
  }

  const seed = Number(process.env['MILLRACE_TEST_SEED'] ?? Date.now() % 1_000_000);

  test(`at every crash point holds exactly what was decided (seed ${seed})`, {
    timeout: 180_000,
  }, async () => {
    const random = await open(seed);
    const hit = new Set<string>();
    // Around the decision each partition passes the points once: every order of dying and applying is tried.
    const aroundDecision = crashPoints.slice(
      crashPoints.indexOf('after-redo-fsync'),
      crashPoints.indexOf('before-flush-commit'),
    );
    const plan = crashPoints.map((point) => ({ point, passes: Math.floor(random() * 3) }));
    for (const point of aroundDecision) plan.push({ point, passes: 0 }, { point, passes: 1 });
    for (const { point, passes } of plan) {
      await untilKilled(async () => {
        await workload.leaf.start(point, passes);
        for (let count = 0; count < transactionsMax; count += 1)
          await workload.transact(count === 0 ? 'insert' : 'any');
      });
      if (!workload.leaf.isRunning) hit.add(point);
      await workload.leaf.kill();
      await workload.leaf.start();
      await workload.check();
      await workload.leaf.kill();
    }
    expect([...hit]).toEqual(crashPoints);
  });

  test(`at random instants holds exactly what was decided (seed ${seed})`, { timeout: 180_000 }, async () => {
    const random = await open(seed + 1);
    for (let round = 0; round < 6; round += 1) {
      await workload.leaf.start();
      const before = Math.floor(random() * 5);
      const delayMs = random() * (round % 2 === 0 ? 8 : 60);
      await untilKilled(async () => {
        for (let count = 0; count < before; count += 1) await workload.transact();
        // Every other time soon after a decision, else anywhere in a transaction.
        const kill = () => void delay(delayMs).then(() => workload.leaf.kill());
        if (round % 2 === 1) kill();
        for (;;) await workload.transact('insert', round % 2 === 0 ? kill : undefined);
      });
      await workload.leaf.start();
      await workload.check();
      await workload.leaf.kill();
    }
  });
});
