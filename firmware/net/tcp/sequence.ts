/**
 * Sequence numbers (RFC 9293 3.4) as signed 32-bit integers: they wrap by themselves, stay small integers for the engine, and
 * `(a - b) | 0` tells how far `a` is ahead of `b`, negative when it is behind.
 */

export type Sequence = number;

export function ahead(a: Sequence, b: Sequence): number {
  return (a - b) | 0;
}

export function plus(a: Sequence, octets: number): Sequence {
  return (a + octets) | 0;
}
