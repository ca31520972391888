import { runProcess } from '@millrace/runtime/process';
import { runnerProgram } from './service.ts';

await runProcess(runnerProgram, process.argv.slice(2));
