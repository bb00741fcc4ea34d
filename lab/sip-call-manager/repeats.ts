/** Requests of a server over UDP, repeated until they are answered (RFC 3261 section 17.1.2). */
import type { Alarm, Timeline } from '../../hal/timeline.ts';
import { type Duration, earlier, type Instant, MILLISECOND, NEVER } from '../../hal/timer.ts';
import type { Peer } from './peer.ts';

const T1: Duration = 500 * MILLISECOND;
const T2: Duration = 4000 * MILLISECOND;

interface Pending {
  readonly peer: Peer;
  readonly octets: Uint8Array;
  readonly giveUpAt: Instant;
  interval: Duration;
  at: Instant;
}

export class Repeats {
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #pending = new Map<string, Pending>();
  readonly #unanswered: (callId: string) => void;

  constructor(timeline: Timeline, unanswered: (callId: string) => void) {
    this.#timeline = timeline;
    this.#unanswered = unanswered;
    this.#alarm = timeline.createAlarm(() => this.#fire());
  }

  add(callId: string, peer: Peer, octets: Uint8Array): void {
    const now = this.#timeline.now();
    this.#pending.set(callId, { peer, octets, giveUpAt: now + 64 * T1, interval: T1, at: now + T1 });
    this.#arm();
  }

  answered(callId: string): void {
    this.#pending.delete(callId);
  }

  clear(): void {
    this.#pending.clear();
    this.#alarm.arm(NEVER);
  }

  #fire(): void {
    const now = this.#timeline.now();
    for (const [callId, one] of [...this.#pending]) {
      if (now >= one.giveUpAt) {
        this.#pending.delete(callId);
        this.#unanswered(callId);
      } else if (now >= one.at) {
        one.peer.send(now, one.octets);
        one.interval = Math.min(2 * one.interval, T2);
        one.at = now + one.interval;
      }
    }
    this.#arm();
  }

  #arm(): void {
    let at = NEVER;
    for (const one of this.#pending.values()) at = earlier(at, earlier(one.at, one.giveUpAt));
    this.#alarm.arm(at);
  }
}
