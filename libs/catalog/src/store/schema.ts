/**
 * Tables of the catalog database. `migrations[n]` brings version n to n + 1 and is never edited once released; offsets
 * and ids are SQLite INTEGERs (64 bits), structured definitions are JSON text.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE counters (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE leaves (leaf_id TEXT PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE databases (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partition_count INTEGER NOT NULL,
    schema_version INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE dropped_databases (id INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE partitions (
    database_id INTEGER NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    leaf_id TEXT NOT NULL,
    PRIMARY KEY (database_id, ordinal)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tables (
    id INTEGER PRIMARY KEY,
    database_id INTEGER NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    UNIQUE (database_id, name)
  ) STRICT;
  CREATE TABLE decisions (transaction_id INTEGER PRIMARY KEY, leaf_ids TEXT NOT NULL) STRICT;
  CREATE TABLE pipelines (
    id INTEGER PRIMARY KEY,
    database_id INTEGER NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    definition_sql TEXT NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    skipped_batch_partitions INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    altered_at REAL NOT NULL,
    UNIQUE (database_id, name)
  ) STRICT;
  CREATE TABLE pipeline_cursors (
    pipeline_id INTEGER NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
    source_partition TEXT NOT NULL,
    cursor_offset INTEGER NOT NULL,
    successful_offset INTEGER NOT NULL,
    earliest_offset INTEGER,
    latest_offset INTEGER,
    updated_at REAL NOT NULL,
    PRIMARY KEY (pipeline_id, source_partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pipeline_batches (
    pipeline_id INTEGER NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
    batch_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at REAL NOT NULL,
    seconds REAL,
    rows_written INTEGER,
    partitions TEXT NOT NULL,
    PRIMARY KEY (pipeline_id, batch_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pipeline_errors (
    error_id INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline_id INTEGER NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    type TEXT NOT NULL,
    code INTEGER NOT NULL,
    message TEXT NOT NULL,
    kind TEXT NOT NULL,
    std_error TEXT,
    load_data_line TEXT,
    load_data_line_number INTEGER,
    batch_id INTEGER,
    source_partition TEXT,
    earliest_offset INTEGER,
    latest_offset INTEGER,
    host TEXT,
    port INTEGER,
    partition INTEGER
  ) STRICT;
  CREATE INDEX pipeline_errors_by_pipeline ON pipeline_errors (pipeline_id, error_id);
  `,
  // Whether a Running pipeline belongs to a session that waits for it.
  'ALTER TABLE pipelines ADD COLUMN foreground INTEGER NOT NULL DEFAULT 0;',
  // Leaves taken out by REMOVE LEAF, and the partitions (-1: reference tables) that a leaf has confirmed to hold.
  `
  ALTER TABLE leaves ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE held_partitions (
    leaf_id TEXT NOT NULL,
    database_id INTEGER NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY (leaf_id, database_id, ordinal)
  ) STRICT, WITHOUT ROWID;
  `,
];
