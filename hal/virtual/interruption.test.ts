import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Alarm } from '../timeline.ts';
import { createCable } from './cable.ts';
import { WireNic } from './nic.ts';
import { SeededRng } from './rng.ts';
import { VirtualTimeline } from './timeline.ts';

/** Runs an endless loop until a watchdog stops it; it runs no `finally` then. */
function interrupt(loop: () => void): void {
  const context = vm.createContext({ loop });
  expect(() => vm.runInContext('for (;;) loop()', context, { timeout: 3 })).toThrow('timed out');
}

describe('after a watchdog stopped software in the middle of anything', () => {
  it('the timeline still fires every alarm once, in order', () => {
    const rng = new SeededRng(1);
    for (let round = 0; round < 40; round++) {
      const timeline = new VirtualTimeline();
      const fired: number[] = [];
      const alarms: Alarm[] = [];
      for (let index = 0; index < 300; index++) {
        alarms.push(
          timeline.createAlarm(() => {
            fired.push(index);
            if (fired.length === 1) interrupt(() => alarms[300 + rng.below(2_000)]!.arm(rng.below(1_000) || Infinity));
          }),
        );
      }
      for (let other = 0; other < 2_000; other++) alarms.push(timeline.createAlarm(() => {}));
      for (let index = 0; index < 300; index++) alarms[index]!.arm(index);
      expect(() => timeline.step()).not.toThrow();
      timeline.interrupted();
      let last = 0;
      while (timeline.step()) {
        expect(timeline.now()).toBeGreaterThanOrEqual(last);
        last = timeline.now();
      }
      expect(fired).toEqual(Array.from({ length: 300 }, (_, index) => index));
      expect(timeline.armed).toBe(0);
    }
  });

  it('cable and NIC still carry frames both ways', () => {
    for (let round = 0; round < 20; round++) {
      const timeline = new VirtualTimeline();
      const cable = createCable(timeline, { limit: 100 });
      const heard: string[] = [];
      let looping = true;
      const nic: WireNic = new WireNic({
        mac: 0x0200,
        wire: cable.a,
        busy: () => false,
        linkChanged: () => {},
        deliver: (bytes) => {
          heard.push(`phone ${bytes[14]}`);
          if (looping) interrupt(() => nic.transmit(60, (frame) => frame.fill(1)));
        },
      });
      cable.b.attach({ frame: (bytes) => heard.push(`switch ${bytes[0]}`), link: () => {} });
      const toPhone = (mark: number) => {
        const bytes = new Uint8Array(60);
        bytes[4] = 2;
        bytes[14] = mark;
        cable.b.transmit(bytes, 60);
      };
      toPhone(1);
      toPhone(2);
      timeline.step();
      timeline.interrupted();
      nic.reset();
      looping = false;
      timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
      heard.length = 0;
      toPhone(3);
      nic.transmit(60, (frame) => frame.fill(7));
      timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
      expect(heard.sort()).toEqual(['phone 3', 'switch 7']);
    }
  });
});
