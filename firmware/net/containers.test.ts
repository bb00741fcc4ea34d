/** The containers under the stack against simple models: deadlines, octets to be sent, connections by tuple, ports. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEVER } from '../../hal/timer.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { seededRng } from '../../test/support/stack-pair.ts';
import { type Due, DueHeap } from './due-heap.ts';
import { chooseEphemeralPort, isEphemeral } from './ephemeral-port.ts';
import type { Connection } from './tcp/connection.ts';
import { ConnectionTable } from './tcp/connection-table.ts';
import { SendQueue } from './tcp/send-queue.ts';

describe('DueHeap', () => {
  it('gives things in the order of their deadlines, however they were moved', () => {
    const moves = fc.array(fc.tuple(fc.nat(30), fc.oneof(fc.nat(1000), fc.constant(NEVER))), { maxLength: 200 });
    fc.assert(
      fc.property(moves, fc.nat(1000), (steps, now) => {
        const heap = new DueHeap<Due>();
        const items = Array.from({ length: 31 }, (): Due => ({ dueAt: NEVER, heapIndex: -1 }));
        const model = new Map<number, number>();
        for (const [index, at] of steps) {
          heap.set(items[index]!, at);
          if (at === NEVER) model.delete(index);
          else model.set(index, at);
          expect(heap.size).toBe(model.size);
          expect(heap.earliest()).toBe(Math.min(NEVER, ...model.values()));
        }
        const due = [...model.values()].filter((at) => at <= now).sort((a, b) => a - b);
        const taken: number[] = [];
        const deadlines = new Map(items.map((item) => [item, item.dueAt]));
        for (let item = heap.take(now); item !== null; item = heap.take(now)) taken.push(deadlines.get(item)!);
        expect(taken).toEqual(due);
      }),
      { numRuns: fuzzRuns(0.1) },
    );
  });
});

describe('SendQueue', () => {
  it('is a queue of octets', () => {
    const steps = fc.array(
      fc.record({ append: fc.nat(3000), drop: fc.nat(3000), from: fc.nat(5000), count: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new SendQueue();
        let model: number[] = [];
        let next = 0;
        for (const { append, drop, from, count } of list) {
          const octets = Uint8Array.from({ length: append }, () => next++ % 251);
          queue.append(octets);
          model = model.concat([...octets]);
          octets.fill(255); // it was copied
          const start = Math.min(from, model.length);
          const into = new Uint8Array(Math.min(count, model.length - start));
          if (into.length > 0) queue.copy(start, into.length, into, 0);
          expect([...into]).toEqual(model.slice(start, start + into.length));
          const gone = Math.min(drop, model.length);
          queue.drop(gone);
          model = model.slice(gone);
          expect(queue.length).toBe(model.length);
        }
      }),
      { numRuns: fuzzRuns(0.05) },
    );
  });
});

describe('ConnectionTable', () => {
  const connection = (localPort: number, remoteAddress: number, remotePort: number): Connection =>
    ({ localPort, remoteAddress, remotePort, chained: null }) as unknown as Connection;

  it('finds what was added and nothing else', () => {
    // Few values, so that tuples repeat.
    const tuple = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.boolean());
    fc.assert(
      fc.property(fc.array(tuple), fc.integer(), (steps, seed) => {
        const table = new ConnectionTable(seed);
        const model = new Map<string, Connection>();
        for (const [localPort, remoteAddress, remotePort, adds] of steps) {
          const key = `${localPort}/${remoteAddress}/${remotePort}`;
          const known = model.get(key);
          expect(table.find(localPort, remoteAddress, remotePort)).toBe(known ?? null);
          if (adds && known === undefined) {
            const added = connection(localPort, remoteAddress, remotePort);
            table.add(added);
            model.set(key, added);
          } else if (!adds && known !== undefined) {
            table.remove(known);
            table.remove(known);
            model.delete(key);
          }
          expect(table.size).toBe(model.size);
          expect(new Set(table)).toEqual(new Set(model.values()));
        }
      }),
      { numRuns: fuzzRuns(0.1) },
    );
  });

  it('chains tuples of the same hash', () => {
    const table = new ConnectionTable(1);
    table.hash = () => 0;
    const list = Array.from({ length: 5 }, (_, index) => connection(index, 1, 2));
    for (const each of list) table.add(each);
    for (const gone of [2, 4, 0, 1, 3]) {
      expect(table.find(gone, 1, 2)).toBe(list[gone]);
      table.remove(list[gone]!);
      expect(table.find(gone, 1, 2)).toBeNull();
    }
    expect(table.size).toBe(0);
  });

  it('spreads the phones of a site over different hashes', () => {
    const table = new ConnectionTable(0x1234567);
    const hashes = new Set<number>();
    for (let phone = 0; phone < 40_000; phone++) hashes.add(table.hash(2000, 0x0a00_0000 + phone, 49152 + (phone % 7)));
    expect(hashes.size).toBeGreaterThan(39_900);
  });
});

describe('ephemeral ports', () => {
  it('are free ones, until there are none', () => {
    const rng = seededRng(3);
    const taken = new Set<number>();
    for (let count = 0; count < 16_384; count++) {
      const port = chooseEphemeralPort(rng, (candidate) => !taken.has(candidate))!;
      expect(isEphemeral(port) && !taken.has(port)).toBe(true);
      taken.add(port);
    }
    expect(chooseEphemeralPort(rng, (candidate) => !taken.has(candidate))).toBeNull();
  });
});
