/** Soft keys and prompts that a SIP phone shows by itself: the standard soft key template of CUCM, as far as the phone can do what a key says. */
import type { CallState, CallView } from '../calls.ts';
import type { PhoneDisplay } from '../registration-client.ts';

export type SoftKeyLabel =
  | 'Redial'
  | 'NewCall'
  | 'Dial'
  | '<<'
  | 'Cancel'
  | 'Answer'
  | 'Decline'
  | 'EndCall'
  | 'Hold'
  | 'Resume'
  | 'Trnsfer';

const IDLE: readonly SoftKeyLabel[] = ['Redial', 'NewCall'];

const BY_STATE: Readonly<Record<CallState, readonly SoftKeyLabel[]>> = {
  'off-hook': ['Redial', 'EndCall'],
  proceeding: ['EndCall'],
  'ring-out': ['EndCall'],
  'ring-in': ['Answer', 'Decline'],
  connected: ['Hold', 'EndCall', 'Trnsfer'],
  hold: ['Resume', 'NewCall', 'EndCall', 'Trnsfer'],
  'remote-hold': ['Hold', 'EndCall', 'Trnsfer'],
  transfer: ['EndCall'],
  busy: ['NewCall', 'EndCall'],
  reorder: ['NewCall', 'EndCall'],
  ended: IDLE,
};

const PROMPTS: Readonly<Record<CallState, string>> = {
  'off-hook': 'Enter number',
  proceeding: 'Call Proceed',
  'ring-out': 'Ring Out',
  'ring-in': 'From ',
  connected: 'Connected',
  hold: 'Hold',
  'remote-hold': 'Connected',
  transfer: 'Transfer',
  busy: 'Busy',
  reorder: 'Reorder',
  ended: '',
};

export interface Faced {
  /** What the user has before him; null when there is no call. */
  readonly view: CallView | null;
  /** Digits typed so far. */
  readonly digits: string;
  /** The call is one that is to be transferred to: the key completes the transfer. */
  readonly consulting: boolean;
  readonly ringing: boolean;
}

export function softKeysOf({ view, digits, consulting }: Faced): readonly SoftKeyLabel[] {
  if (view === null) return IDLE;
  if (view.state === 'off-hook' && digits !== '') return ['Dial', '<<', 'EndCall'];
  if (consulting && view.state === 'ring-out') return ['EndCall', 'Trnsfer'];
  return BY_STATE[view.state];
}

export function displayOf(faced: Faced, messageWaiting: boolean): PhoneDisplay {
  const { view, digits, ringing } = faced;
  const prompt = promptOf(view, digits);
  const softKeys = softKeysOf(faced).map((label) => ({ label }));
  const shown = { prompt, notify: '', text: '', softKeys, messageWaiting };
  return view === null ? shown : { ...shown, ringing, speaker: view.state !== 'ring-in' && view.state !== 'hold' };
}

function promptOf(view: CallView | null, digits: string): string {
  if (view === null) return 'Your current options';
  if (view.state === 'off-hook' && digits !== '') return digits;
  return view.state === 'ring-in' ? `From ${view.from}` : PROMPTS[view.state];
}
