/** A 2xx to INVITE that waits for its ACK: who answers the call repeats it, over any transport (RFC 3261 section 13.3.1.4). */
import { type Duration, earlier, type Instant } from '../../../hal/timer.ts';
import { encode, type Response } from '../../wire/sip/message.ts';
import { sequenceOf } from './dialog.ts';
import type { Direction } from './session.ts';
import type { SipTimers } from './settings.ts';

export class Acceptance {
  readonly sequence: number;
  /** What was offered in it, so that the ACK has to carry the answer; null when it carries the answer itself. */
  readonly offered: Direction | null;
  readonly #octets: Uint8Array;
  readonly #longest: Duration;
  readonly #endAt: Instant;
  #interval: Duration;
  #at: Instant;

  constructor(now: Instant, m: Response, offered: Direction | null, { t1, t2 }: SipTimers) {
    this.sequence = sequenceOf(m);
    this.offered = offered;
    this.#octets = encode(m);
    this.#longest = t2;
    this.#endAt = now + 64 * t1;
    this.#interval = t1;
    this.#at = now + t1;
  }

  /** Says it again when that is due. False when nobody will acknowledge it any more. */
  repeat(now: Instant, write: (octets: Uint8Array) => void): boolean {
    if (now >= this.#endAt) return false;
    if (now >= this.#at) {
      write(this.#octets);
      this.#interval = Math.min(2 * this.#interval, this.#longest);
      this.#at = now + this.#interval;
    }
    return true;
  }

  pollAt(): Instant {
    return earlier(this.#at, this.#endAt);
  }
}
