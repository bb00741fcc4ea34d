import { readFileSync } from 'node:fs';
import { TUNABLES, type Tunable, type TunableValues } from '../hal/tunables.ts';
import { UsageError } from './usage-error.ts';
import { oneOf } from './values.ts';

/** What `--set` was given, as often as it was: `NAME=VALUE`, or `@FILE` with one of them a line. The last one of a name counts. Throws UsageError. */
export function tunableOverrides(texts: readonly string[]): Partial<TunableValues> {
  return Object.fromEntries(
    texts.flatMap((text) => (text.startsWith('@') ? overridesIn(text.slice(1)) : [tunableOverride('--set', text)])),
  );
}

/** Empty lines, and those that begin with `#`, say nothing. */
function overridesIn(path: string): [string, number | string][] {
  return contents(path)
    .split('\n')
    .map((line, index): [string, string] => [`--set @${path}, line ${index + 1}:`, line.trim()])
    .filter(([, line]) => line !== '' && !line.startsWith('#'))
    .map(([where, line]) => tunableOverride(where, line));
}

function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--set @${path} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

/** @param where begins the sentence about what is wrong */
function tunableOverride(where: string, text: string): [string, number | string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`${where} takes NAME=VALUE, not "${text}".`);
  const name = text.slice(0, equals);
  const value = text.slice(equals + 1);
  if (!Object.hasOwn(TUNABLES, name)) {
    const colon = where.endsWith(':') ? '' : ':';
    throw new UsageError(`${where}${colon} there is no tunable "${name}"; sepia tunables lists them.`);
  }
  const tunable: Tunable = TUNABLES[name as keyof typeof TUNABLES];
  if (tunable.kind === 'choice') return [name, oneOf(`${where} ${name}`, value, tunable.choices)];
  const number = /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (number >= tunable.min && number <= tunable.max) return [name, number];
  throw new UsageError(
    `${where} ${name} takes a number from ${tunable.min} to ${tunable.max} (${tunable.unit}), not "${value}".`,
  );
}
