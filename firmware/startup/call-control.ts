import type { Key } from '../../hal/panel.ts';
import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { CallMedia, CallView } from '../protocols/calls.ts';
import type { RegistrationClientOut } from '../protocols/registration-client.ts';
import type { PhoneContext } from './phone-context.ts';
import { PhoneMedia } from './phone-media.ts';

/** Without a call manager nobody says that the other side has hung up: a phone that answers by itself listens this long for a sound. */
const LISTENING = 5 * SECOND;

/** The handset laid down, the path switched off, and the only soft key there is. */
const ENDING_KEYS: ReadonlySet<Key> = new Set(['hookOn', 'speaker', 'headset', 'softKey1']);

/** A call that goes on without its call manager. */
interface Preserved {
  readonly done: (now: Instant) => void;
  /** Packets heard when it listened last. */
  heard: number;
  listenAt: Instant;
}

/** What a client has to say about calls. */
type CallOut = Extract<RegistrationClientOut, { kind: 'call' | 'call-refused' }>;

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
  #preserved: Preserved | null = null;

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

  hear(now: Instant, out: CallOut): void {
    if (out.kind === 'call') this.#take(now, out.call);
    else this.#refused(out.number, out.line);
  }

  #refused(number: string, line: number): void {
    this.#phone.hal.trace.event('call.refused', { line, number, reason: 'emergency-number' });
    this.#phone.status.report(`Emergency number not dialled: ${number}`);
  }

  #take(now: Instant, view: CallView): void {
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

  /**
   * The call manager is gone: the calls that the client has left connected keep their audio until the user hangs up, which is when `done` is called.
   * False when there are none, or they are not to be kept.
   */
  preserve(now: Instant, done: (now: Instant) => void): boolean {
    this.#whenIdle = null;
    if (!this.busy || this.#phone.hal.tunables['call.preservation'] === 'off') return false;
    const [first] = this.#calls!.keys();
    this.#preserved = { done, heard: -1, listenAt: this.#answered ? now : NEVER };
    this.#phone.hal.trace.event('call.preserved', { call: first! });
    return true;
  }

  /** A preserved call knows nothing but its end. */
  pressPreserved(now: Instant, key: Key): void {
    if (ENDING_KEYS.has(key)) this.#endPreserved(now);
  }

  #endPreserved(now: Instant): void {
    const preserved = this.#preserved;
    this.over(now);
    preserved?.done(now);
  }

  #listen(now: Instant, preserved: Preserved): void {
    const heard = this.#media.packetsReceived;
    if (heard === preserved.heard) {
      this.#endPreserved(now);
      return;
    }
    preserved.heard = heard;
    preserved.listenAt = now + LISTENING;
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
    this.#preserved = null;
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
    const preserved = this.#preserved;
    if (preserved !== null && now >= preserved.listenAt) this.#listen(now, preserved);
  }

  pollAt(): Instant {
    if (this.#hangUp) return 0;
    const at = earlier(this.#answerAt, this.#media.pollAt());
    return this.#preserved === null ? at : earlier(at, this.#preserved.listenAt);
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
