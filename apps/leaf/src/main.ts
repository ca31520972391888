import { runProcess } from '@millrace/runtime/process';
import { leafProgram } from './service.ts';

await runProcess(leafProgram, process.argv.slice(2));
