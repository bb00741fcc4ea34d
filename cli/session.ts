import {
  Census,
  EventStream,
  type ExitWhen,
  PrivateFile,
  Run,
  type Running,
  type RunOptions,
  type RunOutcome,
  type World,
} from '../fleet/public.ts';
import { conclude } from './conclude.ts';
import type { ExitCode } from './exit-code.ts';
import type { Output } from './output.ts';
import type { RunSettings } from './run-options.ts';
import { type StopSignals, stopSignals } from './stop-signals.ts';

/** How a run ended. */
export interface RunEnd {
  readonly outcome: RunOutcome;
  readonly run: Running;
  /** As they were before the phones left. */
  readonly verdicts: ReturnType<Census['verdicts']>;
}

export interface RunHooks {
  readonly ended?: (end: RunEnd) => void;
  /** Tells people something while the run goes on; a line unless given. */
  readonly note?: (line: string) => void;
}

/** Events of one run: who hears them, and how far the phones are. */
export class Session {
  readonly stream: EventStream;
  readonly census: Census;
  readonly #output: Output;
  readonly #trace: PrivateFile | null;

  /**
   * @param jsonTypes what `--json` shows; null shows all. The trace file has all.
   * @param clock milliseconds since 1970, on a real timeline only.
   */
  constructor(
    output: Output,
    settings: RunSettings,
    { jsonTypes = null, clock = null }: { jsonTypes?: readonly string[] | null; clock?: (() => number) | null } = {},
  ) {
    this.#output = output;
    this.stream = new EventStream(clock);
    this.census = new Census(this.stream);
    this.#trace = settings.trace === null ? null : new PrivateFile(settings.trace);
    const trace = this.#trace;
    if (trace !== null) this.stream.listen((event) => trace.write(`${JSON.stringify(event)}\n`));
    if (output.json) this.stream.listen((event) => output.object(event), jsonTypes);
  }

  /**
   * Runs the world to its end, leaves the network, tells the verdicts.
   *
   * @param options with `orderedLoad`, phones count as registered when they have done with that load too.
   */
  async run(
    world: World,
    {
      orderedLoad = null,
      ...options
    }: Omit<RunOptions, 'world' | 'census' | 'stop' | 'silence'> & { readonly orderedLoad?: string | null },
    hooks: RunHooks = {},
  ): Promise<ExitCode> {
    const { census } = this;
    const { exitWhen } = options;
    census.expect(
      world.phones.map(({ board }) => board.deviceName),
      orderedLoad,
    );
    try {
      return await this.conduct(
        exitWhen,
        ({ stop, silence }) => new Run({ ...options, world, census, stop, silence }),
        hooks,
      );
    } finally {
      await world.close();
    }
  }

  /** The same of phones that are expected already. */
  async conduct(exitWhen: ExitWhen, begin: (signals: StopSignals) => Running, hooks: RunHooks = {}): Promise<ExitCode> {
    const { stream, census } = this;
    const output = this.#output;
    const note = hooks.note ?? ((line: string) => output.line(line));
    const signals = stopSignals(() => note('Leaving the network; Ctrl-C again falls silent at once.'));
    try {
      const run = begin(signals);
      const outcome = await run.watch();
      const verdicts = census.verdicts();
      await run.leave(outcome);
      const code = conclude(outcome, exitWhen, verdicts, { stream, output, at: run.now() });
      hooks.ended?.({ outcome, verdicts, run });
      return code;
    } finally {
      signals.release();
      this.#trace?.close();
    }
  }
}
