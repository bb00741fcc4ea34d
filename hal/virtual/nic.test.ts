import { describe, expect, it } from 'vitest';
import { CLOSED_FILTER } from '../nic.ts';
import { createCable } from './cable.ts';
import { WireNic } from './nic.ts';
import { VirtualTimeline } from './timeline.ts';

const OWN = 0x02005ec0ffee;

function to(mac: number, mark: number, length = 60): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint16(0, mac / 2 ** 32);
  new DataView(bytes.buffer).setUint32(2, mac % 2 ** 32);
  bytes[14] = mark;
  return bytes;
}

/** A NIC on a cable, with software that notes what it is called with. */
function bench(ringSize = 4) {
  const timeline = new VirtualTimeline();
  const cable = createCable(timeline, { delay: 1 });
  const log: (number | string)[] = [];
  const sent: Uint8Array[] = [];
  const software = { busy: false, onFrame: (_mark: number) => {} };
  cable.b.attach({ frame: (bytes, length) => sent.push(bytes.slice(0, length)), link: () => {} });
  const nic = new WireNic({
    mac: OWN,
    wire: cable.a,
    ringSize,
    busy: () => software.busy,
    deliver: (bytes) => {
      software.busy = true;
      log.push(bytes[14]!);
      software.onFrame(bytes[14]!);
      software.busy = false;
      nic.drain();
    },
    linkChanged: ({ up }) => log.push(up ? 'up' : 'down'),
  });
  const receive = (...marks: number[]) => {
    for (const mark of marks) cable.b.transmit(to(OWN, mark), 60);
    timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
  };
  return { timeline, cable, log, sent, software, nic, receive };
}

