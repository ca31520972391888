import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The folders of a demo. */
export interface Workspace {
  readonly path: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly isTemporary: boolean;
  /** Of an earlier run on the same data: its pipeline has the address of the broker in its definition. */
  readonly kafkaPortBefore: number | undefined;
  rememberKafkaPort(port: number): void;
  /** Removes what is temporary. */
  remove(): void;
}

/** Uses the folder given, or a temporary one. */
export function openWorkspace(folder: string | undefined): Workspace {
  const path = folder ?? mkdtempSync(join(tmpdir(), 'millrace-demo-'));
  mkdirSync(path, { recursive: true });
  const portFile = join(path, 'kafka-port');
  return {
    path,
    dataDir: join(path, 'data'),
    logFile: join(path, 'server.log'),
    isTemporary: folder === undefined,
    kafkaPortBefore: existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : undefined,
    rememberKafkaPort: (port) => writeFileSync(portFile, `${port}\n`),
    remove: () => {
      if (folder === undefined) rmSync(path, { recursive: true, force: true });
    },
  };
}
