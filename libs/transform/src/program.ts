import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '@millrace/errors/millrace-error';
import { splitArguments } from './split-arguments.ts';

/** `WITH TRANSFORM ('uri', 'executable', 'arguments')`. */
export interface TransformClause {
  readonly uri: string;
  readonly executable: string;
  readonly arguments: string;
}

/** A program on this node, ready to be started. */
export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  /** Differs when the file has changed. */
  readonly version: string;
  /** Gets records with their lengths, or as lines. */
  readonly framed: boolean;
}

/** The built-in transform: jq over the records, with the arguments of the clause. */
const jqUri = 'memsql://json';

/**
 * Finds the program of a transform. For a single file the second string of the clause names nothing, so it is taken as
 * arguments, before the third. Throws TRANSFORM_FAILED when the file is missing or not executable, and SQL_UNSUPPORTED
 * for URIs other than `file://` and `memsql://json`.
 */
export async function resolveProgram(clause: TransformClause): Promise<Program> {
  const framed = clause.uri !== jqUri;
  const path = framed ? pathOf(clause.uri) : await jqPath();
  if (/\.(tar\.gz|tgz)$/.test(path)) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      'transforms in archives are not supported yet; give a single executable file',
    );
  }
  let version: string;
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error('not a file');
    await access(path, constants.X_OK);
    version = `${found.ino}-${found.size}-${found.mtimeMs}`;
  } catch (cause) {
    throw new MillraceError(
      'TRANSFORM_FAILED',
      `transform program ${path} is missing or not executable on this node`,
      {
        cause,
      },
    );
  }
  const args = [...splitArguments(clause.executable), ...splitArguments(clause.arguments)];
  return { path, args, version, framed };
}

async function jqPath(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'jq');
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== '' && found) return path;
  }
  throw new MillraceError('TRANSFORM_FAILED', `${jqUri} needs jq, which is not installed on this node`);
}

function pathOf(uri: string): string {
  if (!uri.startsWith('file://')) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      `transform URI '${uri}' is not supported yet; use file:///path/program or ${jqUri}`,
    );
  }
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new MillraceError('PIPELINE_DEFINITION', `transform URI '${uri}' is not a file on this node`, {
      cause,
    });
  }
}
