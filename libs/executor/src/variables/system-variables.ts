import type { ScalarValue } from '@millrace/values/column-batch';

/** The server's name for itself where clients compare versions. */
export const mysqlVersion = '5.7.32';
export const memsqlVersion = '8.1.0';
export const versionComment =
  'Millrace source distribution (compatible; MySQL Enterprise & MySQL Commercial)';

/** How a variable's values are checked, stored and shown. Booleans are stored as 1 and 0 and shown as ON and OFF. */
export type VariableKind = 'boolean' | 'integer' | 'double' | 'text';

export interface SystemVariable {
  readonly kind: VariableKind;
  readonly value: ScalarValue;
  /** `global`: one value for the cluster; `session`: sessions have their own, the global value is their start. */
  readonly scope: 'global' | 'session';
  readonly readOnly: boolean;
  /** Integers only. */
  readonly min?: bigint;
  readonly max?: bigint;
  /** Text: the possible values in lower case. */
  readonly values?: readonly string[];
}

type Options = Partial<Pick<SystemVariable, 'scope' | 'readOnly' | 'min' | 'max' | 'values'>>;

function flag(value: boolean, options: Options = {}): SystemVariable {
  return { kind: 'boolean', value: value ? 1n : 0n, scope: 'session', readOnly: false, ...options };
}

function integer(value: bigint, options: Options = {}): SystemVariable {
  return { kind: 'integer', value, scope: 'session', readOnly: false, min: 0n, ...options };
}

function text(value: string, options: Options = {}): SystemVariable {
  return { kind: 'text', value, scope: 'session', readOnly: false, ...options };
}

const fixed = { scope: 'global', readOnly: true } as const;
const global = { scope: 'global' } as const;
const characterSet = 'utf8mb4';
const collation = 'utf8mb4_general_ci';
const isolationLevels = { values: ['read-uncommitted', 'read-committed', 'repeatable-read', 'serializable'] };

/** Variables that have an effect here. */
const effective = {
  autocommit: flag(true),
  default_partitions_per_leaf: integer(4n, { ...global, min: 1n, max: 256n }),
  default_table_type: text('rowstore', { values: ['columnstore', 'rowstore'] }),
  gather_bytes_max: integer(8_589_934_592n, { ...fixed }),
  lock_wait_timeout: integer(60n, { min: 1n, max: 31_536_000n }),
  max_allowed_packet: integer(104_857_600n, fixed),
  max_connections: integer(1_000n, fixed),
  max_execution_time: integer(0n),
  multi_statement_max: integer(1_000n, fixed),
  sql_mode: text('STRICT_ALL_TABLES'),
  sql_select_limit: integer(18_446_744_073_709_551_615n),
  pipelines_batch_interval: integer(0n, global),
  pipelines_batches_metadata_to_keep: integer(1_000n, { ...global, min: 1n }),
  pipelines_max_concurrent: integer(50n, { ...global, min: 1n }),
  pipelines_max_errors_per_partition: integer(1_000n, global),
  pipelines_max_offsets_per_batch_partition: integer(1_000_000n, { ...global, min: 1n }),
  pipelines_max_retries_per_batch_partition: integer(4n, global),
  /** First pause, in ms, after a source could not be reached; it doubles up to four times this. */
  pipelines_source_retry_delay_ms: integer(3_000n, { ...global, min: 1n, max: 3_600_000n }),
  pipelines_stderr_bufsize: integer(65_535n, global),
  pipelines_stop_on_error: flag(true, global),
} as const satisfies Record<string, SystemVariable>;

/** What the server says of itself. Those that depend on the process are filled in by `SystemVariables`. */
const identity = {
  aggregator_id: integer(1n, fixed),
  datadir: text('', fixed),
  hostname: text('localhost', fixed),
  license: text('', fixed),
  master_aggregator: text('self', fixed),
  memsql_id: text('', fixed),
  memsql_version: text(memsqlVersion, fixed),
  port: integer(3_306n, fixed),
  protocol_version: integer(10n, fixed),
  server_id: integer(1n, fixed),
  server_uuid: text('', fixed),
  singlestoredb_version: text(memsqlVersion, fixed),
  socket: text('', fixed),
  version: text(mysqlVersion, fixed),
  version_comment: text(versionComment, fixed),
  version_compile_machine: text('x86_64', fixed),
  version_compile_os: text('Linux', fixed),
} as const satisfies Record<string, SystemVariable>;

