import type { Output } from './output.ts';

/** On a terminal one line that changes; elsewhere lines now and then. */
const LINE_SECONDS = 5;

/** Says once a second how far a run is. */
export class Progress {
  readonly #output: Output;
  readonly #text: () => string;
  readonly #timer: NodeJS.Timeout;
  readonly #live: boolean;
  #seconds = 0;

  /** @param text called once a second. */
  constructor(output: Output, text: () => string) {
    this.#output = output;
    this.#text = text;
    this.#live = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.#timer.unref();
  }

  /** Idempotent. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#live && this.#seconds > 0 && !this.#output.quiet) process.stderr.write('\r\u001b[K');
    this.#seconds = 0;
  }

  #tick(): void {
    this.#seconds++;
    const text = this.#text();
    if (this.#output.quiet) return;
    if (this.#live) process.stderr.write(`\r\u001b[K${text}`);
    else if (this.#seconds % LINE_SECONDS === 0) process.stderr.write(`${text}\n`);
  }
}
