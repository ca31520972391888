import { takeNodeWarnings } from '@millrace/runtime/node-warnings';
import { readCommandLine } from './command-line.ts';

// Read by libuv when its pool starts: each running statement of the storage engine takes one of its threads.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

takeNodeWarnings();

const code = await readCommandLine(process.argv.slice(2), process.env);
// `start` returns while its service goes on. A failed command ends here, whatever connections it has left open.
if (code !== 0) process.exit(code);
