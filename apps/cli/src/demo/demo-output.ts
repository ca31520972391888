import { type DemoSnapshot, viewLine, viewLines } from './demo-view.ts';
import { LiveScreen } from './live-screen.ts';

/** Where the demo tells people what happens. */
export interface DemoOutput {
  /** A line that stays. */
  say(line: string): void;
  /** Before the first snapshot: hints that stay in sight. */
  begin(hints: readonly string[]): void;
  show(snapshot: DemoSnapshot): void;
  /** Leaves the terminal as it was. */
  close(): void;
}

/** A live view on a terminal, else a line a second. Stdout is left to the summary if that is JSON. */
export function demoOutput(options: { readonly json: boolean; readonly verbose: boolean }): DemoOutput {
  if (options.json) return lineOutput(process.stderr);
  // The log of the services would be written across the view.
  return process.stdout.isTTY && !options.verbose
    ? terminalOutput(process.stdout)
    : lineOutput(process.stdout);
}

function lineOutput(stream: NodeJS.WritableStream): DemoOutput {
  const say = (line: string) => void stream.write(`${line}\n`);
  return {
    say,
    begin: (hints) => say(hints.map((hint) => `  ${hint}`).join('\n')),
    show: (snapshot) => void stream.write(`${viewLine(snapshot)}\n`),
    close: () => {},
  };
}

function terminalOutput(terminal: NodeJS.WriteStream): DemoOutput {
  let screen: LiveScreen | undefined;
  let footer: readonly string[] = [];
  const close = () => {
    screen?.close();
    screen = undefined;
  };
  return {
    say: (line) => {
      close();
      terminal.write(`${line}\n`);
    },
    begin: (hints) => {
      footer = hints;
    },
    show: (snapshot) => {
      screen ??= new LiveScreen(terminal);
      screen.draw(viewLines(snapshot, footer));
    },
    close,
  };
}
