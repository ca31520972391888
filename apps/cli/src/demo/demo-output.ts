import { type DemoSnapshot, viewLine, viewLines } from './demo-view.ts';
import { LiveScreen } from './live-screen.ts';

/** Where the demo tells people what happens. */
export interface DemoOutput {
  /** A line that stays. */
  say(line: string): void;
  /** @param footer lines below the view, where there is one */
  show(snapshot: DemoSnapshot, footer: readonly string[]): void;
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
  return {
    say: (line) => void stream.write(`${line}\n`),
    show: (snapshot) => void stream.write(`${viewLine(snapshot)}\n`),
    close: () => {},
  };
}

function terminalOutput(terminal: NodeJS.WriteStream): DemoOutput {
  let screen: LiveScreen | undefined;
  const close = () => {
    screen?.close();
    screen = undefined;
  };
  return {
    say: (line) => {
      close();
      terminal.write(`${line}\n`);
    },
    show: (snapshot, footer) => {
      screen ??= new LiveScreen(terminal);
      screen.draw(viewLines(snapshot, footer));
    },
    close,
  };
}
