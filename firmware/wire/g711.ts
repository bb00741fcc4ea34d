/**
 * G.711: sixteen-bit samples to octets of mu-law and A-law and back (ITU-T G.711 tables 1 and 2; 14 and 13 significant bits).
 *
 *     mu-law  inverted   sign, 3 bits of segment, 4 bits of interval, over a bias of 33 of 8192
 *     A-law   xor 0x55   sign (set: positive), 3 bits of segment, 4 bits of interval
 */

const BIAS = 0x84;
const CLIP = 32_635;

/** An octet of mu-law for a sample of -32768 to 32767. */
export function toUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const segment = 24 - Math.clz32(magnitude);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}

export function fromUlaw(octet: number): number {
  const code = ~octet & 0xff;
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << ((code >> 4) & 0x07)) - BIAS;
  return (code & 0x80) === 0 ? magnitude : -magnitude;
}

/** An octet of A-law for a sample of -32768 to 32767. */
export function toAlaw(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80;
  // Thirteen bits; a negative one is inverted, so that -1 is the first step below zero.
  const magnitude = Math.min((sample < 0 ? ~sample : sample) >> 3, 0xfff);
  const segment = Math.max(0, 27 - Math.clz32(magnitude));
  const interval = (segment < 2 ? magnitude >> 1 : magnitude >> segment) & 0x0f;
  return (sign | (segment << 4) | interval) ^ 0x55;
}

export function fromAlaw(octet: number): number {
  const code = octet ^ 0x55;
  const segment = (code >> 4) & 0x07;
  const interval = ((code & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? interval : (interval + 0x100) << (segment - 1);
  return (code & 0x80) === 0 ? -magnitude : magnitude;
}

/** What nothing said sounds like. */
export const ULAW_SILENCE = 0xff;
export const ALAW_SILENCE = 0xd5;
