import {
  type Census,
  type EventStream,
  type ExitWhen,
  isTrustRefused,
  type RunOutcome,
  type Verdict,
} from '../fleet/public.ts';
import type { Instant } from '../hal/timer.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { STAGE_TITLES } from './learned.ts';
import type { Output } from './output.ts';

type PhoneVerdict = Verdict & { readonly phone: string };

/** Of more phones only the count is told to people; scripts get each. */
const PHONES_NAMED = 5;

/** The cause of those whose turn had not come. */
const NOT_STARTED = 'ramp.not-started';

/** The last word on each phone, as events and for people, and the exit code that says how the run ended. */
export function conclude(
  outcome: RunOutcome,
  exitWhen: ExitWhen,
  verdicts: readonly PhoneVerdict[],
  { stream, output, at }: { readonly stream: EventStream; readonly output: Output; readonly at: Instant },
): ExitCode {
  for (const { phone, ...verdict } of verdicts) stream.tell(at, phone, 'verdict', verdict);
  const missing = verdicts.filter(({ outcome: result }) => result !== 'registered');
  tellPeople(verdicts, missing, output);
  switch (outcome.kind) {
    case 'reached':
      return exitWhen === 'decided' ? codeOfVerdicts(missing) : EXIT.done;
    case 'stopped':
      return exitWhen === 'never' || missing.length === 0 ? EXIT.done : EXIT.failed;
    case 'given-up':
      process.stderr.write(`${outcome.text}\n`);
      return outcome.refused ? EXIT.refused : EXIT.failed;
    case 'timed-out':
      process.stderr.write(timeoutSentence(missing));
      return EXIT.timedOut;
  }
}

function codeOfVerdicts(missing: readonly PhoneVerdict[]): ExitCode {
  if (missing.length === 0) return EXIT.done;
  if (missing.some(({ outcome }) => outcome === 'refused')) return EXIT.refused;
  if (missing.some(({ cause }) => cause === 'register.rejected')) return EXIT.rejected;
  return missing.some(({ cause }) => isTrustRefused(cause)) ? EXIT.trustRefused : EXIT.failed;
}

function tellPeople(verdicts: readonly PhoneVerdict[], missing: readonly PhoneVerdict[], output: Output): void {
  if (verdicts.length > 1) output.line(`${verdicts.length - missing.length} of ${verdicts.length} phones registered.`);
  // Registered, and there is something to look at all the same: a load that was not taken, a registration that was lost on the way.
  const remarkable = verdicts.filter(({ outcome, lookAt }) => outcome === 'registered' && lookAt.length > 0);
  for (const { phone, text, lookAt } of remarkable.slice(0, PHONES_NAMED)) {
    output.line(`${phone}: ${text}`);
    output.line(`  look at: ${lookAt.join('; ')}`);
  }
  if (remarkable.length > PHONES_NAMED) output.line(`and ${remarkable.length - PHONES_NAMED} more of those.`);
  const begun = missing.filter(({ cause }) => cause !== NOT_STARTED);
  for (const { phone, stage, text, cause, lookAt } of begun.slice(0, PHONES_NAMED)) {
    output.line(`${phone}, step ${STAGE_TITLES[stage]}: ${text} (${cause})`);
    output.line(`  look at: ${lookAt.join('; ')}`);
  }
  const more = begun.length - PHONES_NAMED;
  if (more > 0) output.line(`and ${more} more phones that are not registered.`);
  if (missing.length > begun.length) output.line(`${missing.length - begun.length} phones were not switched on.`);
}

function timeoutSentence(missing: readonly PhoneVerdict[]): string {
  const names = missing.slice(0, PHONES_NAMED).map(({ phone }) => phone);
  const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : '';
  const verb = missing.length === 1 ? 'is' : 'are';
  return `Timed out: ${missing.length} ${missing.length === 1 ? 'phone' : 'phones'} ${verb} not there yet: ${names.join(', ')}${more}.\n`;
}

/** One line on where all phones are. */
export function countsText(census: Census): string {
  const { phones, registered, inStage } = census.counts();
  const stages = Object.entries(inStage).map(([stage, count]) => `${stage} ${count}`);
  return [`${registered} of ${phones} registered`, ...stages].join(', ');
}
