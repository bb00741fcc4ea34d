import { createHash } from 'node:crypto';
import { autoMac, INDEX_BITS, RUN_BITS } from '../device/identity.ts';
import type { Mac } from '../hal/nic.ts';

/** Runs that can be told apart by their addresses. */
export const RUNS = 2 ** RUN_BITS;

/** Phones of one shard. */
export const MOST_PHONES = 2 ** INDEX_BITS;

/** The run whose addresses a text stands for: a machine's name, a seed. The same text, the same run. */
export function runOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) % RUNS;
}

/** Addresses of the phones of a run, one after the other. */
export function macPlan(run: number, count: number): readonly Mac[] {
  return Array.from({ length: count }, (_, index) => autoMac(run, 0, index));
}
