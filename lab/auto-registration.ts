/**
 * Whether a cluster takes telephones that nobody wrote down, which of them, and with which numbers.
 *
 * "Auto-registration is automatically disabled when you configure the Cisco CTL client": so it is up to CUCM 11.0. From 11.5 on it goes on in mixed
 * mode, though not for the 8941 and 8945.
 */

/** What an administrator enters; null in its place switches auto-registration off. */
export interface AutoRegistrationRange {
  /** Directory numbers, both included. */
  readonly firstNumber: number;
  readonly lastNumber: number;
  /** Enterprise parameter "Auto Registration Phone Protocol": whose load a phone that speaks both is given. SCCP unless given. */
  readonly protocol?: 'sccp' | 'sip';
}

/** Device types that are not taken in mixed mode: 8941 and 8945. */
const NOT_IN_MIXED_MODE: ReadonlySet<number> = new Set([586, 585]);

/** The release from which on mixed mode and auto-registration go together. */
const MIXED_SINCE = [11, 5] as const;

export class AutoRegistration {
  /** Phones may have secure profiles: the CTL client has been configured. */
  mixedMode = false;
  #goesWithMixedMode = true;
  #range: AutoRegistrationRange | null = null;
  #next = 0;
  /** Of phones that registered themselves. */
  readonly #inUse = new Set<string>();

  get range(): AutoRegistrationRange | null {
    return this.#range;
  }

  set range(range: AutoRegistrationRange | null) {
    this.#range = range;
    this.#next = range?.firstNumber ?? 0;
  }

  /** Of the cluster, as `11.5`. Throws when it is none. */
  set release(text: string) {
    const [, major, minor] = /^(\d{1,2})\.(\d{1,2})(?:\.|$)/.exec(text) ?? [];
    if (major === undefined) throw new Error(`not a release of a call manager: ${text}`);
    const isLater = Number(major) > MIXED_SINCE[0];
    this.#goesWithMixedMode = isLater || (Number(major) === MIXED_SINCE[0] && Number(minor) >= MIXED_SINCE[1]);
  }

  /** What `<autoRegistration>` of the default file says. */
  get enabled(): boolean {
    return this.#range !== null && (!this.mixedMode || this.#goesWithMixedMode);
  }

  /** The next free number for a phone of that type; null when it is not taken, or none is left. */
  allot(deviceType: number, isTaken: (directoryNumber: string) => boolean): string | null {
    const range = this.#range;
    if (range === null || !this.enabled) return null;
    if (this.mixedMode && NOT_IN_MIXED_MODE.has(deviceType)) return null;
    for (let tries = range.lastNumber - range.firstNumber; tries >= 0; tries--) {
      const number = String(this.#next);
      this.#next = this.#next >= range.lastNumber ? range.firstNumber : this.#next + 1;
      if (this.#inUse.has(number) || isTaken(number)) continue;
      this.#inUse.add(number);
      return number;
    }
    return null;
  }

  /** The phone that had the number has another one now. */
  giveBack(directoryNumber: string): void {
    this.#inUse.delete(directoryNumber);
  }
}
