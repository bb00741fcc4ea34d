/** What a configuration file tells a SIP phone, as far as registering needs it. */
import { type Duration, MILLISECOND, SECOND } from '../../../hal/timer.ts';

export interface SipLine {
  /** 1-based. */
  readonly instance: number;
  /** User of the address of record: the directory number. */
  readonly name: string;
  /** User part of Contact: CUCM puts a UUID here. */
  readonly contact: string;
  readonly displayName: string;
  /** Text beside the line button. */
  readonly label: string;
  /** Digest credentials; both empty when the file has none. */
  readonly authName: string;
  readonly authPassword: string;
}

/** Element names of `sipProfile`; times in seconds and T1 and T2 in milliseconds, as the file has them. */
export interface SipSettings {
  readonly transport: 'tcp' | 'udp' | 'tls';
  /** Own port over UDP. */
  readonly voipControlPort: number;
  /** Even ports for RTP, from `startMediaPort` to `stopMediaPort`; absent where the file leaves the usual ones. */
  readonly mediaPorts?: { readonly first: number; readonly last: number };
  readonly timerRegisterExpires: number;
  readonly timerRegisterDelta: number;
  readonly timerKeepAliveExpires: number;
  readonly timerT1: number;
  readonly timerT2: number;
  /** Max-Forwards. */
  readonly maxRedirects: number;
  readonly dateTemplate: string;
  readonly lines: readonly SipLine[];
}

/** RFC 3261 section 17.1.2.2 and table 4. */
export interface SipTimers {
  readonly t1: Duration;
  readonly t2: Duration;
  readonly t4: Duration;
}

const T4: Duration = 5 * SECOND;

export function timersOf(settings: SipSettings): SipTimers {
  return { t1: settings.timerT1 * MILLISECOND, t2: settings.timerT2 * MILLISECOND, t4: T4 };
}
