import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alarm } from '../timeline.ts';
import { NEVER } from '../timer.ts';
import { VirtualWallClock } from './clock.ts';
import { VirtualTimeline } from './timeline.ts';
import { BoardTimer } from './timer.ts';

describe('VirtualTimeline', () => {
  it('jumps from alarm to alarm in order of time, then of arming', () => {
    const timeline = new VirtualTimeline();
    const log: string[] = [];
    const alarm = (name: string) => timeline.createAlarm(() => log.push(`${timeline.now()} ${name}`));
    const [a, b, c] = [alarm('a'), alarm('b'), alarm('c')];
    a.arm(20);
    b.arm(10);
    c.arm(20);
    a.arm(20); // Armed again, it is behind c.
    expect(timeline.nextAt()).toBe(10);
    while (timeline.step());
    expect(log).toEqual(['10 b', '20 c', '20 a']);
    expect(timeline.nextAt()).toBe(NEVER);
    expect(timeline.now()).toBe(20);
  });

  it('fires an alarm once for each arming, and not after NEVER', () => {
    const timeline = new VirtualTimeline();
    let fired = 0;
    const alarm = timeline.createAlarm(() => fired++);
    alarm.arm(5);
    alarm.arm(7);
    alarm.arm(NEVER);
    alarm.arm(NEVER);
    expect(timeline.step()).toBe(false);
    alarm.arm(9);
    expect(timeline.runUntilIdle(100)).toBe(true);
    expect([fired, timeline.now()]).toEqual([1, 9]);
  });

  it('takes the past for now, behind what is due now already', () => {
    const timeline = new VirtualTimeline();
    timeline.runUntil(100);
    const log: string[] = [];
    const due = timeline.createAlarm(() => log.push('due'));
    const past = timeline.createAlarm(() => log.push('past'));
    due.arm(100);
    past.arm(3);
    timeline.runUntil(100);
    expect(log).toEqual(['due', 'past']);
    expect(timeline.now()).toBe(100);
  });

  it('refuses instants that are not whole microseconds, and a step within a step', () => {
    const timeline = new VirtualTimeline();
    const alarm = timeline.createAlarm(() => timeline.step());
    expect(() => alarm.arm(1.5)).toThrow(RangeError);
    expect(() => alarm.arm(Number.NaN)).toThrow(RangeError);
    alarm.arm(1);
    expect(() => timeline.step()).toThrow('from within an alarm');
    expect(timeline.step()).toBe(false); // The guard is down again.
  });

  it('runs until an instant, which is then now, and no further', () => {
    const timeline = new VirtualTimeline();
    const log: number[] = [];
    const tick: Alarm = timeline.createAlarm(() => {
      log.push(timeline.now());
      tick.arm(timeline.now() + 10);
    });
    tick.arm(10);
    expect(timeline.runUntil(35)).toBe(true);
    expect([log, timeline.now()]).toEqual([[10, 20, 30], 35]);
    expect(timeline.runUntilIdle(50)).toBe(false);
    expect([log.at(-1), timeline.now(), timeline.nextAt()]).toEqual([50, 50, 60]);
  });

  it('stands still while it is held, also for what is due now, and tells when the last hold goes', () => {
    const timeline = new VirtualTimeline();
    const log: string[] = [];
    const second = timeline.createAlarm(() => log.push('second'));
    const first = timeline.createAlarm(() => {
      log.push('first');
      timeline.hold();
      timeline.hold();
      second.arm(timeline.now());
    });
    first.arm(10);
    expect(timeline.runUntil(1_000)).toBe(false);
    expect([log, timeline.now(), timeline.held]).toEqual([['first'], 10, true]);
    timeline.onRelease(() => log.push('released'));
    timeline.release();
    expect(timeline.step()).toBe(false);
    timeline.release();
    expect(log).toEqual(['first', 'released']);
    expect(timeline.runUntil(1_000)).toBe(true);
    expect(log).toEqual(['first', 'released', 'second']);
    timeline.onRelease(() => log.push('free'));
    expect(log.at(-1)).toBe('free');
    expect(() => timeline.release()).toThrow('not held');
  });

  it('agrees with a sorted list on any sequence of armings and steps', () => {
    const operation = fc.oneof(
      { weight: 4, arbitrary: fc.record({ alarm: fc.nat(40), after: fc.nat(50) }) },
      { weight: 1, arbitrary: fc.record({ alarm: fc.nat(40), after: fc.constant(NEVER) }) },
      { weight: 3, arbitrary: fc.constant('step' as const) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
        const timeline = new VirtualTimeline();
        const fired: number[] = [];
        const alarms = Array.from({ length: 41 }, (_, index) => timeline.createAlarm(() => fired.push(index)));
        const expected: number[] = [];
        let model: { alarm: number; at: number }[] = [];
        const modelStep = () => {
          // Stable: among equals the one armed first.
          model.sort((x, y) => x.at - y.at);
          const first = model.shift();
          if (first !== undefined) expected.push(first.alarm);
        };
        for (const step of operations) {
          if (step === 'step') {
            modelStep();
            timeline.step();
          } else {
            const at = timeline.now() + step.after;
            model = model.filter(({ alarm }) => alarm !== step.alarm);
            if (at !== NEVER) model.push({ alarm: step.alarm, at });
            alarms[step.alarm]!.arm(at);
          }
          expect(timeline.armed).toBe(model.length);
        }
        while (model.length > 0) modelStep();
        while (timeline.step());
        expect(fired).toEqual(expected);
      }),
    );
  });
});

describe('BoardTimer and VirtualWallClock', () => {
  it('follow the timeline', () => {
    const timeline = new VirtualTimeline();
    let alarms = 0;
    const timer = new BoardTimer(timeline, () => alarms++);
    const clock = new VirtualWallClock(timeline, 1_000_000_000_000);
    timer.arm(2_500_900);
    timeline.runUntilIdle(NEVER);
    expect([alarms, timer.now(), clock.now()]).toEqual([1, 2_500_900, 1_000_000_002_500]);
    clock.set(1_700_000_000_000);
    timeline.runUntil(3_500_900);
    expect(clock.now()).toBe(1_700_000_001_000);
  });
});
