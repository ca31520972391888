import { describe, expect, it } from 'vitest';
import { shownValue, systemVariables } from './system-variables.ts';
import { GlobalVariables, SessionVariables } from './variable-store.ts';

class MemorySettings {
  readonly saved = new Map<string, string>();
  settings() {
    return this.saved;
  }
  saveSetting(name: string, value: string) {
    this.saved.set(name, value);
  }
}

describe('system variables', () => {
  it('start sessions from the global values and keep global changes over restarts', () => {
    const store = new MemorySettings();
    const globals = new GlobalVariables(store, {});
    globals.set('lock_wait_timeout', 7n);
    const session = new SessionVariables(globals);
    expect(session.get('lock_wait_timeout')).toBe(7n);
    session.set('lock_wait_timeout', 3n);
    expect([session.get('lock_wait_timeout'), globals.get('lock_wait_timeout')]).toEqual([3n, 7n]);
    session.set('lock_wait_timeout', undefined);
    expect(session.get('lock_wait_timeout')).toBe(7n);
    expect(new GlobalVariables(store, {}).get('lock_wait_timeout')).toBe(7n);
  });

  it('read booleans in every spelling that clients use and show them as ON and OFF', () => {
    const session = new SessionVariables(new GlobalVariables(new MemorySettings(), {}));
    for (const [given, expected] of [
      ['off', 0n],
      [1n, 1n],
      ['FALSE', 0n],
      ['On', 1n],
    ] as const) {
      session.set('autocommit', given);
      expect(session.get('autocommit')).toBe(expected);
    }
    const { autocommit } = systemVariables;
    if (autocommit === undefined) throw new Error('autocommit');
    expect([shownValue(autocommit, 1n), shownValue(autocommit, 0n)]).toEqual(['ON', 'OFF']);
  });

  it.each([
    ['nope', 1n, 'VARIABLE_UNKNOWN'],
    ['version', 'x', 'VARIABLE_VALUE'],
    ['autocommit', 'maybe', 'VARIABLE_VALUE'],
    ['lock_wait_timeout', 0n, 'VARIABLE_VALUE'],
    ['lock_wait_timeout', 'soon', 'VARIABLE_VALUE'],
    ['default_table_type', 'heap', 'VARIABLE_VALUE'],
    ['pipelines_batch_interval', 5n, 'VARIABLE_VALUE'],
  ] as const)('refuse %s = %s in a session', (name, value, code) => {
    const session = new SessionVariables(new GlobalVariables(new MemorySettings(), {}));
    expect(() => session.set(name, value)).toThrow(expect.objectContaining({ code }));
  });

  it('know the isolation level under both names', () => {
    const session = new SessionVariables(new GlobalVariables(new MemorySettings(), {}));
    session.set('transaction_isolation', 'REPEATABLE-READ');
    expect(session.get('tx_isolation')).toBe('REPEATABLE-READ');
  });

  it('take what only the process knows from it', () => {
    const globals = new GlobalVariables(new MemorySettings(), { port: () => 13n });
    expect(globals.get('port')).toBe(13n);
    expect(() => globals.set('port', 14n)).toThrow(expect.objectContaining({ code: 'VARIABLE_VALUE' }));
  });

  it('answer every variable that Connector/J, JDBC and Django ask for in one SELECT', () => {
    const asked = [
      'auto_increment_increment character_set_client character_set_connection character_set_results',
      'character_set_server collation_server collation_connection init_connect interactive_timeout license',
      'lower_case_table_names max_allowed_packet net_buffer_length net_write_timeout performance_schema',
      'query_cache_size query_cache_type sql_mode system_time_zone time_zone transaction_isolation tx_isolation',
      'wait_timeout aggregator_id sql_select_limit memsql_version default_table_type table_name_case_sensitivity',
      'version_comment read_only collation_database identity',
    ]
      .join(' ')
      .split(' ');
    expect(asked.filter((name) => systemVariables[name] === undefined)).toEqual([]);
  });
});
