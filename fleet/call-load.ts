import type { Phone } from '../device/phone.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, SECOND } from '../hal/timer.ts';
import type { EventType, TraceEvents } from '../hal/trace.ts';
import type { CallNews } from './call-measurements.ts';
import { CallScript } from './call-script.ts';

export interface CallLoadOptions {
  readonly timeline: Timeline;
  /** Two after one another are a pair: the first calls the second. */
  readonly phones: readonly Phone[];
  /** Directory number of the first; the others follow. */
  readonly firstNumber: number;
  /** Calls a second that are begun while there are pairs without one. */
  readonly rate: number;
  readonly talk: Duration;
  readonly report: (news: CallNews) => void;
}

interface Pair {
  readonly caller: Phone;
  readonly number: string;
  /** Of its two phones. */
  registered: number;
  script: CallScript | null;
}

/** Pairs of phones that call each other, one pair after the other, at a steady rate. A pair takes part from when both are registered. */
export class CallLoad {
  readonly #options: CallLoadOptions;
  readonly #alarm: Alarm;
  readonly #pairs: Pair[] = [];
  readonly #byName = new Map<string, Pair>();
  /** The pair that was called up last. */
  #last = -1;
  /** Of the first tick, and how many there were: so that the rate is kept where its period is no whole number of microseconds. */
  #beganAt = 0;
  #ticks = 0;

  constructor(options: CallLoadOptions) {
    this.#options = options;
    const { timeline, phones, firstNumber } = options;
    this.#alarm = timeline.createAlarm(() => this.#tick());
    for (let index = 0; index + 1 < phones.length; index += 2) {
      const [caller, callee] = [phones[index]!, phones[index + 1]!];
      const pair: Pair = { caller, number: String(firstNumber + index + 1), registered: 0, script: null };
      this.#pairs.push(pair);
      for (const { board } of [caller, callee]) this.#byName.set(board.deviceName, pair);
    }
  }

  /** Every event of these phones comes here. */
  hear(phone: string, type: EventType, fields: TraceEvents[EventType]): void {
    const pair = this.#byName.get(phone);
    if (pair === undefined) return;
    switch (type) {
      case 'registration.accepted':
        pair.registered++;
        if (pair.registered === 2 && this.#ticks === 0) this.#begin();
        return;
      case 'registration.lost':
        pair.registered = Math.max(0, pair.registered - 1);
        return;
      case 'call.state':
        if (phone === pair.caller.board.deviceName) pair.script?.changed((fields as TraceEvents['call.state']).state);
        return;
      case 'media.stop': {
        const { packetsSent, packetsReceived, lost, jitter } = fields as TraceEvents['media.stop'];
        this.#options.report({ kind: 'stream', packetsSent, packetsReceived, lost, jitter });
        return;
      }
      default:
        return;
    }
  }

  #begin(): void {
    this.#beganAt = this.#options.timeline.now();
    this.#arm();
  }

  #arm(): void {
    this.#ticks++;
    this.#alarm.arm(this.#beganAt + Math.round((this.#ticks * SECOND) / this.#options.rate));
  }

  #tick(): void {
    const pair = this.#nextFree();
    if (pair === null) this.#options.report({ kind: 'crowded' });
    else this.#call(pair);
    this.#arm();
  }

  #nextFree(): Pair | null {
    const count = this.#pairs.length;
    for (let step = 1; step <= count; step++) {
      const index = (this.#last + step) % count;
      const pair = this.#pairs[index]!;
      if (pair.script !== null || pair.registered < 2) continue;
      this.#last = index;
      return pair;
    }
    return null;
  }

  #call(pair: Pair): void {
    const { timeline, talk, report } = this.#options;
    const { caller, number } = pair;
    const script = new CallScript({
      timeline,
      caller,
      number,
      talk,
      over: ({ result, dialledAt, ringingAt, connectedAt }) => {
        pair.script = null;
        const after = (at: number | null): number | null => (at === null ? null : at - dialledAt);
        report({ kind: 'ended', result: result!, toRinging: after(ringingAt), toConnected: after(connectedAt) });
      },
    });
    pair.script = script;
    report({ kind: 'begun', at: timeline.now() });
    script.begin();
  }
}
