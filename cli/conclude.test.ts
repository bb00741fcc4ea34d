import { expect, it } from 'vitest';
import { EventStream, type Verdict } from '../fleet/public.ts';
import { conclude } from './conclude.ts';
import { Output } from './output.ts';

function codeOf(...causes: string[]): number {
  const verdicts = causes.map((cause, index) => ({
    phone: `SEP02000000000${index}`,
    outcome: cause === 'registered' ? 'registered' : ('not-registered' as Verdict['outcome']),
    stage: 'call-manager' as const,
    cause,
    text: '',
    lookAt: [],
    load: null,
  }));
  const output = new Output({ quiet: true });
  return conclude({ kind: 'reached' }, 'decided', verdicts, { stream: new EventStream(), output, at: 0 });
}

it.each([
  [['registered', 'registered'], 0],
  [['registered', 'callmanager.unreachable'], 1],
  [['registered', 'tls.version'], 1],
  [['registered', 'register.rejected', 'tls.unknown-ca'], 6],
  [['registered', 'tls.unknown-ca'], 7],
  [['tls.handshake'], 7],
  [['trust.signer-unknown'], 7],
])('a run that ends with %j is exit code %i', (causes, code) => {
  expect(codeOf(...causes)).toBe(code);
});
