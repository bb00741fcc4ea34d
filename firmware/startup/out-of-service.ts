import type { ResetReason } from '../../hal/power.ts';
import type { OutOfServiceReason } from '../wire/sccp/alarm.ts';

const ALARM_OF_RESET: Readonly<Record<ResetReason, OutOfServiceReason>> = Object.freeze({
  'power-on': 'initialized',
  reset: 'reset',
  restart: 'restart',
  keypad: 'keypad',
  'load-update': 'reset',
  'factory-reset': 'initialized',
  fault: 'abort',
  watchdog: 'abort',
  're-ip': 're-ip',
  recovery: 'initialized',
});

/** What the first alarm after a boot says, by why the phone was reset. */
export function alarmOfReset(reason: ResetReason): OutOfServiceReason {
  return ALARM_OF_RESET[reason];
}
