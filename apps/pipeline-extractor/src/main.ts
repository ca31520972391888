import { runProcess } from '@millrace/runtime/process';
import { extractorProgram } from './service.ts';

await runProcess(extractorProgram, process.argv.slice(2));
