import { runProcess } from '@millrace/runtime/process';
import { standaloneProgram } from './service.ts';

await runProcess(standaloneProgram, process.argv.slice(2));
