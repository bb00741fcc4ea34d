import { expect, it, vi } from 'vitest';
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

it('a phone that is registered is told of when there is something to look at', () => {
  const told: string[] = [];
  const output = new Output({});
  vi.spyOn(output, 'line').mockImplementation((text) => void told.push(text));
  const registered = { outcome: 'registered', stage: 'call-manager', cause: 'registered', load: null } as const;
  const verdicts = [
    { ...registered, phone: 'SEP020000000000', text: 'The phone is registered.', lookAt: [] },
    { ...registered, phone: 'SEP020000000001', text: 'It lost its registration once.', lookAt: ['the cable', 'a'] },
  ];
  conclude({ kind: 'reached' }, 'decided', verdicts, { stream: new EventStream(), output, at: 0 });
  expect(told).toEqual([
    '2 of 2 phones registered.',
    'SEP020000000001: It lost its registration once.',
    '  look at: the cable; a',
  ]);
});
