import { runProcess } from '@millrace/runtime/process';
import { aggregatorProgram } from './service.ts';

await runProcess(aggregatorProgram, process.argv.slice(2));
