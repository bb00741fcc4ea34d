import type { Command } from 'commander';
import { EXIT_CONDITIONS, type ExitWhen } from '../fleet/public.ts';
import { type TunableValues, tunableValues } from '../hal/tunables.ts';
import type { OutputOptions } from './output.ts';
import { tunableOverrides } from './tunable-overrides.ts';
import { oneOf, positiveNumber, wholeNumber } from './values.ts';

/** Options of every command that runs phones, as they are written. */
export interface RunTexts extends OutputOptions {
  readonly seed?: string;
  readonly exitWhen?: string;
  readonly timeout?: string;
  readonly trace?: string;
  readonly set?: readonly string[];
}

/** The same, read. */
export interface RunSettings {
  /** Null: not given. */
  readonly seed: number | null;
  readonly exitWhen: ExitWhen | null;
  readonly timeoutSeconds: number | null;
  readonly trace: string | null;
  /** What differs from the defaults. */
  readonly overrides: Partial<TunableValues>;
  readonly tunables: TunableValues;
}

const LONGEST_TIMEOUT_SECONDS = 2_000_000;

export function withRunOptions(command: Command): Command {
  return command
    .option('--seed <n>', 'chance that can be repeated: the same number, the same packets')
    .option(
      '--exit-when <what>',
      `${EXIT_CONDITIONS.join(', ')}: end when all phones are registered, when each has a verdict, or at Ctrl-C`,
    )
    .option('--timeout <seconds>', 'real seconds after which it ends with code 3')
    .option('--trace <file>', 'write all events into FILE, one object a line')
    .option(
      '--set <name=value>',
      'set a tunable (sepia tunables lists them), or with @FILE those of a file; may be given again',
      gathered,
    );
}

/** For options that may be given more than once. */
export function gathered(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function readRunOptions(texts: RunTexts): RunSettings {
  const overrides = tunableOverrides(texts.set ?? []);
  return {
    seed: texts.seed === undefined ? null : wholeNumber('--seed', texts.seed, [0, Number.MAX_SAFE_INTEGER]),
    exitWhen: texts.exitWhen === undefined ? null : oneOf('--exit-when', texts.exitWhen, EXIT_CONDITIONS),
    timeoutSeconds:
      texts.timeout === undefined ? null : positiveNumber('--timeout', texts.timeout, LONGEST_TIMEOUT_SECONDS),
    trace: texts.trace ?? null,
    overrides,
    tunables: tunableValues(overrides),
  };
}
