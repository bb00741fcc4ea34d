import { MODELS, modelNamed } from '../device/models.ts';
import type { ModelRow } from '../hal/board.ts';
import { UsageError } from './usage-error.ts';

/** Reads what people write behind options. Each throws UsageError with one sentence. */

export function wholeNumber(option: string, text: string, [min, max]: readonly [number, number]): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option} takes a whole number from ${min} to ${max}, not "${text}".`);
}

export function positiveNumber(option: string, text: string, max: number): number {
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= max) return value;
  throw new UsageError(`${option} takes a number above 0 and up to ${max}, not "${text}".`);
}

export function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`${option} takes ${choices.join(', ')}, not "${text}".`);
}

export function model(text: string): ModelRow {
  const found = modelNamed(text);
  if (found !== null) return found;
  throw new UsageError(`--model "${text}" is not known; there are ${MODELS.map(({ name }) => name).join(', ')}.`);
}

export const PROTOCOLS = ['sccp', 'sip'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What a phone of this model speaks to the call manager: as `--protocol` says, else what its kind leaves the factory with. */
export function protocolOf({ name, protocols }: ModelRow, text: string | undefined): Protocol {
  if (text === undefined) return protocols[0]!;
  const protocol = oneOf('--protocol', text, PROTOCOLS);
  if (protocols.includes(protocol)) return protocol;
  throw new UsageError(
    `The ${name} speaks ${protocols.join(' and ').toUpperCase()} only, not ${protocol.toUpperCase()}.`,
  );
}
