import type { Trace } from '../../hal/trace.ts';

/** "Ring buffer of 30 newest": the status menu of the real phone keeps that many. */
const CAPACITY = 30;

/** The status messages, in the real phone's own words. The same message twice in a row is kept once: the menu would only repeat it. */
export class StatusLog {
  readonly #trace: Trace;
  #messages: string[] = [];

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Oldest first. */
  get messages(): readonly string[] {
    return this.#messages;
  }

  report(message: string): void {
    this.#trace.event('status', { message });
    if (this.#messages.at(-1) === message) return;
    if (this.#messages.length === CAPACITY) this.#messages.shift();
    this.#messages.push(message);
  }
}
