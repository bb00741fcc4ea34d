/** What a message of a call says of who speaks, and its SDP. */
import { parseAddress, parseTyped } from '../../wire/sip/grammar.ts';
import { headerValue, type Message } from '../../wire/sip/message.ts';
import { parseUri } from '../../wire/sip/uri.ts';
import { latin1 } from '../../wire/text.ts';

/** Whom a message names in Remote-Party-ID, or else in From: the user of the address, empty when there is none. */
export function partyOf(m: Message): string {
  const address = parseAddress(headerValue(m, 'Remote-Party-ID') ?? headerValue(m, 'From') ?? '');
  const uri = address === null ? null : parseUri(address.uri);
  return uri !== null && 'user' in uri ? (uri.user ?? '') : '';
}

/** The sender's half of Session-ID (RFC 7989); empty when it names none. */
export function sessionOf(m: Message): string {
  return /^([0-9a-f]{32})(?:;|$)/i.exec(headerValue(m, 'Session-ID') ?? '')?.[1] ?? '';
}

/** The SDP of a message; null when it has none. */
export function sdpOf(m: Message): string | null {
  if (m.body.length === 0) return null;
  const type = parseTyped(headerValue(m, 'Content-Type') ?? '');
  return type?.value === 'application/sdp' ? latin1(m.body) : null;
}
