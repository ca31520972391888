/** What the registry says about one code. `docs/reference/errors.md` is generated from it. */
export interface ErrorCodeEntry {
  readonly kind: 'user' | 'operational';
  readonly retryable: boolean;
  /** Five characters, as SQL clients see them. */
  readonly sqlState: string;
  /** MySQL error number; below 32768 because some clients read it as a signed 16-bit integer. */
  readonly mysqlNumber: number;
  readonly cause: string;
  readonly remedy: string;
}

function user(mysqlNumber: number, sqlState: string, cause: string, remedy: string): ErrorCodeEntry {
  return { kind: 'user', retryable: false, sqlState, mysqlNumber, cause, remedy };
}

function operational(
  mysqlNumber: number,
  sqlState: string,
  retryable: boolean,
  cause: string,
  remedy: string,
): ErrorCodeEntry {
  return { kind: 'operational', retryable, sqlState, mysqlNumber, cause, remedy };
}

/** Registry and manual of every error code, grouped by area. */
export const errorCodes = {
  // SQL text
  SQL_SYNTAX: user(
    1064,
    '42000',
    'the statement does not follow the grammar',
    'correct the statement at the line and column named',
  ),
  SQL_UNSUPPORTED: user(
    1235,
    '42000',
    'the statement is valid but not supported yet',
    'rewrite it without the feature named',
  ),
  SQL_TOO_COMPLEX: user(
    3950,
    '42000',
    'the statement is nested more deeply or is longer than the limit',
    'split the statement',
  ),
  SQL_EMPTY: user(1065, '42000', 'the statement is empty', 'send a statement'),
  // names
  DATABASE_UNKNOWN: user(1049, '42000', 'no database of this name', 'SHOW DATABASES lists what exists'),
  DATABASE_EXISTS: user(1007, 'HY000', 'a database of this name exists', 'use IF NOT EXISTS or another name'),
  DATABASE_NOT_SELECTED: user(
    1046,
    '3D000',
    'no database is selected',
    'run USE <database> or qualify the name',
  ),
  DATABASE_DROP_UNKNOWN: user(
    1008,
    'HY000',
    'DROP DATABASE names a database that does not exist',
    'use IF EXISTS',
  ),
  TABLE_UNKNOWN: user(1146, '42S02', 'no table of this name', 'SHOW TABLES lists what exists'),
  TABLE_DROP_UNKNOWN: user(1051, '42S02', 'DROP TABLE names a table that does not exist', 'use IF EXISTS'),
  TABLE_EXISTS: user(1050, '42S01', 'a table of this name exists', 'use IF NOT EXISTS or another name'),
  TABLE_IN_USE: user(1965, 'HY000', 'the table is the target of a pipeline', 'drop the pipeline first'),
  TABLE_ALIAS_DUPLICATE: user(
    1066,
    '42000',
    'two tables of the FROM clause have the same name',
    'give one an alias',
  ),
  COLUMN_UNKNOWN: user(1054, '42S22', 'no column of this name is visible here', 'DESCRIBE the table'),
  COLUMN_AMBIGUOUS: user(
    1052,
    '23000',
    'several tables have a column of this name',
    'qualify the column with its table',
  ),
  COLUMN_DUPLICATE: user(1060, '42S21', 'the column name occurs twice', 'rename one of them'),
  FUNCTION_UNKNOWN: user(
    1305,
    '42000',
    'no function of this name',
    'check the spelling; docs/reference/sql.md lists functions',
  ),
  FUNCTION_ARGUMENTS: user(
    1582,
    '42000',
    'the function does not take this number of arguments',
    'correct the call',
  ),
  VARIABLE_UNKNOWN: user(
    1193,
    'HY000',
    'no system variable of this name',
    'SHOW VARIABLES lists what exists',
  ),
  VARIABLE_VALUE: user(
    1231,
    '42000',
    'the variable cannot take this value',
    'use a value of the right type and range',
  ),
  // table definitions
  KEY_DEFINITION: user(
    1070,
    '42000',
    'a key is defined in a way that cannot work',
    'correct the definition as the message says',
  ),
  KEY_COLUMN_UNKNOWN: user(
    1072,
    '42000',
    'a key names a column that the table does not have',
    'correct the column list',
  ),
  PRIMARY_KEY_DUPLICATE: user(1068, '42000', 'the table has more than one primary key', 'keep one'),
  TYPE_INVALID: user(
    1063,
    '42000',
    'a column type is not possible as written',
    'use the limits in docs/reference/sql.md',
  ),
  DEFAULT_INVALID: user(
    1067,
    '42000',
    'the default does not fit the column',
    'give a default of the column type',
  ),
  AUTO_INCREMENT_DEFINITION: user(
    1075,
    '42000',
    'AUTO_INCREMENT is not possible on this column',
    'use one integer key column',
  ),
  // data
  DUPLICATE_KEY: user(
    1062,
    '23000',
    'a row with the same unique key exists',
    'change the key, or use SKIP DUPLICATE KEY ERRORS or REPLACE',
  ),
  NOT_NULL: user(1048, '23000', 'a NOT NULL column got NULL', 'give the column a value'),
  NO_DEFAULT: user(
    1364,
    'HY000',
    'a NOT NULL column without default got no value',
    'give the column a value or a default',
  ),
  VALUE_OUT_OF_RANGE: user(
    1264,
    '22003',
    'a number does not fit the column type',
    'use a wider type or a smaller value',
  ),
  VALUE_TOO_LONG: user(
    1406,
    '22001',
    'a string is longer than the column',
    'use a longer type or a shorter value',
  ),
  VALUE_WRONG_TYPE: user(
    1366,
    'HY000',
    'a value cannot be converted to the column type',
    'correct the value',
  ),
  DATETIME_INVALID: user(1292, '22007', 'a date or time cannot be read', "use 'YYYY-MM-DD hh:mm:ss'"),
  TEXT_ENCODING: user(
    1300,
    'HY000',
    'a text is not valid UTF-8',
    "send UTF-8, and bytes as X'…' or as parameters of a prepared statement",
  ),
  JSON_INVALID: user(3140, '22032', 'the text is not valid JSON', 'correct the document'),
  COLUMN_COUNT: user(
    1136,
    '21S01',
    'the number of values differs from the number of columns',
    'make the lists equally long',
  ),
  SUBQUERY_COLUMNS: user(
    1241,
    '21000',
    'a subquery returns the wrong number of columns',
    'select one column',
  ),
  SUBQUERY_ROWS: user(
    1242,
    '21000',
    'a scalar subquery returned more than one row',
    'add LIMIT 1 or an aggregate',
  ),
  UNION_COLUMNS: user(
    1222,
    '21000',
    'the parts of a UNION have different numbers of columns',
    'select equally many columns',
  ),
  GROUP_BY_REQUIRED: user(
    1055,
    '42000',
    'a column is neither grouped nor aggregated',
    'add it to GROUP BY or wrap it in ANY_VALUE',
  ),
  GROUP_FUNCTION_MISUSE: user(
    1111,
    'HY000',
    'an aggregate stands where none is allowed',
    'move it to SELECT, HAVING or ORDER BY',
  ),
  SHARD_KEY_UPDATE: user(
    1963,
    'HY000',
    'UPDATE sets a shard key column',
    'delete and insert the row instead',
  ),
  DIVISION: user(1365, '22012', 'division by zero in strict mode', 'guard the divisor'),
  ROW_TOO_LARGE: user(1118, '42000', 'a row exceeds the row limit', 'store less in one row'),
  // sessions and the wire
  ACCESS_DENIED: user(1045, '28000', 'user name or password is wrong', 'check the credentials'),
  SECURE_TRANSPORT_REQUIRED: user(
    3159,
    'HY000',
    'the server takes encrypted connections only',
    'connect with TLS (mysql --ssl)',
  ),
  PACKET_MALFORMED: user(1835, 'HY000', 'a packet does not follow the protocol', 'use a conforming client'),
  PACKET_TOO_LARGE: user(
    1153,
    '08S01',
    'a packet exceeds max_allowed_packet',
    'send smaller statements or batches',
  ),
  COMMAND_UNKNOWN: user(1047, '08S01', 'the protocol command is not known', 'use a conforming client'),
  STATEMENT_HANDLE_UNKNOWN: user(
    1243,
    'HY000',
    'no prepared statement of this id',
    'prepare the statement again',
  ),
  PREPARED_TOO_MANY: user(
    1461,
    '42000',
    'the session has too many prepared statements',
    'close statements that are not needed',
  ),
  PARAMETER_COUNT: user(
    1210,
    'HY000',
    'the number of parameters differs from the number of markers',
    'bind every marker',
  ),
  CONNECTIONS_TOO_MANY: operational(
    1040,
    '08004',
    true,
    'max_connections are open',
    'close connections or raise max_connections',
  ),
  THREAD_UNKNOWN: user(1094, 'HY000', 'no connection of this id', 'SHOW PROCESSLIST lists connections'),
  QUERY_KILLED: user(
    1317,
    '70100',
    'the statement was killed or its client went away',
    'run it again if it is still wanted',
  ),
  DEADLINE_EXCEEDED: operational(
    3024,
    'HY000',
    true,
    'the statement took longer than its limit',
    'raise the limit or simplify the statement',
  ),
  // cluster
  LEAF_UNAVAILABLE: operational(
    1735,
    'HY000',
    true,
    'a leaf that the statement needs cannot be reached',
    'check the leaf named; retry when it is online',
  ),
  EXTRACTOR_UNAVAILABLE: operational(
    1933,
    'HY000',
    true,
    'no pipeline-extractor is registered',
    'start one: millrace start pipeline-extractor',
  ),
  RUNNER_UNAVAILABLE: operational(
    1934,
    'HY000',
    true,
    'no transform-runner is registered',
    'start one: millrace start transform-runner',
  ),
  AGGREGATOR_UNAVAILABLE: operational(
    1936,
    'HY000',
    true,
    'the aggregator cannot be reached',
    'check the aggregator; nodes reconnect by themselves',
  ),
  PEER_UNAVAILABLE: operational(
    1942,
    'HY000',
    true,
    'a node of the cluster cannot be reached',
    'check the node named; retry when it is online',
  ),
  LEAVES_NONE: operational(1937, 'HY000', true, 'no leaf is online', 'start a leaf'),
  CLUSTER_MISMATCH: operational(
    1938,
    'HY000',
    false,
    'a node belongs to another cluster or has another version',
    'start it with its own data directory',
  ),
  PROTOCOL_MISMATCH: operational(
    1967,
    'HY000',
    false,
    'a node and the aggregator speak different protocols: their versions are too far apart',
    'run the same version on all nodes',
  ),
  HASH_MISMATCH: operational(
    1939,
    'HY000',
    false,
    'the shard hash of this build differs from the one the cluster was made with',
    'run the version that wrote the data',
  ),
  NODE_DUPLICATE: operational(
    1960,
    'HY000',
    false,
    'two processes run with the identity of one leaf, for example from a copied data directory',
    'stop one of them; a new leaf needs an empty data directory',
  ),
  PARTITION_MISSING: operational(
    1961,
    'HY000',
    false,
    'a leaf has lost partitions that the catalog says it holds',
    'restore its data directory; the log of the leaf names the partitions',
  ),
  LEAF_REMOVED: operational(
    1962,
    'HY000',
    false,
    'the leaf was removed from the cluster',
    'ADD LEAF takes it back',
  ),
  LEAF_UNKNOWN: user(1964, 'HY000', 'no leaf has this address', 'SHOW LEAVES lists the leaves'),
  LEAF_IN_USE: user(
    1966,
    'HY000',
    'the leaf holds partitions',
    'drop the databases named, or use FORCE, which makes their partitions unavailable',
  ),
  DATA_DIR_LOCKED: operational(
    1940,
    'HY000',
    false,
    'another process uses the data directory',
    'stop it or choose another --data-dir',
  ),
  STORE_CORRUPT: operational(
    1941,
    'HY000',
    false,
    'a stored file is damaged',
    'restore the data directory from a backup',
  ),
  DISK_FULL: operational(1021, 'HY000', true, 'the disk of a node is full', 'free space on the node named'),
  RESOURCE_LIMIT: operational(
    1712,
    'HY000',
    true,
    'a memory, size or concurrency limit was reached',
    'reduce the work or raise the limit named',
  ),
  LOCK_TIMEOUT: operational(
    1205,
    'HY000',
    true,
    'a lock was not granted within lock_wait_timeout',
    'retry the statement',
  ),
  TRANSACTION_ABORTED: operational(
    1180,
    'HY000',
    true,
    'a distributed transaction was rolled back',
    'retry the statement',
  ),
  SCHEMA_CHANGED: operational(
    1412,
    'HY000',
    true,
    'the schema changed while the statement ran',
    'retry the statement',
  ),
  SHUTTING_DOWN: operational(1053, '08S01', true, 'the server is stopping', 'reconnect'),
  // pipelines
  PIPELINE_UNKNOWN: user(1943, 'HY000', 'no pipeline of this name', 'SHOW PIPELINES lists what exists'),
  PIPELINE_EXISTS: user(1944, 'HY000', 'a pipeline of this name exists', 'use IF NOT EXISTS or OR REPLACE'),
  PIPELINE_RUNNING: user(1945, 'HY000', 'the pipeline is running', 'STOP PIPELINE first'),
  PIPELINE_NOT_RUNNING: user(
    1946,
    'HY000',
    'the pipeline is not running',
    'START PIPELINE, or use IF RUNNING',
  ),
  PIPELINE_DEFINITION: user(1947, '42000', 'the pipeline definition cannot work', 'correct the clause named'),
  PIPELINE_STATE: user(
    1948,
    'HY000',
    'the pipeline is not in a state that allows this',
    'SHOW PIPELINES shows the state',
  ),
  SOURCE_UNREACHABLE: operational(
    1949,
    'HY000',
    true,
    'the source of a pipeline cannot be reached',
    'check brokers, network and CONFIG',
  ),
  SOURCE_AUTHENTICATION: operational(
    1950,
    'HY000',
    false,
    'the source refused the credentials',
    'check CONFIG and CREDENTIALS',
  ),
  TOPIC_UNKNOWN: operational(
    1951,
    'HY000',
    true,
    'the topic does not exist on the brokers',
    'create the topic or correct its name',
  ),
  OFFSET_OUT_OF_RANGE: user(
    1952,
    'HY000',
    'the cursor is outside what the source still has',
    'ALTER PIPELINE … SET OFFSETS',
  ),
  RECORD_CORRUPT: operational(
    1953,
    'HY000',
    true,
    'bytes from the source fail their checksum or cannot be decoded',
    'check the broker; SET OFFSETS past the record if it stays',
  ),
  RECORD_FORMAT: user(
    1954,
    'HY000',
    'the source uses a record format that is not supported',
    'write the topic with message format 2',
  ),
  ROW_PARSE: user(
    1955,
    'HY000',
    'a record cannot be parsed as the declared format',
    'correct the record, or use SKIP PARSER ERRORS (CSV)',
  ),
  FIELD_MISSING: user(
    1261,
    '01000',
    'a record lacks a mapped field or column',
    'add DEFAULT to the mapping or TRAILING NULLCOLS',
  ),
  FIELD_EXCESS: user(
    1262,
    '01000',
    'a line has more fields than columns',
    'list all fields, with @ for those to discard',
  ),
  TRANSFORM_FAILED: user(1956, 'HY000', 'a transform program failed', 'see STD_ERROR in PIPELINES_ERRORS'),
  TRANSFORM_LIMIT: user(
    1957,
    'HY000',
    'a transform program exceeded its time, memory or output limit',
    'correct the program or raise the limit',
  ),
  EPOCH_STALE: operational(
    1958,
    'HY000',
    false,
    'a slice belongs to an older epoch of its pipeline',
    'none: the newer epoch goes on',
  ),
  // configuration
  OPTION_INVALID: user(
    1959,
    'HY000',
    'a command line option or MILLRACE_ variable is not valid',
    'see --help',
  ),
  INTERNAL: operational(1815, 'HY000', false, 'a bug', 'report it with the log of the node named'),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
