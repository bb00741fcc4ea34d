import type { Phone } from '../device/phone.ts';
import type { Key } from '../hal/panel.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, MILLISECOND, SECOND } from '../hal/timer.ts';
import type { StreamEvent } from './event-stream.ts';

export interface CallScriptOptions {
  readonly timeline: Timeline;
  readonly caller: Phone;
  /** What is dialled. */
  readonly number: string;
  /** From the answer until the caller hangs up. */
  readonly talk: Duration;
  /** Called once, when there is a result. */
  readonly over?: (script: CallScript) => void;
}

/** A person's fingers: fast, but one key at a time. */
const KEY_SPACING: Duration = 200 * MILLISECOND;
/** How long busy or reorder tone is listened to. */
const PATIENCE: Duration = 2 * SECOND;
/** Without an answer the caller hangs up. */
const LONGEST_RING: Duration = 60 * SECOND;
/** Until both sides have told their figures. */
const SETTLING: Duration = SECOND;

/** The key that begins the call, where the phone is one that waits for it. */
const DIAL_KEY = 'Dial';

export type CallResult = 'answered' | 'busy' | 'reorder' | 'no-answer' | 'ended';

/**
 * One call as a person at the phone makes it: lift the handset, dial, talk, hang up. It has nothing of the phone but its keys, its screen and its events, so that
 * it works with whatever protocol the phone speaks.
 */
export class CallScript {
  readonly #options: CallScriptOptions;
  readonly #alarm: Alarm;
  /** Keys not pressed yet. */
  #keys: Key[] = [];
  #state: 'waiting' | 'dialing' | 'calling' | 'talking' | 'refused' | 'hung-up' | 'over' = 'waiting';
  #result: CallResult | null = null;
  /** When the last key of the number was pressed. */
  dialledAt: Instant = 0;
  /** When the other telephone rang, and when somebody answered; null when that did not happen. */
  ringingAt: Instant | null = null;
  connectedAt: Instant | null = null;

  constructor(options: CallScriptOptions) {
    this.#options = options;
    this.#alarm = options.timeline.createAlarm(() => this.#step());
  }

  /** Null until the handset is down again, and both telephones have said what they counted. */
  get result(): CallResult | null {
    return this.#state === 'over' ? this.#result : null;
  }

  /** Begins, once. */
  begin(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'dialing';
    this.#keys = ['hookOff', ...([...this.#options.number] as Key[])];
    this.#arm(KEY_SPACING);
  }

  /** Every event of the world comes here. */
  hear({ phone, type, ...fields }: StreamEvent): void {
    if (type !== 'call.state' || phone !== this.#options.caller.board.deviceName) return;
    this.changed((fields as { readonly state?: string }).state ?? '');
  }

  /** The caller's call is in another state. */
  changed(state: string): void {
    if (this.#state !== 'dialing' && this.#state !== 'calling' && this.#state !== 'talking') return;
    const now = this.#options.timeline.now();
    if (state === 'ring-out') this.ringingAt ??= now;
    if (state === 'connected' && this.#state !== 'talking') {
      this.connectedAt = now;
      this.#state = 'talking';
      this.#result = 'answered';
      this.#arm(this.#options.talk);
    } else if (state === 'busy' || state === 'reorder') {
      this.#state = 'refused';
      this.#result = state;
      this.#arm(PATIENCE);
    } else if (state === 'ended') {
      this.#result ??= 'ended';
      this.#hangUp();
    }
  }

  #step(): void {
    switch (this.#state) {
      case 'dialing':
        this.#pressNext();
        return;
      case 'hung-up':
        this.#state = 'over';
        this.#options.over?.(this);
        return;
      default:
        this.#result ??= 'no-answer';
        this.#hangUp();
    }
  }

  #pressNext(): void {
    const { caller } = this.#options;
    const key = this.#keys.shift();
    if (key !== undefined) {
      this.dialledAt = this.#options.timeline.now();
      caller.press(key);
      if (this.#state === 'dialing') this.#arm(KEY_SPACING);
      return;
    }
    this.#state = 'calling';
    this.#arm(LONGEST_RING);
    const place = caller.panel.softKeys.indexOf(DIAL_KEY) + 1;
    if (place !== 1 && place !== 2 && place !== 3 && place !== 4) return;
    this.dialledAt = this.#options.timeline.now();
    caller.press(`softKey${place}`);
  }

  #hangUp(): void {
    this.#state = 'hung-up';
    this.#arm(SETTLING);
    this.#options.caller.press('hookOn');
  }

  #arm(wait: Duration): void {
    this.#alarm.arm(this.#options.timeline.now() + wait);
  }
}
