import type { BenchResult } from './bench-result.ts';
import { type BenchWorld, benchWorld, bootAll } from './support/bench-world.ts';
import { threadCpu } from './support/profile.ts';

const FIRST = 1_000;
const LAST = 10_000;

/** What the phones use to tell the call manager that they are there: SCCP's default keepalive interval. */
const INTERVAL_SECONDS = 30;
const INTERVALS = 4;
const SECOND = 1_000_000;

interface Memory {
  /** Octets after two forced collections; buffers outside the heap count. */
  readonly heap: number;
  readonly resident: number;
}

function used(): Memory {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}

interface Stages {
  readonly before: Memory;
  readonly unpowered: Memory;
  readonly registered: Memory;
  /** The boards are off; the lab has not noticed yet. */
  readonly off: Memory;
  readonly flashOctets: number;
  readonly keepaliveMicroseconds: number;
}

/** The life of a world of its own, so that boards and switch ports are part of the slope. */
function live(count: number): Stages {
  const before = used();
  const bench = benchWorld(count);
  const unpowered = used();
  bootAll(bench, 0, count);
  const registered = used();
  const keepaliveMicroseconds = keepalive(bench) / count;
  const flashOctets = bench.world.phones.reduce((sum, _phone, index) => sum + bench.world.flash(index).ownOctets, 0);
  for (const phone of bench.world.phones) phone.powerOff();
  return { before, unpowered, registered, off: used(), flashOctets, keepaliveMicroseconds };
}

/** CPU of all phones and the lab for one interval, microseconds. */
function keepalive({ world: { timeline } }: BenchWorld): number {
  const start = threadCpu();
  timeline.runUntil(timeline.now() + INTERVALS * INTERVAL_SECONDS * SECOND);
  return (threadCpu() - start) / 1_000 / INTERVALS;
}

/** Memory of a registered phone: the slope between a world of 1,000 and one of 10,000, and where it lies; and what keeping it registered costs. */
export async function run(): Promise<BenchResult> {
  if (globalThis.gc === undefined) throw new Error('the memory bench needs node --expose-gc');
  live(FIRST); // Code is compiled, pools are filled.
  const few = live(FIRST);
  const many = live(LAST);
  const slope = (of: (stages: Stages) => number) => (of(many) - of(few)) / (LAST - FIRST) / 1024;
  const whole = slope(({ before, registered }) => registered.heap - before.heap);
  const board = slope(({ before, unpowered }) => unpowered.heap - before.heap);
  const software = slope(({ registered, off }) => registered.heap - off.heap);
  const flash = many.flashOctets / LAST / 1024;
  return {
    name: 'heap: a registered phone, slope 1,000 to 10,000 phones',
    rows: [
      { metric: 'phone and its share of the lab', value: whole, unit: 'KiB', aim: '<= 32 KiB' },
      { metric: '  board, flash base and switch port, without power', value: board, unit: 'KiB' },
      { metric: '  running software, which a power-off frees', value: software, unit: 'KiB' },
      { metric: '  flash octets of its own', value: flash, unit: 'KiB' },
      {
        metric: "  the rest: the lab's leases, sessions, neighbours",
        value: whole - board - software - flash,
        unit: 'KiB',
      },
      {
        metric: 'resident set',
        value: slope(({ before, registered }) => registered.resident - before.resident),
        unit: 'KiB',
      },
      { metric: 'CPU of 30 s registered, phone and lab', value: many.keepaliveMicroseconds, unit: 'us' },
    ],
  };
}
