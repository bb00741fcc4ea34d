import fc from 'fast-check';

/** Inputs a property when nobody asks for more; continuous integration sets FUZZ_RUNS. */
const DEFAULT_RUNS = 2_000;

/**
 * How many inputs a property is tried with.
 * @param share of the full number, for a property whose single run is slow: 0.1 is a tenth.
 */
export function fuzzRuns(share = 1): number {
  const written = process.env.FUZZ_RUNS;
  const runs = written === undefined ? DEFAULT_RUNS : Number(written);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`FUZZ_RUNS is a whole number from 1 on, not "${written}"`);
  return Math.max(1, Math.round(runs * share));
}

/** Set-up file of the test runner: FUZZ_SEED repeats a run whose seed a failure has printed. */
const seed = process.env.FUZZ_SEED;
fc.configureGlobal({ numRuns: 100, ...(seed === undefined ? {} : { seed: Number(seed) }) });
