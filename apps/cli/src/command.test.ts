import { MillraceError } from '@millrace/errors/millrace-error';
import type { OptionSpecs } from '@millrace/runtime/options';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Command, runCommand, withLongFlags } from './command.ts';
import { readCommandLine } from './command-line.ts';

const options = { execute: { type: 'string', help: 'text', default: '' } } as const satisfies OptionSpecs;

function command(run: Command<typeof options>['run']): Command<typeof options> {
  return {
    usage: 'millrace try',
    description: 'Tries.',
    options,
    shortFlags: { '-e': 'execute' },
    run,
  };
}

let output: { out: string; err: string };
beforeEach(() => {
  output = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((output.out += text)));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((output.err += text)));
});
afterEach(() => vi.restoreAllMocks());

describe('runCommand', () => {
  it('gives the options to the command and its exit code back', async () => {
    const seen: string[] = [];
    const echo = command(async ({ execute }, environment) => {
      seen.push(execute, environment['HOME'] ?? '');
      return 7;
    });
    expect(await runCommand(echo, ['-e', '-1'], { HOME: '/home' })).toBe(7);
    expect(seen).toEqual(['-1', '/home']);
  });

  it('derives help from the options', async () => {
    expect(await runCommand(command(vi.fn()), ['--help'], {})).toBe(0);
    expect(output.out).toContain('--execute STRING');
    expect(output.out).toContain('-e is short for --execute');
  });

  it('answers wrong options with exit code 2 and does not run', async () => {
    const run = vi.fn();
    expect(await runCommand(command(run), ['--other'], {})).toBe(2);
    expect(await runCommand(command(run), ['-e'], {})).toBe(2);
    expect(run).not.toHaveBeenCalled();
    expect(output.err).toContain("unknown option '--other'");
  });

  it('tells what failed and what to do', async () => {
    const failing = command(() => Promise.reject(new MillraceError('LEAVES_NONE', 'no leaf is online')));
    expect(await runCommand(failing, [], {})).toBe(1);
    expect(output.err).toBe('millrace try: no leaf is online\nWhat to do: start a leaf\n');
  });
});

describe('withLongFlags', () => {
  it('replaces short flags and leaves the rest', () => {
    expect(withLongFlags(['--json', '-e', '--x', '-q'], { '-e': 'execute' })).toEqual([
      '--json',
      '--execute=--x',
      '-q',
    ]);
  });
});

describe('readCommandLine', () => {
  it('lists the commands for help', async () => {
    expect(await readCommandLine(['--help'], {})).toBe(0);
    expect(output.out).toMatch(/start .*\n.*demo .*\n.*sql .*\n.*generate /);
  });

  it('answers no command and unknown ones with help and exit code 2', async () => {
    expect(await readCommandLine([], {})).toBe(2);
    expect(await readCommandLine(['constructor'], {})).toBe(2);
    expect(output.err).toContain("there is no command 'constructor'");
    expect(await readCommandLine(['start', 'nothing'], {})).toBe(2);
    expect(output.err).toContain("there is no service 'nothing'");
  });

  it('has help for every command', async () => {
    for (const name of ['demo', 'sql', 'generate']) {
      output.out = '';
      expect(await readCommandLine([name, '--help'], {})).toBe(0);
      expect(output.out).toContain(`millrace ${name} [options]`);
    }
    expect(await readCommandLine(['version'], {})).toBe(0);
  });
});
