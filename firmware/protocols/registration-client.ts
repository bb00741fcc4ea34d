/**
 * What a phone and a call manager have to say to each other about a registration, whichever protocol says it: the shape that `SccpClient` and `SipClient` share, so that
 * one stage can hold either.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import type { Key, LedState } from '../../hal/panel.ts';
import type { Duration } from '../../hal/timer.ts';
import type { Machine } from '../machine.ts';
import type { OutOfServiceReason } from '../wire/sccp/alarm.ts';
import type { CallView } from './calls.ts';
import { type ConnectionGone, outOfServiceReason as lossInAlarm, type LostWhy as SccpLoss } from './sccp/loss.ts';
import type { LastAlarm } from './sccp/offer.ts';

/** `server-error`: the call manager answered, and will not have the phone now. */
export type LostWhy = SccpLoss | 'server-error';

export interface RegisteredLine {
  /** 1-based. */
  readonly instance: number;
  readonly number: string;
  readonly label: string;
}

/** What the call manager has put on the phone's face. */
export interface PhoneDisplay {
  /** The status line. */
  readonly prompt: string;
  /** Shown over the prompt while not empty. */
  readonly notify: string;
  readonly text: string;
  readonly softKeys: readonly { readonly label: string }[];
  readonly messageWaiting: boolean;
  /** The phone rings. */
  readonly ringing?: boolean;
  /** The loudspeaker is on. */
  readonly speaker?: boolean;
  /** Lamps of the line keys from line 1 on, up to the last one that is lit; absent while all are dark. */
  readonly lineLamps?: readonly LedState[] | undefined;
}

export type RegistrationClientIn =
  | { readonly kind: 'connected'; readonly ownAddress: Ipv4; readonly ownPort: number }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  | { readonly kind: 'gone'; readonly why: ConnectionGone }
  | {
      readonly kind: 'register';
      readonly alarm: LastAlarm;
      /** `versionStamp` of the configuration file, empty when it has none. */
      readonly versionStamp: string;
    }
  /** Asks, on a connection that is not registered, whether this node would take the phone (failback). */
  | { readonly kind: 'request-token' }
  | { readonly kind: 'unregister' }
  /** A key that is about calls, pressed while the phone is registered: digits, hook, line keys, soft keys as they stand on the display. */
  | { readonly kind: 'key'; readonly key: Key };

export type RegistrationClientOut =
  | { readonly kind: 'write'; readonly octets: Uint8Array }
  /** The machine is done with the connection: close it. */
  | { readonly kind: 'close' }
  | {
      readonly kind: 'registered';
      readonly lines: readonly RegisteredLine[];
      /** How often the phone is heard while nothing happens. */
      readonly keepaliveSeconds: number;
      /** The same for a connection on which the phone is not registered; absent where the server does not say. */
      readonly standbyKeepaliveSeconds?: number;
      /** Letters D, M and Y, separators, and an A for the 12-hour clock. */
      readonly dateTemplate: string;
    }
  /** `waitSeconds` is the call manager's wish. */
  | { readonly kind: 'rejected'; readonly text: string; readonly waitSeconds?: number }
  | { readonly kind: 'lost'; readonly why: LostWhy; readonly unknownId?: number; readonly waitSeconds?: number }
  | { readonly kind: 'unregistered' }
  /** The server names another load than the one that runs. */
  | { readonly kind: 'load'; readonly load: string }
  /** The server has a call for the phone: stay, ask again later. */
  | { readonly kind: 'unregister-refused' }
  | { readonly kind: 'token'; readonly answer: 'granted' | 'refused' | 'none'; readonly waitSeconds: number }
  /** The server wants a reset. It is the owner who unregisters, when no call is in the way. */
  | { readonly kind: 'reset'; readonly type: 'reset' | 'restart' | 'apply-config' }
  | { readonly kind: 'display'; readonly display: PhoneDisplay }
  /**
   * Seconds since 1970, and the broken-down time of the phone's zone as [year, month, day, hour, minute, second]: null where the server tells
   * universal time and the zone is the configuration file's.
   */
  | { readonly kind: 'time'; readonly systemTime: number; readonly local: readonly number[] | null }
  | { readonly kind: 'keepalive-late'; readonly by: Duration }
  /** A call is new, or its state or parties have changed; `ended` is the last word on it. */
  | { readonly kind: 'call'; readonly call: CallView }
  /** An emergency number was to be dialled, and is not. */
  | { readonly kind: 'call-refused'; readonly number: string; readonly line: number };

export type RegistrationClient = Machine<RegistrationClientIn, RegistrationClientOut>;

/** What the next alarm says after this loss. */
export function outOfServiceReason(why: LostWhy): OutOfServiceReason {
  return why === 'server-error' ? 'rejected' : lossInAlarm(why);
}
