import { openEngine } from '../duckdb-instance.ts';

/** A process that exits while a statement runs that would take hours. */
const [tempDirectory = ''] = process.argv.slice(2);
const engine = await openEngine({ threads: 1, memoryLimitBytes: 100_000_000, tempDirectory });
const connection = await engine.connect();
connection.run('SELECT sum(a.range * b.range % 7) FROM range(1000000) a, range(1000000) b').catch(() => {});
setTimeout(() => process.exit(0), 200);
