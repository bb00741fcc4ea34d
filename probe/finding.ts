/** `missing`: nothing runs without it. `limited`: something does not; `remedy` says what to do. */
export type FindingState = 'ok' | 'limited' | 'missing';

/** One line of a check-up. */
export interface Finding {
  readonly check: string;
  readonly state: FindingState;
  readonly found: string;
  /** What to do about it; null where all is well. */
  readonly remedy: string | null;
  /** The same for scripts. */
  readonly facts?: object;
}
