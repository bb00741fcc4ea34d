import type { OutOfServiceReason } from '../../wire/sccp/alarm.ts';

/** How a connection ended, in the words of the TCP layer. */
export type ConnectionGone = 'closed' | 'reset' | 'refused' | 'timeout' | 'unreachable' | 'aborted';

/** Why a registration, or the try of one, is over though nobody unregistered or rejected. */
export type LostWhy =
  | 'keepalive-timeout'
  | 'register-timeout'
  | 'framing'
  | 'invalid-message'
  | Exclude<ConnectionGone, 'timeout'>
  | 'tcp-timeout';

/** What the next Alarm says after this loss. */
export function outOfServiceReason(why: LostWhy): OutOfServiceReason {
  switch (why) {
    case 'keepalive-timeout':
    case 'invalid-message':
    case 'tcp-timeout':
    case 'unreachable':
      return why;
    case 'register-timeout':
      return 'registration-timeout';
    case 'reset':
    case 'refused':
      return 'cm-reset-tcp';
    case 'closed':
      return 'cm-closed-tcp';
    case 'framing':
    case 'aborted':
      return 'cm-aborted-tcp';
  }
}
