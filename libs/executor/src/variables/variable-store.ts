import { MillraceError } from '@millrace/errors/millrace-error';
import type { ScalarValue } from '@millrace/values/column-batch';
import { type SystemVariable, systemVariables } from './system-variables.ts';

/** Where SET GLOBAL keeps values over restarts. */
export interface SettingsStore {
  settings(): ReadonlyMap<string, string>;
  saveSetting(name: string, value: string): void;
}

const settingPrefix = 'variable/';

/** The cluster-wide values of the system variables. */
export class GlobalVariables {
  readonly #store: SettingsStore;
  readonly #facts: Readonly<Record<string, () => ScalarValue>>;
  readonly #values = new Map<string, ScalarValue>();

  /** `facts` are what only the process knows, such as its port; they may change until it is up. */
  constructor(store: SettingsStore, facts: Readonly<Record<string, () => ScalarValue>>) {
    this.#store = store;
    this.#facts = facts;
    for (const [key, text] of store.settings()) {
      const name = key.slice(settingPrefix.length);
      const variable = variableOf(name);
      if (!key.startsWith(settingPrefix) || variable === undefined || variable.readOnly) continue;
      this.#values.set(name, variable.kind === 'text' ? text : BigInt(text));
    }
  }

  get(name: string): ScalarValue {
    const value = this.#facts[name]?.() ?? this.#values.get(name);
    return value === undefined ? (variableOf(name)?.value ?? null) : value;
  }

  integer(name: string): bigint {
    const value = this.get(name);
    return typeof value === 'bigint' ? value : 0n;
  }

  /** Throws VARIABLE_UNKNOWN or VARIABLE_VALUE. */
  set(name: string, value: ScalarValue | undefined): void {
    const variable = writable(name);
    const checked = value === undefined ? variable.value : checkedValue(name, variable, value);
    this.#store.saveSetting(`${settingPrefix}${name}`, String(checked ?? ''));
    this.#values.set(name, checked);
  }
}

/** The values of one session: its own where it has set them, the global ones as they were when it began otherwise. */
export class SessionVariables {
  readonly #globals: GlobalVariables;
  readonly #own = new Map<string, ScalarValue>();

  constructor(globals: GlobalVariables) {
    this.#globals = globals;
  }

  get(name: string): ScalarValue {
    return this.#own.has(name) ? (this.#own.get(name) ?? null) : this.#globals.get(name);
  }

  integer(name: string): bigint {
    const value = this.get(name);
    return typeof value === 'bigint' ? value : 0n;
  }

  text(name: string): string {
    return String(this.get(name) ?? '');
  }

  /** `undefined` is DEFAULT. Throws VARIABLE_UNKNOWN or VARIABLE_VALUE. */
  set(name: string, value: ScalarValue | undefined): void {
    const variable = writable(name);
    if (variable.scope === 'global') {
      throw new MillraceError('VARIABLE_VALUE', `variable '${name}' is global: use SET GLOBAL`);
    }
    if (value === undefined) this.#own.delete(name);
    else this.#own.set(name, checkedValue(name, variable, value));
    const twin = twins[name];
    if (twin !== undefined) this.#own.set(twin, this.get(name));
  }

  clear(): void {
    this.#own.clear();
  }
}

/** Two names of one variable. */
const twins: Readonly<Record<string, string>> = {
  tx_isolation: 'transaction_isolation',
  transaction_isolation: 'tx_isolation',
  tx_read_only: 'transaction_read_only',
  transaction_read_only: 'tx_read_only',
};

export function variableOf(name: string): SystemVariable | undefined {
  return Object.hasOwn(systemVariables, name) ? systemVariables[name] : undefined;
}

function writable(name: string): SystemVariable {
  const variable = variableOf(name);
  if (variable === undefined)
    throw new MillraceError('VARIABLE_UNKNOWN', `unknown system variable '${name}'`);
  if (variable.readOnly) throw new MillraceError('VARIABLE_VALUE', `variable '${name}' is read only`);
  return variable;
}

function checkedValue(name: string, variable: SystemVariable, value: ScalarValue): ScalarValue {
  if (value === null && variable.kind === 'text') return null;
  switch (variable.kind) {
    case 'boolean': {
      const word = String(value).toLowerCase();
      if (word === '1' || word === 'on' || word === 'true') return 1n;
      if (word === '0' || word === 'off' || word === 'false') return 0n;
      throw wrongValue(name, value);
    }
    case 'integer': {
      if (value === null || value instanceof Uint8Array || !/^-?\d+$/.test(String(value)))
        throw wrongValue(name, value);
      const number = BigInt(value);
      if (number < (variable.min ?? number) || number > (variable.max ?? number))
        throw wrongValue(name, value);
      return number;
    }
    case 'double':
      if (value === null || Number.isNaN(Number(value))) throw wrongValue(name, value);
      return Number(value);
    case 'text': {
      const text = String(value);
      if (variable.values !== undefined && !variable.values.includes(text.toLowerCase()))
        throw wrongValue(name, value);
      return text;
    }
  }
}

function wrongValue(name: string, value: ScalarValue): MillraceError {
  return new MillraceError(
    'VARIABLE_VALUE',
    `variable '${name}' cannot be set to ${value === null ? 'NULL' : `'${String(value)}'`}`,
  );
}
