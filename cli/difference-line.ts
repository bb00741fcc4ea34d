import type { Difference } from '../explain/public.ts';
import { printable } from './face.ts';

type Side = Extract<Difference, { kind: 'only-here' }>['here'];

/** A difference between two boots, for people: `-` is what this file has, `+` what the other has. */
export function differenceLine(difference: Difference): string[] {
  switch (difference.kind) {
    case 'only-here':
      return [sideText('-', difference.here)];
    case 'only-there':
      return [sideText('+', difference.there)];
    case 'differs':
      return [sideText('-', difference.here), sideText('+', difference.there)];
  }
}

function sideText(sign: string, { frame, at, from, label, text, times }: Side): string {
  const often = times > 1 ? ` (${times} times)` : '';
  // Where nothing but the number of times says more.
  const what = text.startsWith(label) ? text : `${label}: ${text}`;
  return `${sign} frame ${frame}, ${at.toFixed(3)} s, from ${from === 'phone' ? 'the phone' : 'the network'}: ${printable(what)}${often}`;
}
