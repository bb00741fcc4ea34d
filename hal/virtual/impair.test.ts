import { describe, expect, it } from 'vitest';
import { createCable } from './cable.ts';
import { type Impairment, impair } from './impair.ts';
import { SeededRng } from './rng.ts';
import { tap } from './tap.ts';
import { VirtualTimeline } from './timeline.ts';

interface Arrival {
  readonly at: number;
  readonly mark: number;
  readonly bytes: Uint8Array;
}

/** Sends numbered frames of 100 octets, `gap` apart, through an impaired end, and notes what arrives at the far end. */
function run(impairment: Impairment, { count = 1_000, gap = 100, seed = 1 } = {}): Arrival[] {
  const timeline = new VirtualTimeline();
  const { a, b } = createCable(timeline, { delay: 0, speed: 1_000_000 });
  const wire = impair(a, { timeline, rng: new SeededRng(seed), ...impairment });
  const arrivals: Arrival[] = [];
  b.attach({
    frame: (bytes, length) => {
      const copy = bytes.slice(0, length);
      arrivals.push({ at: timeline.now(), mark: new DataView(copy.buffer).getUint32(0), bytes: copy });
    },
    link: () => {},
  });
  wire.attach({ frame: () => {}, link: () => {} });
  const bytes = new Uint8Array(100);
  for (let mark = 0; mark < count; mark++) {
    new DataView(bytes.buffer).setUint32(0, mark);
    wire.transmit(bytes, 100);
    timeline.runUntil(timeline.now() + gap);
  }
  timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
  return arrivals;
}

const marks = (arrivals: readonly Arrival[]) => arrivals.map(({ mark }) => mark);
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const all = Array.from({ length: 1_000 }, (_, mark) => mark);

describe('impair', () => {
  it('does nothing when told nothing', () => {
    const arrivals = run({});
    expect(marks(arrivals)).toEqual(all);
    expect(arrivals.every(({ at, mark }) => at === mark * 100 + 1)).toBe(true);
  });

  it('gives the same for the same seed and something else for another', () => {
    const all = { loss: 0.1, delay: 500, jitter: 400, reorder: 0.1, duplicate: 0.1, corrupt: 0.1, rate: 50 };
    expect(run(all, { seed: 5 })).toEqual(run(all, { seed: 5 }));
    expect(run(all, { seed: 5 })).not.toEqual(run(all, { seed: 6 }));
  });

  it('loses about the share it is told to', () => {
    // 0.2 of 1,000: six standard deviations are 76.
    expect(Math.abs(run({ loss: 0.2 }).length - 800)).toBeLessThan(76);
    expect(run({ loss: 1 })).toEqual([]);
  });

  it('delays every frame, with jitter between two bounds and in order', () => {
    expect(run({ delay: 5_000 }).every(({ at, mark }) => at === mark * 100 + 5_001)).toBe(true);
    const arrivals = run({ delay: 1_000, jitter: 2_000 });
    const delays = arrivals.map(({ at, mark }) => at - mark * 100 - 1);
    expect(marks(arrivals)).toEqual(all);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(3_000);
    expect(new Set(delays).size).toBeGreaterThan(100);
  });

  it('reorders, without losing any', () => {
    const arrivals = run({ reorder: 0.1, reorderDelay: 250 });
    expect(marks(arrivals)).not.toEqual(all);
    expect(sorted(marks(arrivals))).toEqual(all);
    expect(
      arrivals.filter(({ at, mark }) => at > mark * 100 + 1).every(({ at, mark }) => at === mark * 100 + 251),
    ).toBe(true);
  });

  it('duplicates', () => {
    const arrivals = run({ duplicate: 1 }, { count: 3 });
    expect(marks(arrivals)).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('flips one bit of a corrupted frame', () => {
    const arrivals = run({ corrupt: 1 });
    for (const [index, { bytes }] of arrivals.entries()) {
      const original = new Uint8Array(100);
      new DataView(original.buffer).setUint32(0, index);
      let flipped = 0;
      for (let octet = 0; octet < 100; octet++) {
        for (let bit = 0; bit < 8; bit++) flipped += ((bytes[octet]! ^ original[octet]!) >> bit) & 1;
      }
      expect(flipped).toBe(1);
    }
  });

  it('is a bottleneck: 100 octets every 800 us at 1 Mb/s, and what does not fit is dropped', () => {
    const arrivals = run({ rate: 1, limit: 10 }, { count: 100, gap: 10 });
    const gaps = arrivals.slice(1).map(({ at }, index) => at - arrivals[index]!.at);
    expect(new Set(gaps)).toEqual(new Set([800]));
    expect(arrivals.length).toBeGreaterThanOrEqual(10);
    expect(arrivals.length).toBeLessThan(15);
  });

  it('leaves the other direction alone, changes in mid-run, and loses all when the link goes', () => {
    const timeline = new VirtualTimeline();
    const cable = createCable(timeline);
    const wire = impair(cable.a, { timeline, rng: new SeededRng(1), loss: 1, direction: 'in' });
    const log: string[] = [];
    wire.attach({
      frame: (bytes) => log.push(`in ${bytes[0]}`),
      link: ({ up }) => log.push(up ? 'up' : 'down'),
    });
    cable.b.attach({ frame: (bytes) => log.push(`out ${bytes[0]}`), link: () => {} });
    const both = (mark: number) => {
      wire.transmit(Uint8Array.of(mark), 1);
      cable.b.transmit(Uint8Array.of(mark), 1);
      timeline.runUntil(timeline.now() + 1_000);
    };
    both(1);
    wire.set({ delay: 10_000 });
    both(2);
    cable.unplug();
    cable.plug();
    wire.set({});
    both(3);
    timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
    expect(log).toEqual(['up', 'out 1', 'out 2', 'down', 'up', 'out 3', 'in 3']);
  });

  it('refuses chances and delays that mean nothing', () => {
    const { a } = createCable(new VirtualTimeline());
    const options = { timeline: new VirtualTimeline(), rng: new SeededRng(1) };
    for (const wrong of [{ loss: 1.1 }, { corrupt: -1 }, { delay: 0.5 }, { jitter: -1 }, { rate: -1 }, { limit: 0 }]) {
      expect(() => impair(a, { ...options, ...wrong })).toThrow(RangeError);
    }
  });
});

describe('tap', () => {
  it('shows what goes by, both ways, with its time, and changes nothing', () => {
    const timeline = new VirtualTimeline();
    const cable = createCable(timeline, { delay: 10, speed: 100 });
    const seen: string[] = [];
    const wire = tap(cable.a, timeline, ({ at, direction, bytes }) =>
      seen.push(`${at} ${direction} ${bytes.join(' ')}`),
    );
    const received: number[] = [];
    wire.attach({ frame: (bytes, length) => received.push(bytes[0]!, length), link: () => {} });
    cable.b.attach({ frame: (bytes, length) => cable.b.transmit(bytes, length), link: () => {} });
    wire.transmit(Uint8Array.of(1, 2, 3, 99), 3);
    timeline.runUntilIdle(1_000);
    cable.unplug();
    wire.transmit(Uint8Array.of(4), 1);
    expect(seen).toEqual(['0 out 1 2 3', '34 in 1 2 3']);
    expect(received).toEqual([1, 3]);
    expect(wire.link().up).toBe(false);
  });
});
