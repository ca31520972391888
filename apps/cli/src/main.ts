import { readCommandLine } from './command-line.ts';

// Read by libuv when its pool starts: each running statement of the storage engine takes one of its threads.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

// kafkajs sets timers in the past; Node would print a warning about that, into the live view or the log.
const [printWarning] = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') printWarning?.(warning);
});

const code = await readCommandLine(process.argv.slice(2), process.env);
// `start` returns while its service goes on. A failed command ends here, whatever connections it has left open.
if (code !== 0) process.exit(code);
