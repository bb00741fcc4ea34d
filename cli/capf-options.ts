import type { Command } from 'commander';
import { CAPF_AUTHENTICATIONS, type CapfOrder, type LabSecurity } from '../lab/public.ts';
import { UsageError } from './usage-error.ts';
import { oneOf } from './values.ts';

/** Options of how a lab's phones get certificates of its cluster, as they are written. */
export interface CapfTexts {
  readonly lsc?: string;
  readonly capfString?: string;
}

/** For a lab: what CAPF is ordered to do with every phone. */
export function withCapfOrder(command: Command): Command {
  return command
    .option(
      '--lsc <how>',
      `CAPF installs a certificate on each phone, which shows ${CAPF_AUTHENTICATIONS.join(', ')}; needs --security`,
    )
    .option('--capf-string <digits>', 'what phones have to show with --lsc auth-string: 4 to 10 digits');
}

/** Throws UsageError. */
export function capfOrderOf({ lsc, capfString }: CapfTexts, security: LabSecurity): CapfOrder | null {
  if (lsc === undefined) {
    if (capfString !== undefined) throw new UsageError('--capf-string goes with --lsc auth-string.');
    return null;
  }
  const authentication = oneOf('--lsc', lsc, CAPF_AUTHENTICATIONS);
  if (security === 'none') throw new UsageError('--lsc goes with --security authenticated or encrypted.');
  const hasString = authentication === 'auth-string';
  if (hasString !== (capfString !== undefined)) {
    throw new UsageError('--lsc auth-string and --capf-string DIGITS go together.');
  }
  if (capfString === undefined) return { operation: 'install', authentication };
  if (!/^[0-9]{4,10}$/.test(capfString)) throw new UsageError('--capf-string takes 4 to 10 digits.');
  return { operation: 'install', authentication, string: capfString };
}
