import type { BenchResult } from './bench-result.ts';
import { benchWorld, bootAll } from './support/bench-world.ts';

const FIRST = 1_000;
const LAST = 10_000;

/** Octets after two forced collections; buffers outside the heap count. */
function used(): { heap: number; rss: number } {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}

/** Memory of a registered phone: the slope between 1,000 and 10,000 of them, the lab's share included and told apart where it can be. */
export async function run(): Promise<BenchResult> {
  if (globalThis.gc === undefined) throw new Error('the memory bench needs node --expose-gc');
  const bench = benchWorld(LAST);
  bootAll(bench, 0, FIRST);
  const before = used();
  bootAll(bench, FIRST, LAST);
  const after = used();
  const slope = (a: number, b: number) => (b - a) / (LAST - FIRST) / 1024;
  const flash = bench.world.phones.reduce((sum, _phone, index) => sum + bench.world.flash(index).ownOctets / 1024, 0);
  return {
    name: 'heap: a registered phone, slope 1,000 to 10,000 phones',
    rows: [
      {
        metric: 'phone and its share of the lab',
        value: slope(before.heap, after.heap),
        unit: 'KiB',
        aim: '<= 32 KiB',
      },
      { metric: 'of that, flash sectors of its own', value: flash / LAST, unit: 'KiB' },
      { metric: 'resident set', value: slope(before.rss, after.rss), unit: 'KiB' },
    ],
  };
}
