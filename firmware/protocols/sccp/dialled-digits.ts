import type { EmergencyNumbers } from '../emergency-numbers.ts';

/** What is to be done with the digits now. */
export type DigitsOut =
  | { readonly kind: 'hold' }
  /** Each as a key of its own. */
  | { readonly kind: 'keys'; readonly digits: string }
  /** In one piece: digit by digit they would have been an emergency number on the way. */
  | { readonly kind: 'enbloc'; readonly digits: string }
  | { readonly kind: 'refuse'; readonly digits: string };

/** As many as EnblocCall holds. */
const MAX_HELD = 24;

/**
 * Digits typed off hook. Over SCCP a number builds up on the wire, and a call manager may place the call at any digit; so those that could still become an emergency number
 * stay here until they cannot, or until nothing more is typed.
 */
export class DialledDigits {
  readonly #emergency: EmergencyNumbers;
  #sent = '';
  #held = '';

  constructor(emergency: EmergencyNumbers) {
    this.#emergency = emergency;
  }

  /** Typed, and not yet on the wire. */
  get held(): string {
    return this.#held;
  }

  type(digit: string): DigitsOut {
    if (digit === '#' && this.#held !== '') {
      const out = this.complete();
      return out.kind === 'keys' ? { kind: 'keys', digits: `${out.digits}#` } : out;
    }
    const all = this.#sent + this.#held + digit;
    if (this.#held.length < MAX_HELD) this.#held += digit;
    const waits = this.#emergency.mayBecome(all) || this.#emergency.passedThrough(all, this.#sent.length);
    return waits ? { kind: 'hold' } : this.#keys();
  }

  /** Nothing more is typed. */
  complete(): DigitsOut {
    const all = this.#sent + this.#held;
    if (this.#held === '') return { kind: 'hold' };
    const passed = this.#emergency.passedThrough(all, this.#sent.length);
    if (this.#emergency.has(all) || (passed && this.#sent !== '')) return { kind: 'refuse', digits: all };
    if (!passed) return this.#keys();
    this.clear();
    this.#sent = all;
    return { kind: 'enbloc', digits: all };
  }

  #keys(): DigitsOut {
    const digits = this.#held;
    this.#sent += digits;
    this.#held = '';
    return { kind: 'keys', digits };
  }

  /** Takes the last digit back. True when the call manager has not heard it. */
  back(): boolean {
    const isHeld = this.#held !== '';
    if (isHeld) this.#held = this.#held.slice(0, -1);
    else this.#sent = this.#sent.slice(0, -1);
    return isHeld;
  }

  /** The call manager begins again; what it has not heard yet still comes. */
  restart(): void {
    this.#sent = '';
  }

  /** Another number begins. */
  clear(): void {
    this.#sent = '';
    this.#held = '';
  }
}
