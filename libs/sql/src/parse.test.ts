import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutPositions } from './ast/node.ts';
import type { Statement } from './ast/statement.ts';
import { type ParsedStatement, parseNextStatement, parseStatement, parseStatements } from './parse.ts';
import { printStatement } from './printer/statement.ts';

function parse(text: string): Statement {
  return parseStatement(text).statement;
}

function errorOf(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Statements of real clients (and of the vendor's documentation), with the canonical text of each. */
const accepted: readonly (readonly [text: string, canonical: string])[] = [
  // sessions
  ['SET NAMES utf8mb4', 'SET NAMES `utf8mb4`'],
  ["set names 'utf8mb4' COLLATE 'utf8mb4_bin'", 'SET NAMES `utf8mb4` COLLATE `utf8mb4_bin`'],
  ['SET AUTOCOMMIT = 0', 'SET SESSION `autocommit` = 0'],
  ['set autocommit=true', 'SET SESSION `autocommit` = TRUE'],
  ['SET @@SESSION.enable_extended_types_metadata=on', "SET SESSION `enable_extended_types_metadata` = 'ON'"],
  ['SET @@SESSION.vector_type_project_format=JSON', "SET SESSION `vector_type_project_format` = 'JSON'"],
  ["SET sql_mode = 'TRADITIONAL'", "SET SESSION `sql_mode` = 'TRADITIONAL'"],
  [
    "set sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),autocommit=1,NAMES utf8mb4",
    "SET SESSION `sql_mode` = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), SESSION `autocommit` = 1, NAMES `utf8mb4`",
  ],
  [
    "set sql_select_limit=18446744073709551615,compile_only=false,sql_mode='STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY'",
    "SET SESSION `sql_select_limit` = 18446744073709551615, SESSION `compile_only` = FALSE, SESSION `sql_mode` = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY'",
  ],
  ['SET character_set_results = NULL', 'SET SESSION `character_set_results` = NULL'],
  ['SET FOREIGN_KEY_CHECKS=0;', 'SET SESSION `foreign_key_checks` = 0'],
  ['SET GLOBAL pipelines_max_concurrent = DEFAULT', 'SET GLOBAL `pipelines_max_concurrent` = DEFAULT'],
  ['SET @a := 1, @@global.x = 2', 'SET @a = 1, GLOBAL `x` = 2'],
  [
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  ],
  ['SET TRANSACTION READ ONLY', 'SET TRANSACTION READ ONLY'],
  ['/*!40101 SET character_set_client = utf8 */;', "SET SESSION `character_set_client` = 'utf8'"],
  ['/*!99999 junk */ SELECT 1', 'SELECT 1'],
  ['/*M!100616 junk */ SELECT 1', 'SELECT 1'],
  ['BEGIN;', 'BEGIN'],
  ['START TRANSACTION READ ONLY', 'START TRANSACTION READ ONLY'],
  ['START TRANSACTION WITH CONSISTENT SNAPSHOT', 'BEGIN'],
  ['commit work', 'COMMIT'],
  ['ROLLBACK', 'ROLLBACK'],
  ['KILL QUERY 12 1', 'KILL QUERY 12 1'],
  ['KILL 12', 'KILL CONNECTION 12'],
  ['USE `my db`', 'USE `my db`'],
  ['FLUSH EXTRACTOR POOLS', 'FLUSH EXTRACTOR POOLS'],
  ['FLUSH TABLES a, b WITH READ LOCK', 'FLUSH TABLES `a`, `b` WITH READ LOCK'],
  // probes
  [
    'SELECT @@max_allowed_packet, @@aggregator_id, @@sql_select_limit, @@memsql_version',
    'SELECT @@max_allowed_packet, @@aggregator_id, @@sql_select_limit, @@memsql_version',
  ],
  ['SELECT @@session.tx_isolation', 'SELECT @@SESSION.tx_isolation'],
  ['select @@version_comment limit 1', 'SELECT @@version_comment LIMIT 1'],
  ['SELECT CONNECTION_ID(), VERSION(), database()', 'SELECT CONNECTION_ID(), VERSION(), DATABASE()'],
  [
    "SELECT CONVERT_TZ('2001-01-01 01:00:00','UTC','UTC') IS NOT NULL",
    "SELECT CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL",
  ],
  ['SELECT * FROM (select 1) AS q WHERE 1=0', 'SELECT * FROM (SELECT 1) AS `q` WHERE 1 = 0'],
  ['SELECT COUNT ( 1 ) FROM (SELECT * FROM (SELECT 1))', 'SELECT COUNT(1) FROM (SELECT * FROM (SELECT 1))'],
  [
    'SELECT 1 FROM DUAL WHERE 1=0 UNION ALL SELECT CONVERT(2, UNSIGNED INTEGER)',
    'SELECT 1 FROM DUAL WHERE 1 = 0 UNION ALL SELECT CAST(2 AS UNSIGNED)',
  ],
  [
    'SELECT a FROM t ORDER BY 1 UNION SELECT b FROM u ORDER BY 1',
    '(SELECT `a` FROM `t` ORDER BY 1) UNION SELECT `b` FROM `u` ORDER BY 1',
  ],
  [
    'select HOST from INFORMATION_SCHEMA.DISTRIBUTED_PARTITIONS WHERE DATABASE_NAME = ? AND ROLE = "Master" ORDER BY ORDINAL ASC',
    "SELECT `HOST` FROM `INFORMATION_SCHEMA`.`DISTRIBUTED_PARTITIONS` WHERE `DATABASE_NAME` = ? AND `ROLE` = 'Master' ORDER BY `ORDINAL`",
  ],
  [
    'SELECT TABLE_NAME FROM t WHERE CAST(FLAGS AS UNSIGNED INTEGER) & 1 = 0',
    'SELECT `TABLE_NAME` FROM `t` WHERE CAST(`FLAGS` AS UNSIGNED) & 1 = 0',
  ],
  // show
  ["using db show tables extended like 't'", "USING `db` SHOW TABLES EXTENDED LIKE 't'"],
  ['SHOW FULL TABLES FROM `db`', 'SHOW FULL TABLES FROM `db`'],
  ['show full columns in t', 'SHOW FULL COLUMNS FROM `t`'],
  ["SHOW FIELDS FROM t IN db LIKE 'a%'", "SHOW COLUMNS FROM `db`.`t` LIKE 'a%'"],
  ['SHOW schemas', 'SHOW DATABASES'],
  ["show local variables like 'auto%'", "SHOW SESSION VARIABLES LIKE 'auto%'"],
  ["SHOW VARIABLES WHERE Variable_name = 'x'", "SHOW SESSION VARIABLES WHERE `Variable_name` = 'x'"],
  ['show status extended', 'SHOW SESSION STATUS EXTENDED'],
  ['SHOW INDEX FROM t', 'SHOW INDEXES FROM `t`'],
  ['SHOW CREATE PIPELINE p EXTENDED', 'SHOW CREATE PIPELINE `p` EXTENDED'],
  ['SHOW PARTITIONS EXTENDED ON db', 'SHOW PARTITIONS EXTENDED ON `db`'],
  ['SHOW WARNINGS LIMIT 1, 2', 'SHOW WARNINGS LIMIT 2 OFFSET 1'],
  ['SHOW DATABASE STATUS', 'SHOW DATABASE STATUS'],
  ['DESCRIBE `db`.`t`', 'DESCRIBE `db`.`t`'],
  ['explain t', 'DESCRIBE `t`'],
  ['desc json', 'DESCRIBE `json`'],
  ['EXPLAIN JSON SELECT 1', 'EXPLAIN JSON SELECT 1'],
  // definitions
  [
    'CREATE DATABASE IF NOT EXISTS d WITH SYNC DURABILITY SYNC REPLICATION PARTITIONS 4 DEFAULT CHARACTER SET = utf8',
    'CREATE DATABASE IF NOT EXISTS `d` PARTITIONS 4 CHARACTER SET `utf8`',
  ],
  [
    'create table `d`.`t`(SHARD KEY ()) as select 1 as a',
    'CREATE TABLE `d`.`t` (SHARD KEY ()) AS SELECT 1 AS `a`',
  ],
  [
    'CREATE ROWSTORE TABLE t (id BIGINT AUTO_INCREMENT, a INT UNSIGNED NOT NULL DEFAULT -1, b DOUBLE PRECISION, c TEXT COLLATE UTF8_BIN, ' +
      'd DATETIME(6) DEFAULT NOW(6) ON UPDATE CURRENT_TIMESTAMP(6), PRIMARY KEY (id) USING HASH) DEFAULT CHARSET = utf8 COLLATE = utf8_unicode_ci',
    'CREATE ROWSTORE TABLE `t` (`id` BIGINT(20) AUTO_INCREMENT, `a` INT(10) UNSIGNED NOT NULL DEFAULT -1, `b` DOUBLE, ' +
      '`c` TEXT COLLATE `utf8_bin`, `d` DATETIME(6) DEFAULT NOW(6) ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (`id`) USING HASH) ' +
      "CHARACTER SET='utf8' COLLATE='utf8_unicode_ci'",
  ],
  [
    'create table t (a int, key int_key (a) using hash, key (a) using clustered columnstore, shard (a), unique k2 (a desc)) engine=InnoDB AUTO_INCREMENT=5',
    "CREATE TABLE `t` (`a` INT(11), KEY `int_key` (`a`) USING HASH, SORT KEY (`a`), SHARD KEY (`a`), UNIQUE KEY `k2` (`a` DESC)) ENGINE='InnoDB' AUTO_INCREMENT=5",
  ],
  [
    'CREATE TABLE m (id VARCHAR(255) PRIMARY KEY, count INT NOT NULL, createdAt TIMESTAMP DEFAULT NOW())',
    'CREATE TABLE `m` (`id` VARCHAR(255) PRIMARY KEY, `count` INT(11) NOT NULL, `createdAt` TIMESTAMP DEFAULT NOW())',
  ],
  [
    'CREATE TABLE `t` (\n  `c` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,\n  `m` text DEFAULT NULL,\n' +
      '  SHARD KEY `__SHARDKEY` (`c`),\n  SORT KEY `__UNORDERED` ()\n) AUTOSTATS_CARDINALITY_MODE=INCREMENTAL ' +
      "AUTOSTATS_HISTOGRAM_MODE=CREATE AUTOSTATS_SAMPLING=ON SQL_MODE='STRICT_ALL_TABLES' CHARACTER SET=`utf8mb4`",
    'CREATE TABLE `t` (`c` VARCHAR(255) CHARACTER SET `utf8mb4` COLLATE `utf8mb4_general_ci` NOT NULL, ' +
      '`m` TEXT DEFAULT NULL, SHARD KEY `__SHARDKEY` (`c`), SORT KEY `__UNORDERED` ()) ' +
      "AUTOSTATS_CARDINALITY_MODE='INCREMENTAL' AUTOSTATS_HISTOGRAM_MODE='CREATE' AUTOSTATS_SAMPLING='ON' " +
      "SQL_MODE='STRICT_ALL_TABLES' CHARACTER SET='utf8mb4'",
  ],
  ['SELECT /*!40001 SQL_NO_CACHE */ * FROM t', 'SELECT * FROM `t`'],
  ['INSERT INTO t () VALUES ()', 'INSERT INTO `t` VALUES ()'],
  ['DROP TABLE IF EXISTS a, d.b', 'DROP TABLE IF EXISTS `a`, `d`.`b`'],
  ['truncate t', 'TRUNCATE TABLE `t`'],
  // data
  ['INSERT INTO t SET a=1, b=DEFAULT', 'INSERT INTO `t` (`a`, `b`) VALUES (1, DEFAULT)'],
  [
    "INSERT t VALUES (1,'x'),(?,NULL) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1",
    "INSERT INTO `t` VALUES (1, 'x'), (?, NULL) ON DUPLICATE KEY UPDATE `a` = VALUES(`a`) + 1",
  ],
  ['insert into t (a) ( select 1 )', 'INSERT INTO `t` (`a`) SELECT 1'],
  [
    'insert into t select * from a join b on duplicate key update x = 1',
    'INSERT INTO `t` SELECT * FROM `a` JOIN `b` ON DUPLICATE KEY UPDATE `x` = 1',
  ],
  ['delete t from t join u on t.a = u.a', 'DELETE `t` FROM `t` JOIN `u` ON `t`.`a` = `u`.`a`'],
  ['DELETE FROM t USING t JOIN u', 'DELETE `t` FROM `t` JOIN `u`'],
  [
    'UPDATE t SET a = a + 1 WHERE b ORDER BY c LIMIT ?',
    'UPDATE `t` SET `a` = `a` + 1 WHERE `b` ORDER BY `c` LIMIT ?',
  ],
  // expressions
  ["select 'a' 'b' \"c\"", "SELECT 'abc'"],
  ["select 'it''s', 'x\\ty', '\\%', \"a'b\"", "SELECT 'it\\'s', 'x\\ty', '\\\\%', 'a\\'b'"],
  ["select x'0aFF', 0xF, b'101', 0b1, _utf8'x', N'y'", "SELECT x'0aff', x'0f', x'05', x'01', 'x', 'y'"],
  ['select .5, 5., 1e3, 18446744073709551616', 'SELECT .5, 5., 1e3, 18446744073709551616'],
  ['select a = b = c, -a * b + c', 'SELECT `a` = `b` = `c`, -`a` * `b` + `c`'],
  ['select a or b and c xor not d', 'SELECT `a` OR `b` AND `c` XOR NOT `d`'],
  ['select (a or b) && c || !d', 'SELECT (`a` OR `b`) AND `c` OR NOT `d`'],
  ['select not a = b, !a = b', 'SELECT NOT `a` = `b`, (NOT `a`) = `b`'],
  ['select a mod b div c % d', 'SELECT `a` % `b` DIV `c` % `d`'],
  ['select 1 - (2 - 3), 1 - 2 - 3', 'SELECT 1 - (2 - 3), 1 - 2 - 3'],
  ['select - - 1, -(-1), --1', 'SELECT -(-1), -(-1), -(-1)'],
  ['select a between 1 and 2 and b not in (1, 2)', 'SELECT `a` BETWEEN 1 AND 2 AND `b` NOT IN (1, 2)'],
  ["select a like 'x|%' escape '|'", "SELECT `a` LIKE 'x|%' ESCAPE '|'"],
  ['select a in ((select 1)), a > all (select 2)', 'SELECT `a` IN (SELECT 1), `a` > ALL (SELECT 2)'],
  ['select a :> decimal(10, 2) !:> json', 'SELECT `a` :> DECIMAL(10,2) !:> JSON'],
  ['select j::a::$b, j::`2`::%c', 'SELECT `j`::`a`::$`b`, `j`::`2`::%`c`'],
  [
    'select date_add(a, interval 1 day), a - interval (b / 1000) second',
    'SELECT DATE_ADD(`a`, INTERVAL 1 DAY), `a` - INTERVAL `b` / 1000 SECOND',
  ],
  [
    "select trim(leading 'x' from a), trim(a), substring(a from 2 for 3), position('x' in a), extract(day from d)",
    "SELECT TRIM(LEADING 'x' FROM `a`), TRIM(`a`), SUBSTRING(`a`, 2, 3), LOCATE('x', `a`), EXTRACT(DAY FROM `d`)",
  ],
  [
    'select count(distinct a), group_concat(a order by b desc separator "|")',
    "SELECT COUNT(DISTINCT `a`), GROUP_CONCAT(`a` ORDER BY `b` DESC SEPARATOR '|')",
  ],
  [
    'select sum(a) over (partition by b order by c rows between unbounded preceding and current row)',
    'SELECT SUM(`a`) OVER (PARTITION BY `b` ORDER BY `c` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)',
  ],
  ['select current_timestamp, current_date()', 'SELECT CURRENT_TIMESTAMP(), CURRENT_DATE()'],
  [
    "select timestampdiff(second, a, now()), timestamp '2020-01-01 00:00:00'",
    "SELECT TIMESTAMPDIFF(SECOND, `a`, NOW()), TIMESTAMP '2020-01-01 00:00:00'",
  ],
  [
    'select case a when 1 then 2 else 3 end, if(a, b, c)',
    'SELECT CASE `a` WHEN 1 THEN 2 ELSE 3 END, IF(`a`, `b`, `c`)',
  ],
  // queries
  [
    "select a x, b 'y z', c as `w`, t.*, d.t.* from t",
    'SELECT `a` AS `x`, `b` AS `y z`, `c` AS `w`, `t`.*, `d`.`t`.* FROM `t`',
  ],
  [
    'with a as (select 1), b (x) as (select 2) select * from a natural join b',
    'WITH `a` AS (SELECT 1), `b` (`x`) AS (SELECT 2) SELECT * FROM `a` NATURAL JOIN `b`',
  ],
  [
    'select * from a left outer join (b cross join c) using (x), d full join e on 1',
    'SELECT * FROM `a` LEFT JOIN (`b` JOIN `c`) USING (`x`), `d` FULL JOIN `e` ON 1',
  ],
  [
    'select 1 union select 2 intersect select 3 except all (select 4 union select 5)',
    'SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 EXCEPT ALL (SELECT 4 UNION SELECT 5)',
  ],
  ['((select 1) union (select 2 limit 1)) order by 1', 'SELECT 1 UNION (SELECT 2 LIMIT 1) ORDER BY 1'],
  ['select ((select 1) union select 2)', 'SELECT (SELECT 1 UNION SELECT 2)'],
  ['select * from ((select 1) union select 2) x', 'SELECT * FROM (SELECT 1 UNION SELECT 2) AS `x`'],
  [
    'select 1 from t force index (a) limit 5, 10 for update',
    'SELECT 1 FROM `t` LIMIT 10 OFFSET 5 FOR UPDATE',
  ],
  [
    'select a from t group by a with rollup having 1',
    'SELECT `a` FROM `t` GROUP BY `a` WITH ROLLUP HAVING 1',
  ],
  // pipelines
  ['START PIPELINE p FOREGROUND LIMIT 2 BATCHES', 'START PIPELINE `p` FOREGROUND LIMIT 2 BATCHES'],
  ['START PIPELINE IF NOT RUNNING d.p', 'START PIPELINE IF NOT RUNNING `d`.`p`'],
  ['START ALL PIPELINES', 'START ALL PIPELINES'],
  ['STOP PIPELINE IF RUNNING p', 'STOP PIPELINE IF RUNNING `p`'],
  ['DROP PIPELINE IF EXISTS p', 'DROP PIPELINE IF EXISTS `p`'],
  ['TEST PIPELINE p LIMIT 1', 'TEST PIPELINE `p` LIMIT 1'],
  ['CLEAR PIPELINE ERRORS', 'CLEAR PIPELINE ERRORS'],
  [
    'ALTER PIPELINE p SET OFFSETS EARLIEST BATCH_INTERVAL 10 DROP ORPHAN FILES',
    'ALTER PIPELINE `p` SET OFFSETS EARLIEST SET BATCH_INTERVAL 10 DROP ORPHAN FILES',
  ],
  [
    `ALTER PIPELINE p SET CONFIG ::sasl.mechanism = 'PLAIN' CREDENTIALS ::\`sasl.password\` = 'x'`,
    `ALTER PIPELINE \`p\` SET CONFIG ::\`sasl.mechanism\` = 'PLAIN' SET CREDENTIALS ::\`sasl.password\` = 'x'`,
  ],
  [`ALTER PIPELINE p SET OFFSETS '{"0":5}'`, `ALTER PIPELINE \`p\` SET OFFSETS '{"0":5}'`],
];

describe('parseStatement', () => {
  it.each(accepted)('accepts %s', (text, canonical) => {
    const statement = parse(text);
    expect(printStatement(statement)).toBe(canonical);
    expect(withoutPositions(parse(canonical))).toEqual(withoutPositions(statement));
  });

  it('numbers parameters in text order', () => {
    const { parameterCount, statement } = parseStatement('SELECT ?, (SELECT ?) FROM t LIMIT ?');
    expect(parameterCount).toBe(3);
    expect(statement).toMatchObject({
      body: { items: [{ expression: { ordinal: 0 } }, {}] },
      limit: { count: { ordinal: 2 } },
    });
  });

  it.each([
    ['SELECT @@x', '@@x'],
    ['SELECT @@ SESSION . x', '@@ SESSION . x'],
    ['SELECT  COUNT( * )  , 1', 'COUNT( * )'],
    ["SELECT a+1/* c */ 'alias'", 'a+1'],
  ])('keeps the source text of the first item of %s', (text, sourceText) => {
    expect(parse(text)).toMatchObject({
      body: { items: expect.arrayContaining([expect.objectContaining({ sourceText })]) },
    });
  });

  it('gives positions in the whole text', () => {
    const [, second] = [...parseStatements('SELECT 1;\n  SELECT b FROM c')];
    expect(second?.statement).toMatchObject({
      position: 12,
      body: { items: [{ expression: { name: 'b', position: 19 } }], from: [{ name: { position: 26 } }] },
    });
  });

  it('reads words that are not reserved as names', () => {
    expect(
      printStatement(parse('SELECT date, status, key_, offset, names FROM session, pipeline data')),
    ).toBe('SELECT `date`, `status`, `key_`, `offset`, `names` FROM `session`, `pipeline` AS `data`');
    expect(printStatement(parse('SELECT t.select, t.`from` FROM t'))).toBe(
      'SELECT `t`.`select`, `t`.`from` FROM `t`',
    );
    expect(
      printStatement(parse('CREATE TABLE t (shard INT, sort TEXT, timestamp TIMESTAMP, json JSON)')),
    ).toBe('CREATE TABLE `t` (`shard` INT(11), `sort` TEXT, `timestamp` TIMESTAMP, `json` JSON)');
  });

  it('follows sql_mode', () => {
    const read = (text: string, sqlMode: string) =>
      printStatement(parseStatement(text, { sqlMode }).statement);
    expect(read('SELECT "a"', 'ANSI_QUOTES')).toBe('SELECT `a`');
    expect(read("SELECT 'a\\'", 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES')).toBe("SELECT 'a\\\\'");
    expect(read('SELECT a || b || c', 'ansi')).toBe('SELECT CONCAT(CONCAT(`a`, `b`), `c`)');
  });
});

describe('syntax errors', () => {
  it.each([
    ['SELEC 1', "near 'SELEC 1' at line 1, column 1: found SELEC, expected a statement"],
    ['SELECT 1\nFORM t x', "near 't x' at line 2, column 6: found t, expected the end of the statement"],
    ['SELECT a FROM', "near '' at line 1, column 14: found the end of the statement, expected a table name"],
    ['SELECT (1; SELECT 2', "near '; SELECT 2' at line 1, column 10: found ';', expected )"],
    ["SELECT 'abc", "near ''abc' at line 1, column 8: this string is not closed"],
    ['SELECT 1 /* x', "near '/* x' at line 1, column 10: this comment is not closed"],
    ['SELECT `', "near '`' at line 1, column 8: this quoted name is not closed"],
    [
      "SELECT x'abc'",
      "near 'x'abc'' at line 1, column 8: this hexadecimal literal has an odd number of digits",
    ],
    ['SELECT 1 \\ 2', "near '\\ 2' at line 1, column 10: this character cannot start a word"],
    ['CREATE TABLE t (a FOO)', "near 'FOO)' at line 1, column 19: found FOO, expected a type"],
    ['SHOW NOTHING', "near 'NOTHING' at line 1, column 6: found NOTHING, expected what to show"],
    ['USE select', "near 'select' at line 1, column 5: found select, expected a database name"],
    ['SELECT 1; garbage', "near 'garbage' at line 1, column 11: found garbage, expected the end of the text"],
  ])('%s', (text, problem) => {
    const error = errorOf(() => parse(text));
    expect(error.code).toBe('SQL_SYNTAX');
    expect(error.message).toBe(`You have an error in your SQL syntax ${problem}`);
  });

  it.each([
    ['ALTER TABLE t ADD a INT', 'ALTER TABLE'],
    ["LOAD DATA LOCAL INFILE 'x' INTO TABLE t", 'the statement LOAD'],
    ['GRANT ALL ON *.* TO u', 'the statement GRANT'],
    ['CREATE OR REPLACE PROCEDURE p() AS BEGIN END', 'CREATE PROCEDURE'],
    ['CREATE VIEW v AS SELECT 1', 'CREATE VIEW'],
    ['CREATE TEMPORARY TABLE t (a INT)', 'CREATE TEMPORARY TABLE'],
    ['RENAME TABLE a TO b', 'the statement RENAME'],
    ["CREATE TABLE t (a ENUM('x'))", 'the type ENUM'],
    ['WITH RECURSIVE a AS (SELECT 1) SELECT 1', 'WITH RECURSIVE'],
    ["SELECT 1 INTO OUTFILE 'x'", 'SELECT … INTO'],
  ])('%s is not supported', (text, construct) => {
    const error = errorOf(() => parse(text));
    expect(error.code).toBe('SQL_UNSUPPORTED');
    expect(error.message).toMatch(new RegExp(`^${construct} is not supported \\(line 1, column \\d+\\)$`));
  });

  it.each(['DECIMAL(66, 0)', 'DECIMAL(5, 6)', 'VARCHAR(21846)', 'CHAR(256)', 'DATETIME(3)'])(
    '%s is not a possible type',
    (type) => {
      expect(errorOf(() => parse(`CREATE TABLE t (a ${type})`)).code).toBe('TYPE_INVALID');
    },
  );

  it('refuses an empty text', () => {
    expect(errorOf(() => parse(' ; -- nothing\n')).code).toBe('SQL_EMPTY');
  });
});

describe('limits', () => {
  const refused = (text: string) => expect(errorOf(() => parse(text)).code).toBe('SQL_TOO_COMPLEX');

  it('bounds nesting of every recursive construct', () => {
    const deep = 5000;
    refused(`SELECT ${'('.repeat(deep)}1${')'.repeat(deep)}`);
    refused(`SELECT ${'NOT '.repeat(deep)}1`);
    refused(`SELECT ${'- '.repeat(deep)}1`);
    refused(`SELECT ${'f('.repeat(deep)}1${')'.repeat(deep)}`);
    refused(`SELECT ${'CASE '.repeat(deep)}1`);
    refused(`SELECT ${'INTERVAL '.repeat(deep)}1`);
    refused('('.repeat(deep));
    refused('SELECT * FROM ('.repeat(deep));
    refused(`SELECT * FROM ${'('.repeat(deep)}t`);
    refused('USING d '.repeat(deep));
  });

  it('bounds chains of operators, whose trees are as high as they are long', () => {
    refused(`SELECT 1${' + 1'.repeat(5000)}`);
    refused(`SELECT 1${' = 1'.repeat(5000)}`);
    refused(`SELECT a${' COLLATE c'.repeat(5000)}`);
    refused(`SELECT * FROM t${' JOIN t'.repeat(5000)}`);
    refused(`SELECT 1${' UNION SELECT 1'.repeat(5000)}`);
    refused(`SELECT 1${' ORDER BY 1 UNION SELECT 1'.repeat(5000)}`);
    refused(`SELECT ${'('.repeat(150)}1${`${' + 1'.repeat(20)})`.repeat(150)}`);
  });

  it('takes what clients generate', () => {
    const disjunction = parse(`SELECT * FROM t WHERE ${Array(20_000).fill('a = 1').join(' OR ')}`);
    expect(disjunction).toMatchObject({ body: { where: { kind: 'logical', operator: 'or' } } });
    const nested = `${'SELECT * FROM ('.repeat(150)}SELECT 1${') AS q'.repeat(150)}`;
    expect(printStatement(parse(nested))).toBe(
      `${'SELECT * FROM ('.repeat(150)}SELECT 1${') AS `q`'.repeat(150)}`,
    );
    const rows = Array.from({ length: 20_000 }, (_, row) => `(${row}, 'name ${row}', ${row}.5, NULL)`).join(
      ',',
    );
    const insert = parse(`INSERT INTO t VALUES ${rows}`);
    expect(insert).toMatchObject({ source: { rows: { length: 20_000 } } });
  });
});

describe('parseStatements', () => {
  it('parses one statement at a time, so that a mistake stops nothing before it', () => {
    const seen: ParsedStatement[] = [];
    const text = ";; SELECT 1 ; -- c;\n INSERT INTO t VALUES (';') ; SELEC";
    const error = errorOf(() => {
      for (const parsed of parseStatements(text)) seen.push(parsed);
    });
    expect(seen.map((parsed) => parsed.text)).toEqual(['SELECT 1', "INSERT INTO t VALUES (';')"]);
    expect(error.message).toContain('line 2, column 31');
  });

  it('reports where the next statement begins', () => {
    const text = 'SELECT 1; SELECT 2';
    const first = parseNextStatement(text, 0);
    expect(first?.next).toBe(9);
    expect(parseNextStatement(text, first?.next ?? 0)?.text).toBe('SELECT 2');
    expect(parseNextStatement(text, text.length)).toBeUndefined();
  });
});

describe('arbitrary text', () => {
  const vocabulary = accepted.flatMap(([text]) => text.match(/\w+|'[^']*'|`[^`]*`|[^\s\w]/g) ?? []);
  /** The statements of a text up to its first mistake, which must be reported as one. */
  const statementsOf = (text: string): Statement[] => {
    const statements: Statement[] = [];
    try {
      for (const { statement } of parseStatements(text)) statements.push(statement);
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      expect(['SQL_SYNTAX', 'SQL_UNSUPPORTED', 'SQL_TOO_COMPLEX', 'TYPE_INVALID'], text).toContain(
        error.code,
      );
    }
    return statements;
  };
  const check = (text: string): void => {
    for (const statement of statementsOf(text)) {
      const printed = printStatement(statement);
      expect(withoutPositions(parse(printed)), text).toEqual(withoutPositions(statement));
    }
  };

  it('gives a tree or a clear error for any characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), check), { numRuns: 500 });
  });

  it('gives a tree or a clear error for any sequence of tokens', () => {
    const tokens = fc.array(fc.constantFrom(...vocabulary), { maxLength: 30 });
    fc.assert(
      fc.property(tokens, (parts) => check(parts.join(' '))),
      { numRuns: 2000 },
    );
  });

  it('gives a tree or a clear error for accepted statements with tokens dropped, doubled or replaced', () => {
    const statements = accepted.map(([text]) => text.match(/\w+|'[^']*'|`[^`]*`|\s+|[^\s\w]/g) ?? []);
    const edits = fc.array(fc.tuple(fc.nat(60), fc.constantFrom('', ...vocabulary)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.constantFrom(...statements), edits, (parts, changes) => {
        const edited: string[] = [...parts];
        for (const [at, replacement] of changes) edited.splice(at % edited.length, 1, replacement);
        check(edited.join(''));
      }),
      { numRuns: 3000 },
    );
  });
});
