import type { CompletionResult, Operation } from '../secure.ts';
import type { Timeline } from '../timeline.ts';

interface Started {
  readonly operation: Operation;
  /** Its alarm has fired. On a timeline that cannot be held that may be before it is computed. */
  due: boolean;
  result: CompletionResult | null;
}

/**
 * The operations that one board has started. Each has an alarm on the timeline that is armed when it starts, and holds the timeline until it is computed;
 * so in a virtual world completions come at the instant and in the order of the starts, over all its phones, however the host computed them.
 */
export class StartedOperations {
  readonly #timeline: Timeline;
  readonly #complete: (operation: Operation, result: CompletionResult) => void;
  #started: Started[] = [];
  #lastOperation = 0;

  /** @param complete called from an alarm of the timeline, in the order of the operation numbers. */
  constructor(timeline: Timeline, complete: (operation: Operation, result: CompletionResult) => void) {
    this.#timeline = timeline;
    this.#complete = complete;
  }

  /** `compute` calls `finish` once, whenever it can. */
  start(compute: (finish: (result: CompletionResult) => void) => void): Operation {
    this.#lastOperation++;
    const alarm = this.#timeline.createAlarm(() => {
      started.due = true;
      this.#deliver();
    });
    const started: Started = { operation: this.#lastOperation, due: false, result: null };
    this.#started.push(started);
    alarm.arm(this.#timeline.now());
    this.#timeline.hold();
    compute((result) => {
      started.result = result;
      if (started.due) alarm.arm(this.#timeline.now());
      this.#timeline.release();
    });
    return started.operation;
  }

  /** What was started is never completed, and numbers begin at 1 again. */
  reset(): void {
    this.#started = [];
    this.#lastOperation = 0;
  }

  /** Tells from now on whether there was a reset meanwhile. */
  staleness(): () => boolean {
    const startedWith = this.#started;
    return () => startedWith !== this.#started;
  }

  /** Completes what is due and computed, up to the first operation that is not. */
  #deliver(): void {
    for (let first = this.#started[0]; first?.due && first.result !== null; first = this.#started[0]) {
      this.#started.shift();
      this.#complete(first.operation, first.result);
    }
  }
}
