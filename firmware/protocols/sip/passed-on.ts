/** Calls handed from one to another: REFER (RFC 3515) with Replaces (RFC 3891), from the side of who is asked to call. */
import type { Instant } from '../../../hal/timer.ts';
import { parameter, parseAddress, split } from '../../wire/sip/grammar.ts';
import type { Header } from '../../wire/sip/message.ts';
import { parseUri } from '../../wire/sip/uri.ts';
import type { Call } from './call.ts';
import type { CallOwner } from './call-owner.ts';
import { octetsOf } from './call-requests.ts';
import type { Dialog } from './dialog.ts';

/** Whom to call, and which of his calls it takes the place of; null when it takes none's. */
export interface ReferTarget {
  readonly uri: string;
  readonly number: string;
  readonly replaces: string | null;
}

/** What Refer-To says; null when it is nobody who can be called. */
export function replacesOf(referTo: string): ReferTarget | null {
  const address = parseAddress(referTo);
  if (address === null) return null;
  const [uri = '', headers = ''] = address.uri.split('?', 2);
  const parsed = parseUri(uri);
  if (parsed === null || !('user' in parsed)) return null;
  const replaces = /(?:^|&)Replaces=([^&]*)/i.exec(headers)?.[1];
  return { uri, number: parsed.user ?? '', replaces: replaces === undefined ? null : unescaped(replaces) };
}

/** Whether Replaces names this dialog (RFC 3891 section 3): `to-tag` is the tag of who reads it. */
export function replacedBy(replaces: string, dialog: Dialog | null): boolean {
  const [callId, ...parts] = split(replaces, ';') ?? [];
  if (dialog === null || callId !== dialog.callId) return false;
  const list = parts.map((part) => {
    const [name = '', value = ''] = part.split('=', 2);
    return { name, value };
  });
  return parameter(list, 'to-tag') === dialog.localTag && parameter(list, 'from-tag') === dialog.remoteTag;
}

function unescaped(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** A call that this phone makes since the other side of `of` asked for it; that one is told how it goes. */
export class PassedOn {
  readonly to: Call;
  readonly #of: Call;
  done = false;

  constructor(of: Call, to: Call) {
    this.#of = of;
    this.to = to;
  }

  begin(now: Instant, owner: CallOwner, target: ReferTarget, referredBy: string | null): void {
    this.#notify(now, owner, '100 Trying', 'active;expires=60');
    this.#of.setHold(now, true);
    const further: Header[] = referredBy === null ? [] : [{ name: 'Referred-By', value: referredBy }];
    if (target.replaces !== null) further.push({ name: 'Replaces', value: target.replaces });
    this.to.dial(now, target.number, target.uri, further);
  }

  /** `call` has changed. */
  report(now: Instant, call: Call, owner: CallOwner): void {
    if (this.done || (call !== this.to && call !== this.#of)) return;
    const { state } = this.to;
    if (this.#of.state !== 'connected') this.done = true;
    else if (state === 'connected') this.#finish(now, owner, '200 OK');
    else if (state === 'failed' || state === 'ended') this.#finish(now, owner, '503 Service Unavailable');
  }

  #finish(now: Instant, owner: CallOwner, status: string): void {
    this.done = true;
    this.#notify(now, owner, status, 'terminated;reason=noresource');
  }

  #notify(now: Instant, owner: CallOwner, status: string, subscription: string): void {
    const { dialog, identity } = this.#of;
    if (dialog === null) return;
    const headers = [
      { name: 'Event', value: 'refer' },
      { name: 'Subscription-State', value: subscription },
      { name: 'Content-Type', value: 'message/sipfrag;version=2.0' },
    ];
    const body = octetsOf(`SIP/2.0 ${status}\r\n`);
    owner.request(now, this.#of, owner.requests.within(identity, dialog, 'NOTIFY', headers, body));
  }
}
