import { describe, expect, it } from 'vitest';
import { parseStatement } from '../parse.ts';
import { printStatement } from '../printer/statement.ts';
import { redactCredentials } from './create-pipeline.ts';

describe('redactCredentials', () => {
  const shown = (clauses: string) => {
    const { statement } = parseStatement(
      `CREATE PIPELINE p AS LOAD DATA KAFKA 'b/t' ${clauses} INTO TABLE t`,
    );
    if (statement.kind !== 'createPipeline') throw new Error('not CREATE PIPELINE');
    return printStatement(redactCredentials(statement));
  };

  it.each([
    `CREDENTIALS '{"sasl.password":"hunter2"}'`,
    `CONFIG '{"sasl.username":"u","sasl.password":"hunter2"}'`,
    `CONFIG '{"nested":{"client_secret":"hunter2"}}'`,
    `CONFIG 'broken "sasl.password":"hunter2"'`,
  ])('hides the secret of %s', (clauses) => {
    expect(shown(clauses)).not.toContain('hunter2');
  });

  it('keeps what is no secret', () => {
    expect(shown(`CONFIG '{"sasl.username":"u","sasl.password":"x"}'`)).toContain('"sasl.username":"u"');
    expect(shown(`CONFIG '{"client.id":"c"}'`)).toContain(`{"client.id":"c"}`);
  });
});
