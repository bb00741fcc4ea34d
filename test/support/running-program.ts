import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The machine may be busy: nothing that works takes so long. */
const PATIENCE_MILLISECONDS = 60_000;

export type ProgramEvent = { readonly type: string } & Record<string, unknown>;

interface Waiting {
  readonly wanted: (event: ProgramEvent) => boolean;
  readonly found: (event: ProgramEvent) => void;
  readonly failed: () => void;
}

/** `sepia … --json` that runs beside a test. */
export class RunningProgram {
  readonly events: ProgramEvent[] = [];
  /** What it wrote on standard error. */
  errors = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #waiting: Waiting[] = [];

  /** @param input `no-input`: standard input is at its end from the beginning */
  constructor(args: readonly string[], input: 'lines' | 'no-input') {
    const stdio = [input === 'lines' ? 'pipe' : 'ignore', 'pipe', 'pipe'] as const;
    this.#child = spawn(process.execPath, ['bin/sepia.js', ...args, '--json'], { cwd: ROOT, stdio: [...stdio] });
    let rest = '';
    this.#child.stdout!.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#heard(JSON.parse(line) as ProgramEvent);
    });
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    this.ended = new Promise((resolve) => this.#child.on('close', resolve));
    void this.ended.then(() => {
      for (const { failed } of this.#waiting) failed();
    });
  }

  /** The next such event from now on. Rejects, with what was said, after a minute or when the program ends. */
  next(type: string, fields: Readonly<Record<string, unknown>> = {}): Promise<ProgramEvent> {
    return new Promise((resolve, reject) => {
      const failed = (): void => {
        clearTimeout(timer);
        const said = this.events.slice(-20).map((event) => JSON.stringify(event));
        reject(new Error(`no ${type} ${JSON.stringify(fields)}:\n${said.join('\n')}\n${this.errors}`));
      };
      const timer = setTimeout(failed, PATIENCE_MILLISECONDS);
      const wanted = (event: ProgramEvent): boolean =>
        event.type === type && Object.entries(fields).every(([name, value]) => event[name] === value);
      const found = (event: ProgramEvent): void => {
        clearTimeout(timer);
        resolve(event);
      };
      this.#waiting.push({ wanted, found, failed });
    });
  }

  type(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Ctrl-C. */
  stop(): Promise<number | null> {
    this.#child.kill('SIGINT');
    return this.ended;
  }

  #heard(event: ProgramEvent): void {
    this.events.push(event);
    const found = this.#waiting.filter(({ wanted }) => wanted(event));
    this.#waiting = this.#waiting.filter((one) => !found.includes(one));
    for (const one of found) one.found(event);
  }
}

/** Two UDP ports of the loopback interface that were free a moment ago. */
export async function freeUdpPorts(): Promise<readonly [number, number]> {
  const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
  const [first, second] = sockets;
  const bound = (socket: typeof first): Promise<number> =>
    new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));
  const ports = [await bound(first), await bound(second)] as const;
  for (const socket of sockets) socket.close();
  return ports;
}
