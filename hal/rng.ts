/** The board's source of chance. Seeded per phone, so that a run can be repeated. */
export interface Rng {
  /** An integer, uniform over 0 .. 2^32 - 1. */
  u32(): number;
  /** An integer, uniform over 0 .. bound - 1; `bound` from 1 to 2^32. */
  below(bound: number): number;
  /** Overwrites `into` with random octets. */
  fill(into: Uint8Array): void;
}
