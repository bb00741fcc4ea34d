import { Completions } from '../firmware/net/completions.ts';
import { type DiscoverySink, Stack } from '../firmware/net/stack.ts';
import type { Rng } from '../hal/rng.ts';
import type { CompletionResult, Operation } from '../hal/secure.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, earlier, type Instant } from '../hal/timer.ts';
import { WireNic } from '../hal/virtual/nic.ts';
import type { WireEnd } from '../hal/wire-end.ts';

/** What a script waits for: until `ready`, at most until `until`. */
export interface Wait {
  readonly ready: () => boolean;
  readonly until: Instant;
}

/** A check that takes time: it yields what it waits for, and is resumed when that has come or the time is up. */
export type Script<T> = Generator<Wait, T, void>;

/** A machine with its sockets. */
export interface Part {
  dispatch(now: Instant): void;
  pollAt(): Instant;
}

export interface StationOptions {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly wire: WireEnd;
  readonly mac: number;
  readonly discovery: DiscoverySink;
}

/** As in the firmware's kernel: more rounds are a machine that never rests. */
const MAX_ROUNDS = 1000;

/** The phone's own stack on any wire, driven by a script instead of by the nine steps. */
export class Station {
  readonly nic: WireNic;
  readonly stack: Stack;
  readonly completions = new Completions();
  readonly timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #parts = new Set<Part>();
  #script: Script<void> | null = null;
  #wait: Wait | null = null;
  #working = false;

  constructor({ timeline, rng, wire, mac, discovery }: StationOptions) {
    this.timeline = timeline;
    this.#alarm = timeline.createAlarm(() => this.#work());
    this.nic = new WireNic({
      mac,
      wire,
      deliver: (bytes, length) => {
        this.stack.process(this.now(), bytes, length);
        this.#work();
      },
      linkChanged: () => this.#work(),
      busy: () => this.#working,
    });
    this.stack = new Stack({ nic: this.nic, rng, discovery });
  }

  now(): Instant {
    return this.timeline.now();
  }

  /** Waits until `ready` or for so long. */
  *wait(ready: () => boolean, atMost: Duration): Script<void> {
    yield { ready, until: this.now() + atMost };
  }

  /** Runs the script from now on; one at a time. */
  run(script: Script<void>): void {
    this.#script = script;
    this.#wait = null;
    this.#alarm.arm(this.now());
  }

  /** Ends the script where it stands. */
  abandon(): void {
    this.#script = null;
  }

  add(part: Part): void {
    this.#parts.add(part);
  }

  remove(part: Part): void {
    this.#parts.delete(part);
  }

  /** What a started operation came to. */
  complete(operation: Operation, result: CompletionResult): void {
    this.completions.complete(this.now(), operation, result);
    this.#work();
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    try {
      this.#settle(this.now());
    } finally {
      this.#working = false;
    }
    this.nic.drain();
  }

  #settle(now: Instant): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const part of this.#parts) part.dispatch(now);
      const moved = this.#resume(now);
      // Last: what all of them have written goes out with what the stack owes anyway.
      this.stack.dispatch(now);
      const at = this.#pollAt();
      if (!moved && at > now) {
        this.#alarm.arm(at);
        return;
      }
    }
    throw new Error('the preflight does not come to rest');
  }

  /** True when the script went on. */
  #resume(now: Instant): boolean {
    const script = this.#script;
    if (script === null) return false;
    if (this.#wait !== null && now < this.#wait.until && !this.#wait.ready()) return false;
    const { done, value } = script.next();
    // The script itself may have ended the run.
    if (done === true) this.#script = null;
    this.#wait = done === true ? null : value;
    return true;
  }

  #pollAt(): Instant {
    let at = this.stack.pollAt();
    for (const part of this.#parts) at = earlier(at, part.pollAt());
    return this.#script === null || this.#wait === null ? at : earlier(at, this.#wait.until);
  }
}
