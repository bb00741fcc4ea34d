import { type Instant, MINUTE, NEVER } from '../../hal/timer.ts';
import { dateText, millisecondsOf } from '../phone/date-text.ts';
import { zoneOffset } from '../phone/time-zone.ts';
import type { PhoneDisplay, RegistrationClientOut } from '../protocols/registration-client.ts';
import type { PhoneContext } from './phone-context.ts';

type Registered = Extract<RegistrationClientOut, { kind: 'registered' }>;

/** During a call that goes on without its call manager, in the words of the phone's built-in labels; there is only one thing left to do. */
const CALL_MANAGER_DOWN = {
  prompt: 'CM Down, Features Disabled',
  notify: '',
  text: '',
  softKeys: [{ label: 'EndCall' }],
} as const satisfies Partial<PhoneDisplay>;

/** What a registered phone shows: the clock, its lines, and what the call manager has put on the display. */
export class RegisteredScreen {
  readonly #phone: PhoneContext;
  #accepted: Registered | null = null;
  #display: PhoneDisplay | null = null;
  /** Local time minus wall clock, milliseconds; null until the call manager told the time. */
  #zoneOffset: number | null = null;
  /** The next full minute. */
  #clockAt: Instant = NEVER;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  registered(now: Instant, accepted: Registered): void {
    this.#accepted = accepted;
    this.#show(now);
  }

  display(now: Instant, display: PhoneDisplay): void {
    this.#display = display;
    this.#show(now);
  }

  callManagerDown(now: Instant): void {
    const { messageWaiting = false, speaker = false } = this.#display ?? {};
    this.display(now, { ...CALL_MANAGER_DOWN, messageWaiting, speaker });
  }

  setClock(now: Instant, { systemTime, local }: Extract<RegistrationClientOut, { kind: 'time' }>): void {
    const { hal, facts } = this.#phone;
    hal.wallClock.set(systemTime * 1000);
    if (local === null) this.#zoneOffset = zoneOffset(facts.configuration!.timeZone ?? '', systemTime * 1000);
    else {
      const [year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0] = local;
      this.#zoneOffset = millisecondsOf({ year, month, day, hour, minute, second }) - systemTime * 1000;
    }
    this.#show(now);
  }

  /** The phone is registered no longer: what it shows is somebody else's from now on. */
  clear(): void {
    this.#accepted = null;
    this.#display = null;
    this.#clockAt = NEVER;
  }

  dispatch(now: Instant): void {
    if (now >= this.#clockAt) this.#show(now);
  }

  pollAt(): Instant {
    return this.#clockAt;
  }

  #show(now: Instant): void {
    const accepted = this.#accepted;
    if (accepted === null) return;
    const display = this.#display;
    let clock: string | null = null;
    if (this.#zoneOffset !== null) {
      const local = this.#phone.hal.wallClock.now() + this.#zoneOffset;
      clock = dateText(local, accepted.dateTemplate);
      this.#clockAt = now + MINUTE - (local % 60_000) * 1000;
    }
    this.#phone.screen.home({
      clock,
      lines: accepted.lines,
      prompt: display === null ? '' : display.notify || display.prompt || display.text,
      softKeys: display === null ? [] : display.softKeys.map((key) => key.label),
      messageWaiting: display?.messageWaiting ?? false,
      ringing: display?.ringing ?? false,
      speaker: display?.speaker ?? false,
      lineLamps: display?.lineLamps,
    });
  }
}
