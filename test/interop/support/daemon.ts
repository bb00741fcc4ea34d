import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from './eventually.ts';

/** Time that a program has to end in order. */
const TERM_SECONDS = 3;
/** The end of what it wrote, for error messages. */
const LOG_TAIL = 4_000;

/** A program of others that runs beside the test and stays in the foreground; it is ended by its pid. */
export class Daemon {
  readonly name: string;
  readonly child: ChildProcess;
  /** What it has written so far, both streams. */
  log = '';

  constructor(name: string, command: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.name = name;
    const [program = '', ...args] = command;
    const env = { ...process.env, ...environment };
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    const keep = (octets: Buffer) => {
      this.log += octets.toString('utf8');
    };
    this.child.stdout!.on('data', keep);
    this.child.stderr!.on('data', keep);
    this.child.on('error', (error) => {
      this.log += `${error.message}\n`;
    });
    // It may be gone when it is spoken to.
    this.child.stdin!.on('error', () => {});
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** Waits until `ready` is not null; throws with the program's own words when it ends before. */
  async ready<T>(what: string, ready: () => T | null | Promise<T | null>, seconds = 15): Promise<T> {
    return await eventually(
      `${this.name}: ${what}`,
      seconds,
      async () => {
        if (!this.running) throw new Error(`${this.name} has ended:\n${this.log.slice(-LOG_TAIL)}`);
        return await ready();
      },
      () => this.log.slice(-LOG_TAIL),
    );
  }

  /** Resolves to the exit code, null after a signal. */
  async ended(seconds: number): Promise<number | null> {
    await eventually(
      `${this.name} ends`,
      seconds,
      () => (this.running ? null : true),
      () => this.log.slice(-LOG_TAIL),
    );
    return this.child.exitCode;
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGTERM');
    await this.ended(TERM_SECONDS).catch(() => this.child.kill('SIGKILL'));
    await this.ended(TERM_SECONDS);
  }
}
