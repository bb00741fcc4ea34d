import { describe, expect, it } from 'vitest';
import { SECOND } from '../hal/timer.ts';
import { createCable } from '../hal/virtual/cable.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { LabHost } from './lab-host.ts';

describe('LabHost', () => {
  const timeline = new VirtualTimeline();
  const host = (wire: WireEnd, number: number) =>
    new LabHost({
      timeline,
      rng: new SeededRng(number),
      wire,
      mac: 0x0200_5e00_0000 + number,
      address: 0x0a00_0000 + number,
      prefixLength: 24,
    });

  it('asks again for a neighbour when the first question of a datagram sent between frames is lost', () => {
    const cable = createCable(timeline, {});
    const left = host(cable.a, 1);
    const right = host(cable.b, 2);
    const heard: number[] = [];
    right.udp(7, (_now, payload) => heard.push(payload.length));
    cable.unplug();
    const socket = left.udp(0, () => {})!;
    socket.send(timeline.now(), { address: right.address, port: 7 }, new Uint8Array(3));
    cable.plug();
    timeline.runUntil(timeline.now() + 5 * SECOND);
    expect(heard).toEqual([3]);
  });
});
