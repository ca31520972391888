import { expect, it } from 'vitest';
import { redactStatement } from './redact-statement.ts';

it.each([
  `CREATE PIPELINE p AS LOAD DATA KAFKA 'b/t' CREDENTIALS '{"sasl.password":"hunter2"}' INTO TABLE t`,
  `create pipeline p as load data kafka 'b/t' credentials "{'x':'hunter2'}" into table t`,
  `CREATE PIPELINE p AS LOAD DATA KAFKA 'b/t' CREDENTIALS 'it''s hunter2`,
  `CREATE PIPELINE p AS LOAD DATA KAFKA 'b/t' CONFIG '{"sasl.password" : "hunter2"}' INTO TABLE t`,
  "ALTER PIPELINE p SET CREDENTIALS::`sasl.password` = 'hunter2'",
  "ADD LEAF root:'hunter2'@'host':3306",
  "add leaf `ro:ot` : 'hunter2",
])('hides the secret of %s', (text) => {
  expect(redactStatement(text)).not.toContain('hunter2');
});

it('leaves other statements as they are', () => {
  const text = `SELECT 'a password' AS "secret" FROM credentials`;
  expect(redactStatement(text)).toBe(text);
});
