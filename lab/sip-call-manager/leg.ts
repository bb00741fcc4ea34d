/** One phone's part of a call that goes through the call manager: a dialog of its own (RFC 3261 section 12), since CUCM is a back-to-back user agent. */
import { parameter, parseAddress, parseSequence, split } from '../../firmware/wire/sip/grammar.ts';
import { type Header, headerValue, NO_BODY, type Request, type Response } from '../../firmware/wire/sip/message.ts';
import type { Peer } from './peer.ts';
import { SECURE_SIP_PORT, SERVER } from './stationery.ts';

export class Leg {
  readonly peer: Peer;
  readonly callId: string;
  readonly localTag: string;
  /** Of who is at the other end of the call, as this phone is to see him. */
  readonly localUri: string;
  readonly remoteUri: string;
  /** Directory number of this phone. */
  readonly number: string;
  remoteTag = '';
  target: string;
  sequence = 100;
  /** The INVITE of the phone that has had no final answer; null when there is none. */
  asked: Request | null = null;
  /** Our INVITE that has had none. */
  asking: Request | null = null;
  /** It has had a provisional one: it can be taken back. */
  proceeding = false;
  /** The ACK of this side to the phone's 200 waits for what the other side says. */
  unacknowledged: Response | null = null;
  /** What was said to the last 200, for when that comes again. */
  lastAck: Uint8Array | undefined = undefined;
  /** Both sides have had their 200. */
  up = false;
  other: Leg | null = null;

  constructor(
    peer: Peer,
    of: Pick<Leg, 'callId' | 'localTag' | 'localUri' | 'remoteUri' | 'number' | 'target'>,
    remoteTag = '',
  ) {
    this.peer = peer;
    this.callId = of.callId;
    this.localTag = of.localTag;
    this.localUri = of.localUri;
    this.remoteUri = of.remoteUri;
    this.number = of.number;
    this.target = of.target;
    this.remoteTag = remoteTag;
  }
}

export function contactIn(m: Request | Response): string | null {
  const first = split(headerValue(m, 'Contact') ?? '', ',')?.[0] ?? '';
  return parseAddress(first)?.uri ?? null;
}

export function tagIn(value: string | null): string {
  const address = parseAddress(value ?? '');
  return address === null ? '' : (parameter(address.parameters, 'tag') ?? '');
}

export function sequenceIn(m: Request | Response): number {
  return parseSequence(headerValue(m, 'CSeq') ?? '')?.number ?? 0;
}

export const ALLOW = 'INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, REGISTER';

/** What requests in calls are written with. */
export interface Letterhead {
  readonly node: string;
  readonly port: number;
  /** Unlike that of any other request of this node. */
  readonly id: string;
  readonly date: string;
}

/** Where this node is reached over the transport of a peer. */
function placeOf({ node, port }: Letterhead, { transport }: Peer): string {
  return `${node}:${transport === 'tls' ? SECURE_SIP_PORT : port}`;
}

export function contactFor(letterhead: Letterhead, leg: Leg): Header {
  const user = leg.other?.number ?? leg.number;
  return {
    name: 'Contact',
    value: `<sip:${user}@${placeOf(letterhead, leg.peer)};transport=${leg.peer.transport}>`,
  };
}

/** A request within the leg's dialog, or the INVITE that begins it. `sequence` gives an ACK and a CANCEL that of their INVITE. */
export function legRequest(
  letterhead: Letterhead,
  leg: Leg,
  method: string,
  more: { readonly headers?: readonly Header[]; readonly body?: Uint8Array; readonly sequence?: number } = {},
): Request {
  const { body = NO_BODY } = more;
  if (more.sequence === undefined) leg.sequence++;
  const transport = leg.peer.transport.toUpperCase();
  const remoteTag = leg.remoteTag === '' ? '' : `;tag=${leg.remoteTag}`;
  const headers: Header[] = [
    { name: 'Via', value: `SIP/2.0/${transport} ${placeOf(letterhead, leg.peer)};branch=z9hG4bK${letterhead.id}` },
    { name: 'From', value: `<${leg.localUri}>;tag=${leg.localTag}` },
    { name: 'To', value: `<${leg.remoteUri}>${remoteTag}` },
    { name: 'Date', value: letterhead.date },
    { name: 'Call-ID', value: leg.callId },
    { name: 'User-Agent', value: SERVER },
    { name: 'CSeq', value: `${more.sequence ?? leg.sequence} ${method}` },
    { name: 'Max-Forwards', value: '70' },
    ...(method === 'INVITE' || method === 'NOTIFY' ? [contactFor(letterhead, leg)] : []),
    ...(more.headers ?? []),
    ...(body.length > 0 && method !== 'NOTIFY' ? [{ name: 'Content-Type', value: 'application/sdp' }] : []),
  ];
  return { kind: 'request', method, uri: leg.target, version: 'SIP/2.0', headers, body };
}

/** ACK to a refusal, and CANCEL: what belongs to the same hop as its INVITE (17.1.1.3, 9.1). */
export function sameHop(invite: Request, method: 'ACK' | 'CANCEL', to: string | null): Request {
  const kept = ['Via', 'From', 'Call-ID', 'Max-Forwards'];
  const headers = invite.headers.flatMap(({ name, value }) => {
    if (name === 'To') return [{ name, value: to ?? value }];
    if (name === 'CSeq') return [{ name, value: `${Number.parseInt(value, 10)} ${method}` }];
    return kept.includes(name) ? [{ name, value }] : [];
  });
  return { ...invite, method, headers, body: NO_BODY };
}
