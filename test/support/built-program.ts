import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type ToldEvent = Readonly<Record<string, unknown>>;

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as objects, one a line. */
  events(): readonly ToldEvent[];
}

/** Runs the built program to its end. */
export function sepia(...args: readonly string[]): Promise<Ended> {
  const options = { cwd: ROOT, maxBuffer: 1 << 26 };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['bin/sepia.js', ...args], options, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err, events: () => objectsIn(out) }),
    );
  });
}

function objectsIn(text: string): readonly ToldEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ToldEvent);
}
