import type { PhoneConfiguration } from '../phone/config/phone-configuration.ts';
import type { CapfServer } from '../protocols/capf.ts';

/**
 * What a configuration asks of the phone's certificate. `typed`: an operation is done when a person types the string for it. `null-string`, `lsc-first`, `mic-first`: the
 * phone goes to CAPF by itself, with nothing to show, or with the certificate that it has, the one named first.
 */
export type CapfMode = 'typed' | 'null-string' | 'lsc-first' | 'mic-first';

export interface CapfSettings {
  readonly mode: CapfMode;
  readonly servers: readonly CapfServer[];
}

/** Values of `capfAuthMode`; 0 asks for nothing. */
const MODES: readonly (CapfMode | undefined)[] = Object.freeze([
  undefined,
  'typed',
  'null-string',
  'lsc-first',
  'mic-first',
] as const);

/** Null when nothing is asked for, or nobody is named who could do it. */
export function capfSettings({ capfAuthMode, capfList }: PhoneConfiguration): CapfSettings | null {
  const mode = MODES[capfAuthMode];
  if (mode === undefined || capfList.length === 0) return null;
  return { mode, servers: capfList.map(({ host, port }) => ({ host, port })) };
}
