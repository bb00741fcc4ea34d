import type { Instant } from '../../../hal/timer.ts';
import type { Request, Response } from '../../wire/sip/message.ts';
import type { CallMedia } from '../calls.ts';
import type { Call } from './call.ts';
import type { CallRequests } from './call-requests.ts';
import type { Direction } from './session.ts';
import type { SipTimers } from './settings.ts';

/** What a call asks of the client whose call it is. */
export interface CallOwner {
  readonly requests: CallRequests;
  readonly media: CallMedia;
  readonly timers: SipTimers;
  /** What the other side is offered while it is held. */
  readonly holdDirection: Direction;
  chance(below: number): number;
  request(now: Instant, call: Call, m: Request): void;
  cancel(now: Instant, call: Call, invite: Request): boolean;
  respond(now: Instant, to: Request, m: Response): void;
  write(octets: Uint8Array): void;
  /** True for a number that is never dialled; the phone tells so. */
  refuses(call: Call, number: string): boolean;
  /** Its state or its parties are others now. */
  changed(now: Instant, call: Call): void;
}
