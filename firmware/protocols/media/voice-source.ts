import { ALAW_SILENCE, fromUlaw, toAlaw, toUlaw, ULAW_SILENCE } from '../../wire/g711.ts';
import type { MediaFormat } from '../calls.ts';

/** What is spoken into the phone: nothing, a tone, or octets of mu-law sound at 8 kHz that begin again when they are over. */
export type VoiceSource =
  | { readonly kind: 'silence' }
  | { readonly kind: 'tone' }
  | { readonly kind: 'file'; readonly octets: Uint8Array };

export const SAMPLE_RATE = 8_000;

/** 400 Hz: a period is 20 samples, and packets of any multiple of 2.5 ms hold whole periods. */
const TONE_PERIOD = 20;
/** A quarter of full scale. */
const TONE_AMPLITUDE = 8_000;

/** Writes the payload of packets that are all the same; a tone begins each with a whole period. */
export function fillSteady(kind: 'silence' | 'tone', codec: MediaFormat['codec'], into: Uint8Array): void {
  if (kind === 'silence') {
    into.fill(codec === 'PCMU' ? ULAW_SILENCE : ALAW_SILENCE);
    return;
  }
  for (let k = 0; k < into.length; k++) {
    const sample = Math.round(TONE_AMPLITUDE * Math.sin((2 * Math.PI * k) / TONE_PERIOD));
    into[k] = codec === 'PCMU' ? toUlaw(sample) : toAlaw(sample);
  }
}

/** Writes the next payload of a file from `from` on and returns where the one after it begins. */
export function fillFrom(octets: Uint8Array, from: number, codec: MediaFormat['codec'], into: Uint8Array): number {
  let at = from;
  for (let k = 0; k < into.length; k++) {
    const octet = octets[at] ?? ULAW_SILENCE;
    into[k] = codec === 'PCMU' ? octet : toAlaw(fromUlaw(octet));
    at = at + 1 < octets.length ? at + 1 : 0;
  }
  return at;
}
