/** States of a call, the ways between them, and what the user sees of each. */
import type { Request } from '../../wire/sip/message.ts';
import type { CallState } from '../calls.ts';
import type { Dialog } from './dialog.ts';

export type State =
  | { readonly kind: 'dialing' }
  | { readonly kind: 'calling'; readonly invite: Request; readonly ringing: boolean }
  | { readonly kind: 'cancelling'; readonly invite: Request; readonly said: boolean }
  | { readonly kind: 'ringing'; readonly invite: Request; readonly tag: string }
  | { readonly kind: 'connected'; readonly dialog: Dialog }
  | { readonly kind: 'failed'; readonly state: 'busy' | 'reorder' }
  | { readonly kind: 'ended' };

export const NEXT: Readonly<Record<State['kind'], readonly State['kind'][]>> = {
  dialing: ['calling', 'failed', 'ended'],
  calling: ['calling', 'cancelling', 'connected', 'failed', 'ended'],
  cancelling: ['cancelling', 'ended'],
  ringing: ['connected', 'ended'],
  connected: ['ended'],
  failed: ['ended'],
  ended: [],
};

export const DIALING: State = Object.freeze({ kind: 'dialing' });
export const ENDED: State = Object.freeze({ kind: 'ended' });

/** What `connected` is in truth. */
export interface Connected {
  readonly held: boolean;
  /** By the other side. */
  readonly remoteHeld: boolean;
  readonly transferring: boolean;
}

export function seenState(state: State, { held, remoteHeld, transferring }: Connected): CallState {
  switch (state.kind) {
    case 'dialing':
      return 'off-hook';
    case 'calling':
      return state.ringing ? 'ring-out' : 'proceeding';
    case 'ringing':
      return 'ring-in';
    case 'connected':
      if (transferring) return 'transfer';
      if (held) return 'hold';
      return remoteHeld ? 'remote-hold' : 'connected';
    case 'failed':
      return state.state;
    default:
      return 'ended';
  }
}
