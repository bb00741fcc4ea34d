import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, MILLISECOND, NEVER } from '../hal/timer.ts';

interface Waiting {
  readonly due: Instant;
  readonly octets: Uint8Array;
  readonly take: (now: Instant, octets: Uint8Array) => void;
}

/** How long a server lets everybody wait before it looks at what came, as a loaded one does. Nothing is overtaken when that changes. */
export class Slowness {
  readonly #timeline: Timeline;
  #delay: Duration = 0;
  #alarm: Alarm | null = null;
  #waiting: Waiting[] = [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get milliseconds(): number {
    return this.#delay / MILLISECOND;
  }

  set milliseconds(milliseconds: number) {
    this.#delay = milliseconds * MILLISECOND;
  }

  /** Whether what comes now is looked at now. */
  get none(): boolean {
    return this.#delay === 0 && this.#waiting.length === 0;
  }

  /** Hands on a copy of the octets when it is their turn. */
  later(now: Instant, octets: Uint8Array, take: Waiting['take']): void {
    const due = Math.max(now + this.#delay, this.#waiting.at(-1)?.due ?? 0);
    this.#waiting.push({ due, octets: octets.slice(), take });
    if (this.#waiting.length > 1) return;
    this.#alarm ??= this.#timeline.createAlarm(() => this.#fire());
    this.#alarm.arm(due);
  }

  #fire(): void {
    const now = this.#timeline.now();
    const turn = this.#waiting.findIndex(({ due }) => due > now);
    const ready = this.#waiting.splice(0, turn < 0 ? this.#waiting.length : turn);
    for (const { octets, take } of ready) take(now, octets);
    this.#alarm!.arm(this.#waiting[0]?.due ?? NEVER);
  }
}