/** Variables that clients read or set and that change nothing here; they keep what they are given. */
const accepted = {
  auto_increment_increment: integer(1n, { min: 1n }),
  auto_increment_offset: integer(1n, { min: 1n }),
  big_tables: flag(false),
  character_set_client: text(characterSet),
  character_set_connection: text(characterSet),
  character_set_database: text(characterSet),
  character_set_filesystem: text('binary'),
  character_set_results: text(characterSet),
  character_set_server: text(characterSet),
  character_set_system: text(characterSet, fixed),
  collation_connection: text(collation),
  collation_database: text(collation),
  collation_server: text(collation),
  compile_only: flag(false),
  connect_timeout: integer(10n),
  data_conversion_compatibility_level: text('8.0'),
  default_storage_engine: text('rowstore'),
  enable_extended_types_metadata: flag(false),
  enable_multipartition_queries: flag(true),
  enable_external_functions: flag(false, global),
  explicit_defaults_for_timestamp: flag(true),
  foreign_key_checks: flag(true),
  group_concat_max_len: integer(16_777_216n),
  have_openssl: text('DISABLED', fixed),
  have_ssl: text('DISABLED', fixed),
  identity: integer(0n),
  ignore_foreign_keys: flag(false),
  init_connect: text(''),
  innodb_lock_wait_timeout: integer(60n),
  insert_id: integer(0n),
  interactive_timeout: integer(28_800n),
  json_compatibility_level: text('7.8'),
  last_insert_id: integer(0n),
  lc_time_names: text('en_US'),
  local_infile: flag(true, global),
  lower_case_table_names: integer(0n, fixed),
  max_prepared_stmt_count: integer(16_382n, global),
  max_user_connections: integer(0n, global),
  net_buffer_length: integer(102_400n),
  net_read_timeout: integer(3_600n),
  net_write_timeout: integer(3_600n),
  old_passwords: integer(0n),
  performance_schema: flag(false, fixed),
  profiling: flag(false),
  query_cache_size: integer(0n, global),
  query_cache_type: text('OFF'),
  read_only: flag(false, global),
  redundancy_level: integer(1n, fixed),
  require_secure_transport: flag(false, fixed),
  secure_file_priv: text('', fixed),
  session_track_gtids: text('OFF'),
  session_track_schema: flag(true),
  session_track_state_change: flag(false),
  session_track_system_variables: text(''),
  session_track_transaction_info: text('OFF'),
  skip_networking: flag(false, fixed),
  sql_auto_is_null: flag(false),
  sql_big_selects: flag(true),
  sql_buffer_result: flag(false),
  sql_log_bin: flag(true),
  sql_notes: flag(true),
  sql_quote_show_create: flag(true),
  sql_safe_updates: flag(false),
  sql_warnings: flag(false),
  storage_engine: text('rowstore'),
  super_read_only: flag(false, global),
  system_time_zone: text('UTC', fixed),
  table_name_case_sensitivity: flag(true, fixed),
  time_zone: text('SYSTEM'),
  transaction_isolation: text('READ-COMMITTED', isolationLevels),
  transaction_read_only: flag(false),
  tx_isolation: text('READ-COMMITTED', isolationLevels),
  tx_read_only: flag(false),
  unique_checks: flag(true),
  updatable_views_with_limit: text('YES'),
  vector_type_project_format: text('JSON'),
  wait_timeout: integer(28_800n),
  warn_level: text('WARNINGS', { values: ['warnings', 'errors'] }),
  warning_count: integer(0n),
  error_count: integer(0n),
} as const satisfies Record<string, SystemVariable>;

export const systemVariables: Readonly<Record<string, SystemVariable>> = {
  ...effective,
  ...identity,
  ...accepted,
};

/** As SHOW VARIABLES prints a value. */
export function shownValue(variable: SystemVariable, value: ScalarValue): string {
  if (value === null) return '';
  if (variable.kind === 'boolean') return value === 1n ? 'ON' : 'OFF';
  return String(value);
}
