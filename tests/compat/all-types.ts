/** One column of every type, and rows at the edges of their ranges, as both protocols must give them back. */

export const allTypesTable = `CREATE TABLE all_types (
  id INT PRIMARY KEY,
  c_bool BOOL, c_tiny TINYINT, c_utiny TINYINT UNSIGNED, c_small SMALLINT, c_usmall SMALLINT UNSIGNED,
  c_medium MEDIUMINT, c_umedium MEDIUMINT UNSIGNED, c_int INT, c_uint INT UNSIGNED, c_big BIGINT, c_ubig BIGINT UNSIGNED,
  c_float FLOAT, c_double DOUBLE, c_decimal DECIMAL(38,10),
  c_char CHAR(5), c_varchar VARCHAR(100), c_tinytext TINYTEXT, c_text TEXT, c_mediumtext MEDIUMTEXT, c_longtext LONGTEXT,
  c_binary BINARY(4), c_varbinary VARBINARY(100), c_tinyblob TINYBLOB, c_blob BLOB, c_mediumblob MEDIUMBLOB, c_longblob LONGBLOB,
  c_date DATE, c_datetime DATETIME, c_datetime6 DATETIME(6), c_timestamp TIMESTAMP, c_timestamp6 TIMESTAMP(6), c_json JSON
)`;

/** Wire type (MySQL number) and, for the binary ones, the charset 63; from what drivers of MemSQL expect. */
export const wireTypes: Readonly<Record<string, number>> = {
  c_bool: 1,
  c_tiny: 1,
  c_utiny: 1,
  c_small: 2,
  c_usmall: 2,
  c_medium: 9,
  c_umedium: 9,
  c_int: 3,
  c_uint: 3,
  c_big: 8,
  c_ubig: 8,
  c_float: 4,
  c_double: 5,
  c_decimal: 246,
  c_char: 254,
  c_varchar: 253,
  c_tinytext: 249,
  c_text: 252,
  c_mediumtext: 250,
  c_longtext: 251,
  c_binary: 254,
  c_varbinary: 253,
  c_tinyblob: 249,
  c_blob: 252,
  c_mediumblob: 250,
  c_longblob: 251,
  c_date: 10,
  c_datetime: 12,
  c_datetime6: 12,
  c_timestamp: 7,
  c_timestamp6: 7,
  c_json: 245,
};

const bytes = Buffer.from([0, 1, 0x27, 0x5c, 0x80, 0xff]);

interface AllTypesRow {
  /** The cell in SQL. */
  readonly sql: Readonly<Record<string, string>>;
  /** The cell as mysql2 must give it: integers beyond 2^53 as text, dates as text. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** What every textual and binary column gets. */
function texts(text: string, char: string, blob: Buffer, fixed: Buffer): AllTypesRow {
  const sql: Record<string, string> = { c_char: quote(char), c_binary: `x'${fixed.toString('hex')}'` };
  const value: Record<string, unknown> = { c_char: char, c_binary: fixed };
  for (const column of ['c_varchar', 'c_tinytext', 'c_text', 'c_mediumtext', 'c_longtext']) {
    sql[column] = quote(text);
    value[column] = text;
  }
  for (const column of ['c_varbinary', 'c_tinyblob', 'c_blob', 'c_mediumblob', 'c_longblob']) {
    sql[column] = `x'${blob.toString('hex')}'`;
    value[column] = blob;
  }
  return { sql, value };
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n')}'`;
}

const numbers = (cells: Readonly<Record<string, number | string>>): AllTypesRow => ({
  sql: Object.fromEntries(Object.entries(cells).map(([column, value]) => [column, String(value)])),
  value: cells,
});

const quoted = (cells: Readonly<Record<string, string>>): AllTypesRow => ({
  sql: Object.fromEntries(Object.entries(cells).map(([column, value]) => [column, `'${value}'`])),
  value: cells,
});

function rowOf(id: number, ...parts: readonly AllTypesRow[]): AllTypesRow {
  return {
    sql: Object.assign({ id: String(id) }, ...parts.map(({ sql }) => sql)),
    value: Object.assign({ id }, ...parts.map(({ value }) => value)),
  };
}

export const allTypesRows: readonly AllTypesRow[] = [
  rowOf(
    1,
    numbers({
      ...{
        c_bool: 0,
        c_tiny: -128,
        c_utiny: 0,
        c_small: -32_768,
        c_usmall: 0,
        c_medium: -8_388_608,
        c_umedium: 0,
      },
      ...{ c_int: -2_147_483_648, c_uint: 0, c_big: '-9223372036854775808', c_ubig: 0, c_float: -1.5 },
      c_double: -1.7976931348623157e308,
      c_decimal: '-9999999999999999999999999999.9999999999',
    }),
    texts('', '', Buffer.alloc(0), Buffer.alloc(4)),
    quoted({
      ...{
        c_date: '1000-01-01',
        c_datetime: '1000-01-01 00:00:00',
        c_datetime6: '1000-01-01 00:00:00.000000',
      },
      ...{ c_timestamp: '1970-01-01 00:00:01', c_timestamp6: '1970-01-01 00:00:01.000000' },
    }),
    { sql: { c_json: `'{}'` }, value: { c_json: {} } },
  ),
  rowOf(
    2,
    numbers({
      ...{ c_bool: 1, c_tiny: 127, c_utiny: 255, c_small: 32_767, c_usmall: 65_535, c_medium: 8_388_607 },
      ...{ c_umedium: 16_777_215, c_int: 2_147_483_647, c_uint: 4_294_967_295, c_big: '9223372036854775807' },
      ...{ c_ubig: '18446744073709551615', c_float: 0.25, c_double: 2.2250738585072014e-308 },
      c_decimal: '9999999999999999999999999999.9999999999',
    }),
    texts("żółw 亀 🐢 it's \\ a\nline", '亀🐢ab!', bytes, bytes.subarray(2)),
    quoted({
      ...{
        c_date: '9999-12-31',
        c_datetime: '9999-12-31 23:59:59',
        c_datetime6: '9999-12-31 23:59:59.999999',
      },
      ...{ c_timestamp: '2038-01-19 03:14:07', c_timestamp6: '2038-01-19 03:14:07.000000' },
    }),
    {
      sql: { c_json: `'{"a":[1,"x",null,1.5],"b":{"c":true}}'` },
      value: { c_json: { a: [1, 'x', null, 1.5], b: { c: true } } },
    },
  ),
  {
    sql: { id: '3' },
    value: { id: 3, ...Object.fromEntries(Object.keys(wireTypes).map((column) => [column, null])) },
  },
];

export function insertAllTypes(): string[] {
  return allTypesRows.map(
    ({ sql }) => `INSERT INTO all_types (${Object.keys(sql).join()}) VALUES (${Object.values(sql).join()})`,
  );
}
