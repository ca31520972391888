import { isMillraceError } from '@millrace/errors/millrace-error';
import { describe, expect, it } from 'vitest';
import { type CreatePipeline, csvFormatDefaults, redactCredentials } from './ast/create-pipeline.ts';
import { withoutPositions } from './ast/node.ts';
import { parseStatement } from './parse.ts';
import { printStatement } from './printer/statement.ts';

function parsePipeline(text: string): CreatePipeline {
  const { statement } = parseStatement(text);
  if (statement.kind !== 'createPipeline') throw new Error(`parsed as ${statement.kind}`);
  return statement;
}

function messageOf(text: string): string {
  try {
    parsePipeline(text);
  } catch (error) {
    if (isMillraceError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** As SHOW CREATE PIPELINE prints it. */
const canonicalCsv = `CREATE PIPELINE \`refInternalAsset\`
AS LOAD DATA KAFKA 'host:9092/topic'
BATCH_INTERVAL 2500
MAX_PARTITIONS_PER_BATCH 1
DISABLE OUT_OF_ORDER OPTIMIZATION
DISABLE OFFSETS METADATA GC
SKIP DUPLICATE KEY ERRORS
INTO TABLE \`t\`
FIELDS TERMINATED BY ',' ENCLOSED BY '' ESCAPED BY '\\\\'
LINES TERMINATED BY '\\n' STARTING BY ''
(
    \`t\`.\`a\`,
    \`t\`.\`b\`
)`;

const canonicalJson = `CREATE OR REPLACE PIPELINE \`d\`.\`p\`
AS LOAD DATA KAFKA '127.0.0.1:9092/adtech'
CONFIG '{"security.protocol":"sasl_ssl"}'
CREDENTIALS '{"sasl.password":"secret"}'
MAX_OFFSETS_PER_BATCH_PARTITION 100
INTO TABLE \`Asset\`
FORMAT JSON
(
    \`Asset\`.\`ID\` <- \`AssetID\`,
    \`Asset\`.\`AssetType\` <- \`a.a\`::\`b\` DEFAULT NULL,
    @whole <- %
)
KAFKA KEY (
    \`Asset\`.\`k\` <- \`key\` DEFAULT -1
)
SET \`ts\` = FROM_UNIXTIME(@whole::\`t\` / 1000)
WHERE @whole::%\`t\` > 0
ON DUPLICATE KEY UPDATE \`n\` = \`n\` + 1`;

describe('CREATE PIPELINE', () => {
  it.each([canonicalCsv, canonicalJson])('prints the canonical form it was parsed from: %#', (text) => {
    expect(printStatement(parsePipeline(text))).toBe(text);
  });

  it('reads FORMAT JSON with bare words', () => {
    const pipeline = parsePipeline(
      `create pipeline p as load data kafka 'h/t' into table events format json
       (user_id <- user_id, @v <- %::a::"b", key_ <- select::from DEFAULT 'x')`.replaceAll('"b"', '`b c`'),
    );
    expect(withoutPositions(pipeline.format)).toEqual({
      kind: 'json',
      mappings: [
        { target: { kind: 'column', name: 'user_id', position: 0 }, path: ['user_id'], default: undefined },
        { target: { kind: 'variable', name: 'v', position: 0 }, path: ['a', 'b c'], default: undefined },
        {
          target: { kind: 'column', name: 'key_', position: 0 },
          path: ['select', 'from'],
          default: { kind: 'string', value: 'x', position: 0 },
        },
      ],
      kafkaKey: [],
    });
  });

  it('fills in the defaults of CSV', () => {
    expect(parsePipeline("CREATE PIPELINE p AS LOAD DATA FS '/x/*' INTO TABLE t").format).toEqual(
      csvFormatDefaults,
    );
    const { format } = parsePipeline(
      `CREATE PIPELINE p AS LOAD DATA KAFKA 'h/t' INTO TABLE t FORMAT CSV COLUMNS TERMINATED BY '||' OPTIONALLY ENCLOSED BY '"'
       ESCAPED BY '' LINES STARTING BY '>' TERMINATED BY '\\r\\n' TRAILING NULLCOLS NULL DEFINED BY '' OPTIONALLY ENCLOSED
       IGNORE 1 LINES CHARACTER SET utf8 (a, @, @b)`,
    );
    expect(withoutPositions(format)).toEqual({
      kind: 'csv',
      fieldsTerminatedBy: '||',
      enclosedBy: '"',
      optionallyEnclosed: true,
      escapedBy: '',
      linesTerminatedBy: '\r\n',
      linesStartingBy: '>',
      trailingNullcols: true,
      nullDefinedBy: '',
      nullOptionallyEnclosed: true,
      ignoreLines: 1n,
      characterSet: 'utf8',
      fields: [
        { kind: 'column', name: 'a', position: 0 },
        { kind: 'discard', position: 0 },
        { kind: 'variable', name: 'b', position: 0 },
      ],
    });
  });

  it('takes the clauses of FORMAT AVRO in both orders', () => {
    const head =
      "CREATE PIPELINE packages AS LOAD DATA KAFKA 'rp-node-0/packages' SKIP DUPLICATE KEY ERRORS INTO TABLE packages";
    const mappings = 'FORMAT AVRO (packageid <- PackageID, @received <- %::Received::string)';
    const schema = `SCHEMA '{"type":"record"}'`;
    const set = 'SET received = DATE_ADD(FROM_UNIXTIME(0), INTERVAL (@received / 1000) SECOND)';
    const one = parsePipeline(`${head} ${mappings} ${schema} ${set};`);
    const other = parsePipeline(`${head} ${mappings} ${set} ${schema};`);
    expect(withoutPositions(one)).toEqual(withoutPositions(other));
    expect(one).toMatchObject({
      conflictHandling: 'skipDuplicateKey',
      format: { schema: '{"type":"record"}' },
    });
  });

  it('takes the options before INTO in any order', () => {
    const pipeline = parsePipeline(
      `CREATE AGGREGATOR PIPELINE IF NOT EXISTS p FORCE AS LOAD DATA S3 'bucket' CREDENTIALS '{}' CONFIG '{"region":"x"}'
       STOP_ON_ERROR OFF WITH TRANSFORM ('file:///path/program' , 'args', '') ENABLE OFFSETS METADATA GC REPLACE
       RESOURCE POOL r MAX_RETRIES_PER_BATCH_PARTITION 2 BATCH_INTERVAL 10 INTO PROCEDURE f`,
    );
    expect(pipeline).toMatchObject({
      aggregator: true,
      ifNotExists: true,
      force: true,
      source: { kind: 's3', config: '{"region":"x"}', credentials: '{}' },
      stopOnError: false,
      transform: { uri: 'file:///path/program', executable: 'args', arguments: '' },
      offsetsMetadataGc: true,
      conflictHandling: 'replace',
      resourcePool: 'r',
      maxRetriesPerBatchPartition: 2n,
      batchIntervalMs: 10n,
      target: { kind: 'procedure', name: { name: 'f' } },
    });
  });

  it('hides credentials on demand', () => {
    const text = printStatement(redactCredentials(parsePipeline(canonicalJson)));
    expect(text).not.toContain('secret');
    expect(text).toContain("CREDENTIALS '<CREDENTIALS REDACTED>'");
  });

  it.each([
    ['CREATE PIPELINE p AS LOAD DATA KAFKA INTO TABLE t', 'found INTO, expected a location'],
    [
      "CREATE PIPELINE p AS LOAD DATA FTP 'x' INTO TABLE t",
      'found FTP, expected KAFKA or S3 or FS or AZURE or HDFS or GCS',
    ],
    [
      "CREATE PIPELINE p AS LOAD DATA KAFKA 'x' BATCH 1 INTO TABLE t",
      'found BATCH, expected INTO or a pipeline option',
    ],
    ["CREATE PIPELINE p AS LOAD DATA KAFKA 'x' INTO TABLE t FORMAT JSON (a = b)", 'found =, expected <'],
    [
      "CREATE PIPELINE p AS LOAD DATA KAFKA 'x' INTO TABLE t FORMAT JSON FIELDS",
      'found FIELDS, expected a clause of FORMAT JSON',
    ],
    [
      "CREATE PIPELINE p AS LOAD DATA KAFKA 'x' INTO TABLE t FIELDS ENCLOSED BY 'ab'",
      'found several characters',
    ],
    [
      "CREATE PIPELINE p AS LOAD DATA KAFKA 'x' BATCH_INTERVAL 99999999999999999999999 INTO TABLE t",
      'of at most 64 bits',
    ],
  ])('refuses %s', (text, problem) => {
    const message = messageOf(text);
    expect(message).toMatch(/^SQL_SYNTAX /);
    expect(message).toContain(problem);
  });
});
