import type { Key } from '../../hal/panel.ts';
import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { CallMedia, CallView } from '../protocols/calls.ts';
import type { PhoneContext } from './phone-context.ts';
import { PhoneMedia } from './phone-media.ts';

/** What the phone keeps of its calls beside the protocol: it tells them to the trace, answers by itself where it is told to, and drives their audio. */
export class CallControl {
  readonly #phone: PhoneContext;
  readonly #media: PhoneMedia;
  /** Calls that have not ended, by the client's number; null until the first. */
  #calls: Map<number, CallView> | null = null;
  #answerAt: Instant = NEVER;
  /** The phone has lifted its handset by itself, and hangs up when the call is over. */
  #answered = false;
  #hangUp = false;
  #whenIdle: ((now: Instant) => void) | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
    this.#media = new PhoneMedia(phone);
  }

  get media(): CallMedia {
    return this.#media;
  }

  get busy(): boolean {
    return this.#calls !== null && this.#calls.size > 0;
  }

  /** What would end the calls is done when there are none; what was to be done before is forgotten. */
  whenIdle(now: Instant, task: (now: Instant) => void): void {
    if (this.busy) this.#whenIdle = task;
    else task(now);
  }

  take(now: Instant, view: CallView): void {
    this.#tell(view);
    this.#calls ??= new Map();
    if (view.state === 'ended') this.#calls.delete(view.call);
    else this.#calls.set(view.call, view);
    this.#considerAnswer(now);
    if (this.busy) return;
    this.#hangUp = this.#answered;
    const task = this.#whenIdle;
    this.#whenIdle = null;
    task?.(now);
  }

  /** The registration is over, and whatever calls its call manager led. */
  over(now: Instant): void {
    this.#media.closeAll(now);
    for (const view of this.#calls?.values() ?? []) this.#tell({ ...view, state: 'ended' });
    this.#calls = null;
    this.#answerAt = NEVER;
    this.#answered = false;
    this.#hangUp = false;
    this.#whenIdle = null;
  }

  /** @param press a key, as if a finger had */
  dispatch(now: Instant, press: (key: Key) => void): void {
    if (now >= this.#answerAt) {
      this.#answerAt = NEVER;
      this.#answered = true;
      press('hookOff');
    }
    if (this.#hangUp) {
      this.#hangUp = false;
      this.#answered = false;
      press('hookOn');
    }
    if (this.#media.pollAt() <= now) this.#media.dispatch(now);
  }

  pollAt(): Instant {
    return this.#hangUp ? 0 : earlier(this.#answerAt, this.#media.pollAt());
  }

  /** A phone that rings and has no other call lifts its handset after the time set. */
  #considerAnswer(now: Instant): void {
    const wait = this.#phone.hal.tunables['call.autoAnswer'];
    const [only, ...others] = this.#calls?.values() ?? [];
    const rings = wait > 0 && only?.state === 'ring-in' && others.length === 0 && !this.#answered;
    if (!rings) this.#answerAt = NEVER;
    else if (this.#answerAt === NEVER) this.#answerAt = now + wait * SECOND;
  }

  #tell({ call, line, state, direction, from, to }: CallView): void {
    this.#phone.hal.trace.event('call.state', { call, line, state, direction, from, to });
  }
}
