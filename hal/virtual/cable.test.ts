import { describe, expect, it } from 'vitest';
import type { WireEnd } from '../wire-end.ts';
import { createCable } from './cable.ts';
import { VirtualTimeline } from './timeline.ts';

function listen(end: WireEnd, name: string, timeline: VirtualTimeline, log: string[]): void {
  end.attach({
    frame: (bytes, length) => log.push(`${timeline.now()} ${name} ${bytes[0]} (${length})`),
    link: ({ up, speed }) => log.push(`${timeline.now()} ${name} ${up ? `up ${speed}` : 'down'}`),
  });
}

function frame(first: number, length: number): [Uint8Array, number] {
  const bytes = new Uint8Array(2_000);
  bytes[0] = first;
  return [bytes, length];
}

describe('a cable', () => {
  it('delivers in order, after serialisation and delay', () => {
    const timeline = new VirtualTimeline();
    const { a, b } = createCable(timeline, { delay: 10, speed: 100 });
    const log: string[] = [];
    listen(a, 'a', timeline, log);
    listen(b, 'b', timeline, log);
    log.length = 0;
    a.transmit(...frame(1, 1_514)); // (1514 + 24) * 8 / 100 = 123.04 us
    a.transmit(...frame(2, 20)); // as 60 octets: 6.72 us more
    b.transmit(...frame(3, 60)); // full duplex
    expect(log).toEqual([]);
    timeline.runUntilIdle(1_000);
    expect(log).toEqual(['17 a 3 (60)', '134 b 1 (1514)', '140 b 2 (20)']);
  });

  it('copies what it carries, and does not call a receiver within a transmit', () => {
    const timeline = new VirtualTimeline();
    const { a, b } = createCable(timeline);
    const seen: number[] = [];
    let inReceiver = false;
    a.attach({ frame: (bytes) => seen.push(bytes[0]!), link: () => {} });
    b.attach({
      frame: (bytes, length) => {
        expect(inReceiver).toBe(false);
        inReceiver = true;
        const answer = bytes.slice(0, length);
        answer[0]! += 1;
        b.transmit(answer, length);
        answer[0] = 99;
        inReceiver = false;
      },
      link: () => {},
    });
    const [bytes] = frame(5, 64);
    a.transmit(bytes, 64);
    bytes[0] = 77;
    a.transmit(bytes, 64);
    timeline.runUntilIdle(1_000);
    expect(seen).toEqual([6, 78]);
  });

  it('tells both ends about the link, and loses what is on its way when it goes', () => {
    const timeline = new VirtualTimeline();
    const cable = createCable(timeline, { speed: 1_000, delay: 100 });
    const log: string[] = [];
    listen(cable.a, 'a', timeline, log);
    listen(cable.b, 'b', timeline, log);
    cable.a.transmit(...frame(1, 60));
    timeline.runUntil(50);
    cable.unplug();
    cable.unplug();
    cable.a.transmit(...frame(2, 60));
    expect(cable.a.link()).toEqual({ up: false, speed: 0, fullDuplex: false });
    timeline.runUntil(200);
    cable.plug();
    cable.a.transmit(...frame(3, 60));
    timeline.runUntilIdle(1_000);
    expect(log).toEqual([
      '0 a up 1000',
      '0 b up 1000',
      '50 a down',
      '50 b down',
      '200 a up 1000',
      '200 b up 1000',
      '301 b 3 (60)',
    ]);
  });

  it('has a link only when both ends have power', () => {
    const timeline = new VirtualTimeline();
    const cable = createCable(timeline);
    const log: string[] = [];
    listen(cable.b, 'b', timeline, log);
    cable.a.phy(false);
    cable.b.phy(false);
    cable.a.phy(true);
    expect(cable.b.link().up).toBe(false);
    cable.b.phy(true);
    expect(log).toEqual(['0 b up 100', '0 b down', '0 b up 100']);
  });

  it('holds no more than its limit, and counts what it drops', () => {
    const timeline = new VirtualTimeline();
    const { a, b } = createCable(timeline, { limit: 2 });
    const marks: number[] = [];
    b.attach({ frame: (bytes) => marks.push(bytes[0]!), link: () => {} });
    for (const mark of [1, 2, 3]) a.transmit(...frame(mark, 60));
    timeline.runUntilIdle(1_000);
    a.transmit(...frame(4, 60));
    timeline.runUntilIdle(1_000);
    expect([marks, a.drops, b.drops]).toEqual([[1, 2, 4], 1, 0]);
  });

  it('takes one receiver an end', () => {
    const { a } = createCable(new VirtualTimeline());
    a.attach({ frame: () => {}, link: () => {} });
    expect(() => a.attach({ frame: () => {}, link: () => {} })).toThrow('already');
  });

  it('carries frames of any size', () => {
    const timeline = new VirtualTimeline();
    const { a, b } = createCable(timeline);
    const lengths: number[] = [];
    b.attach({ frame: (bytes, length) => lengths.push(length, bytes[length - 1]!), link: () => {} });
    for (const length of [14, 255, 256, 257, 1_536, 1_537, 9_000]) a.transmit(new Uint8Array(9_100).fill(3), length);
    timeline.runUntilIdle(10_000);
    expect(lengths).toEqual([14, 255, 256, 257, 1_536, 1_537, 9_000].flatMap((length) => [length, 3]));
  });
});