describe('WireNic', () => {
  it('delivers what passes the filter, and counts both', () => {
    const { cable, timeline, nic, log, receive } = bench();
    receive(1, 2);
    cable.b.transmit(to(0x02005e000001, 3), 60);
    timeline.runUntilIdle(1_000);
    expect(log).toEqual([1, 2]);
    expect(nic.counters()).toEqual({
      transmittedFrames: 0,
      transmittedOctets: 0,
      receivedFrames: 2,
      receivedOctets: 120,
      filteredFrames: 1,
      ringDrops: 0,
    });
  });

  it('keeps frames while the software runs, as many as the ring holds', () => {
    const { software, nic, log, receive } = bench(4);
    software.busy = true;
    receive(1, 2, 3, 4, 5, 6);
    expect(log).toEqual([]);
    nic.drain();
    expect(log).toEqual([]);
    software.busy = false;
    nic.drain();
    expect(log).toEqual([1, 2, 3, 4]);
    expect(nic.counters().ringDrops).toBe(2);
  });

  it('never delivers within a delivery, and keeps the order of arrival', () => {
    const log: string[] = [];
    let receiver: { frame(bytes: Uint8Array, length: number): void } | null = null;
    let busy = false;
    // A wire that brings back what is sent, before transmit returns.
    const mirror = {
      transmit: (bytes: Uint8Array, length: number) => receiver?.frame(bytes, length),
      attach: (given: typeof receiver) => {
        receiver = given;
      },
      link: () => ({ up: true, speed: 100, fullDuplex: true }),
    };
    const nic = new WireNic({
      mac: OWN,
      wire: mirror,
      busy: () => busy,
      linkChanged: () => {},
      deliver: (bytes) => {
        expect(busy).toBe(false);
        busy = true;
        const mark = bytes[14]!;
        log.push(`in ${mark}`);
        if (mark < 4) {
          nic.transmit(60, (frame) => frame.set(to(OWN, mark * 2)));
          nic.transmit(60, (frame) => frame.set(to(OWN, mark * 2 + 1)));
        }
        log.push(`out ${mark}`);
        busy = false;
        nic.drain();
      },
    });
    mirror.transmit(to(OWN, 1), 60);
    expect(log).toEqual([1, 2, 3, 4, 5, 6, 7].flatMap((mark) => [`in ${mark}`, `out ${mark}`]));
  });

  it('gives zeros to fill, and sends exactly that', () => {
    const { nic, timeline, sent } = bench();
    nic.transmit(60, (frame) => frame.fill(0xee));
    let length = 0;
    nic.transmit(80, (frame) => {
      length = frame.length;
      expect(frame.every((octet) => octet === 0)).toBe(true);
      frame[0] = 9;
    });
    timeline.runUntilIdle(1_000);
    expect(length).toBe(80);
    expect(sent.map((frame) => [frame.length, frame[0], frame[1]])).toEqual([
      [60, 0xee, 0xee],
      [80, 9, 0],
    ]);
    expect(nic.counters()).toMatchObject({ transmittedFrames: 2, transmittedOctets: 140 });
    for (const wrong of [13, 1_519, Number.NaN]) expect(() => nic.transmit(wrong, () => {})).toThrow(RangeError);
  });

  it('survives a wire that delivers to another NIC within transmit', () => {
    const wires: { frame(bytes: Uint8Array, length: number): void }[] = [];
    const received: string[] = [];
    const up = { up: true, speed: 100, fullDuplex: true };
    const nics = [0, 1].map((index) => {
      const nic: WireNic = new WireNic({
        mac: index,
        wire: {
          transmit: (bytes, length) => wires[1 - index]!.frame(bytes, length),
          attach: (receiver) => wires.push(receiver),
          link: () => up,
        },
        busy: () => false,
        linkChanged: () => {},
        deliver: (bytes) => {
          if (index === 1) nic.transmit(60, (frame) => frame.set(to(0, bytes[14]! + 1)));
          received.push(`${index}: ${bytes[14]}`);
        },
      });
      return nic;
    });
    nics[0]!.transmit(60, (frame) => frame.set(to(1, 10)));
    expect(received).toEqual(['0: 11', '1: 10']);
  });

  it('transmits nothing without a link', () => {
    const { nic, cable } = bench();
    cable.unplug();
    let filled = false;
    expect(
      nic.transmit(60, () => {
        filled = true;
      }),
    ).toBe(false);
    expect([filled, nic.link().up, nic.counters().transmittedFrames]).toEqual([false, false, 0]);
  });

  it('tells of the link when the software can hear it, and of one that went and came back', () => {
    const { nic, cable, log, software, receive } = bench();
    expect(log).toEqual([]);
    software.busy = true;
    receive(1);
    cable.unplug();
    cable.plug();
    receive(2);
    software.busy = false;
    nic.drain();
    expect(log).toEqual(['down', 'up', 2]);
    expect(nic.counters().ringDrops).toBe(1);
    cable.unplug();
    expect(log.at(-1)).toBe('down');
  });

  it('is closed and empty after a reset', () => {
    const { nic, cable, log, software, receive, timeline } = bench();
    nic.setFilter({ ...CLOSED_FILTER, groups: [0x01000ccccccc] });
    software.busy = true;
    receive(1);
    cable.unplug();
    cable.plug();
    nic.reset();
    software.busy = false;
    nic.drain();
    cable.b.transmit(to(0x01000ccccccc, 2), 60);
    timeline.runUntilIdle(1_000_000);
    expect(log).toEqual([]);
    receive(3);
    expect(log).toEqual([3]);
  });

  it('has no link without power, and its peer sees that', () => {
    const { nic, cable, log, receive } = bench();
    nic.setPower(false);
    expect([cable.b.link().up, nic.link().up, nic.transmit(60, () => {})]).toEqual([false, false, false]);
    receive(1);
    nic.setPower(true);
    expect([cable.b.link().up, nic.link().up]).toEqual([true, true]);
    receive(2);
    expect(log).toEqual([2]);
  });

  it('keeps to a copy of the filter it was given', () => {
    const { nic, cable, timeline, log } = bench();
    const groups = [0x01000ccccccc];
    nic.setFilter({ ...CLOSED_FILTER, groups });
    groups.length = 0;
    cable.b.transmit(to(0x01000ccccccc, 5), 60);
    timeline.runUntilIdle(1_000);
    expect(log).toEqual([5]);
  });
});
