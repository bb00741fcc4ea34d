/** Where the operator of `sepia lab` sits: lines on standard input, and the same by HTTP for programs. */
import { createInterface, type Interface } from 'node:readline';
import { modelNamed } from '../device/models.ts';
import type { EventStream } from '../fleet/public.ts';
import type { Instant } from '../hal/timer.ts';
import { CommandError, type CommandResult, LabApi, LabCommands, type RealWireLab } from '../lab/public.ts';
import type { Output } from './output.ts';
import { UsageError } from './usage-error.ts';

export interface LabDeskOptions {
  readonly stream: EventStream;
  readonly output: Output;
  readonly now: () => Instant;
}

export class LabDesk {
  readonly #options: LabDeskOptions;
  readonly #commands: LabCommands;
  readonly #lines: Interface;
  #api: LabApi | null = null;

  constructor(real: RealWireLab, options: LabDeskOptions) {
    this.#options = options;
    this.#commands = new LabCommands({ lab: real.lab, model: modelNamed, serving: () => real.state === 'serving' });
    this.#lines = createInterface({ input: process.stdin });
    this.#lines.on('line', (text) => this.#typed(text.trim()));
  }

  /** @param port of the API; null is without. Rejects with UsageError when it is taken. */
  async open(port: number | null): Promise<void> {
    if (port === null) return;
    this.#api = new LabApi(this.#commands);
    try {
      const taken = await this.#api.listen(port);
      this.#options.stream.tell(this.#options.now(), null, 'lab.api', { port: taken });
      this.#options.output.line(`The API listens on http://127.0.0.1:${taken}.`);
    } catch (error) {
      throw new UsageError(`--api ${port}: ${(error as Error).message}.`);
    }
  }

  close(): void {
    this.#api?.close();
    this.#lines.close();
    // Else a terminal that is still open keeps the process.
    process.stdin.destroy();
  }

  #typed(command: string): void {
    if (command === '') return;
    try {
      this.#tell(command, this.#commands.run(command));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#options.output.line(error.message);
      this.#options.stream.tell(this.#options.now(), null, 'lab.command', { command, error: error.message });
    }
  }

  #tell(command: string, { lines, data }: CommandResult): void {
    for (const line of lines) this.#options.output.line(line);
    const told = data === undefined ? { done: lines.join('\n') } : { data };
    this.#options.stream.tell(this.#options.now(), null, 'lab.command', { command, ...told });
  }
}
