import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { Registration, RegistrationOut } from './registration.ts';

/** A phone in a call asks for leave to go elsewhere when it is over; it looks again after this. */
const BUSY_WAIT: Duration = 10 * SECOND;

export interface StandbyOptions {
  /** Begins a connection to that member. */
  readonly open: (now: Instant, index: number) => Registration;
  /** Until a member that was not to be had, or was lost, is tried again. */
  readonly retryWait: () => Duration;
  readonly told: (registration: Registration, outcome: 'connected' | 'failed' | 'lost', reason?: string) => void;
}

/** How the phone comes to register over a standby connection while its registration elsewhere holds. */
export interface StandbyReturn {
  /** How long the connection has to stand before the phone asks for leave. */
  readonly stability: Duration;
  /** No answer to that question is a yes. */
  readonly silenceGrants: boolean;
  readonly busy: () => boolean;
  readonly granted: (now: Instant, answer: 'token' | 'silence') => void;
}

/**
 * A connection to one of those call managers with which the phone is not registered. It is opened again and again until one of them takes it, and is there when the
 * registration is lost. Towards a better call manager it asks, once it has stood for a while, for leave to register there (RegisterTokenReq, or the
 * REFER for a token): a cluster lets its phones come back one after the other.
 */
export class Standby {
  readonly #options: StandbyOptions;
  readonly #return: StandbyReturn | null;
  /** Members to choose from, by index, the most wanted first. */
  #candidates: readonly number[] = [];
  /** Place in that list of the one whose turn it is. */
  #turn = 0;
  #link: Registration | null = null;
  #openAt: Instant = NEVER;
  #askAt: Instant = NEVER;

  /** @param back null where the phone never registers over this connection unless it has lost its registration. */
  constructor(options: StandbyOptions, back: StandbyReturn | null) {
    this.#options = options;
    this.#return = back;
  }

  /** Keeps a connection to one of these; one that is there already is kept only where it leads to the first. */
  watch(now: Instant, candidates: readonly number[]): void {
    this.#candidates = candidates;
    this.#turn = 0;
    const link = this.#link;
    if (link !== null && link.place.index === candidates[0]) return;
    this.#drop();
    link?.close(now);
    this.#openAt = candidates.length === 0 ? NEVER : now;
  }

  /** Member that the connection leads to; null while there is none. */
  get openTo(): number | null {
    return this.#link?.open === true ? this.#link.place.index : null;
  }

  /** Hands the connection over: it is no standby connection any more. */
  take(now: Instant): Registration | null {
    // What it has to say for itself comes first: it may be its end.
    this.#hear(now);
    const link = this.#link;
    if (link?.open !== true) return null;
    this.#drop();
    return link;
  }

  close(now: Instant): void {
    this.#candidates = [];
    this.#link?.close(now);
    this.#drop();
  }

  abort(now: Instant): void {
    this.#candidates = [];
    this.#link?.abort(now);
    this.#drop();
  }

  dispatch(now: Instant): void {
    if (now >= this.#openAt) {
      this.#openAt = NEVER;
      this.#link = this.#options.open(now, this.#candidates[this.#turn]!);
    }
    this.#hear(now);
    if (now >= this.#askAt) this.#ask(now);
  }

  pollAt(): Instant {
    const own = earlier(this.#openAt, this.#askAt);
    return this.#link === null ? own : earlier(own, this.#link.pollAt());
  }

  #hear(now: Instant): void {
    const link = this.#link;
    link?.dispatch(now, (out) => {
      if (link === this.#link) this.#obey(now, link, out);
    });
  }

  #obey(now: Instant, link: Registration, out: RegistrationOut): void {
    switch (out.kind) {
      case 'connected':
        this.#options.told(link, 'connected');
        this.#askAt = this.#return === null ? NEVER : now + this.#return.stability;
        return;
      case 'failed':
        this.#options.told(link, 'failed', out.reason);
        this.#again(now, false);
        return;
      case 'lost':
        this.#options.told(link, 'lost', out.why);
        link.abort(now);
        this.#again(now, true);
        return;
      case 'token':
        this.#answered(now, out.answer, out.waitSeconds);
        return;
      default:
        return;
    }
  }

  /** The next candidate at once, unless all have had their turn or this one was there a moment ago. */
  #again(now: Instant, wasOpen: boolean): void {
    this.#drop();
    this.#turn = (this.#turn + 1) % Math.max(1, this.#candidates.length);
    const waits = wasOpen || this.#turn === 0;
    if (this.#candidates.length > 0) this.#openAt = now + (waits ? this.#options.retryWait() : 0);
  }

  #ask(now: Instant): void {
    const rule = this.#return;
    this.#askAt = NEVER;
    if (rule === null || this.#link?.open !== true) return;
    if (rule.busy()) this.#askAt = now + BUSY_WAIT;
    else this.#link.process(now, { kind: 'request-token' });
  }

  #answered(now: Instant, answer: 'granted' | 'refused' | 'none', waitSeconds: number): void {
    const rule = this.#return;
    if (rule === null) return;
    if (answer === 'granted') rule.granted(now, 'token');
    else if (answer === 'none' && rule.silenceGrants) rule.granted(now, 'silence');
    else this.#askAt = now + (answer === 'refused' ? waitSeconds * SECOND : rule.stability);
  }

  /** Another leave has to be asked for: this one was not used. */
  askAgain(now: Instant): void {
    if (this.#return !== null) this.#askAt = now + this.#return.stability;
  }

  #drop(): void {
    this.#link = null;
    this.#openAt = NEVER;
    this.#askAt = NEVER;
  }
}
