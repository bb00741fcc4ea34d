/**
 * The requests and responses of a call, header fields in the order of real phones (INVITE after a public log of a phone with 9.1.1: Remote-Party-ID, Allow-Events, SDP
 * with `handling=optional`; 12.x adds Session-ID).
 */
import { dateValue } from '../../wire/sip/date.ts';
import { parameter, parseAddress, quoted } from '../../wire/sip/grammar.ts';
import { type Header, headerValue, NO_BODY, type Request, type Response, VERSION } from '../../wire/sip/message.ts';
import { escapedUser } from '../../wire/sip/uri.ts';
import { emitLatin1, latin1 } from '../../wire/text.ts';
import { responseTo } from './answer.ts';
import { hex32 } from './binding.ts';
import { type Dialog, sequenceOf, wayOf } from './dialog.ts';
import type { DigestClient } from './digest-client.ts';
import { ALLOW, generationOf, userAgentOf } from './offer.ts';
import { nameless, type Requests, type SipClientOptions, sessionValue } from './requests.ts';
import type { SipLine } from './settings.ts';

/** Seconds that a call may ring. */
const INVITE_EXPIRES = 180;
const INVITE_EVENTS = 'kpml,dialog';

/** Who is at this end of a call, and what belongs to all its requests. */
export interface CallIdentity {
  readonly line: SipLine;
  readonly digest: DigestClient;
  /** Halves of Session-ID: own, and the other side's as far as it is known. */
  readonly session: string;
  remoteSession: string;
}

/** A call that begins. */
export interface NewCall {
  /** Request-URI and To. */
  readonly uri: string;
  readonly callId: string;
  readonly tag: string;
  readonly sequence: number;
  readonly sdp: string;
  /** Replaces, Referred-By. */
  readonly further: readonly Header[];
}

export class CallRequests {
  readonly #requests: Requests;
  readonly #options: SipClientOptions;

  constructor(requests: Requests, options: SipClientOptions) {
    this.#requests = requests;
    this.#options = options;
  }

  newIdentity(line: SipLine, digest: DigestClient, remoteSession: string): CallIdentity {
    return { line, digest, session: this.#requests.newSession(), remoteSession };
  }

  /** Of a phone whose file names no line. */
  get fallbackLine(): SipLine {
    return this.#options.settings.lines[0] ?? nameless(this.#options.deviceName);
  }

  newCallId(): string {
    return this.#requests.callId();
  }

  newTag(): string {
    return this.#requests.tag();
  }

  /** What a number is called at this call manager. */
  uriOf(number: string): string {
    return `sip:${escapedUser(number)}@${this.#options.host}`;
  }

  /** The same INVITE with credentials: the next CSeq (22.2). */
  inviteAgain(identity: CallIdentity, before: Request): Request {
    const from = parseAddress(headerValue(before, 'From')!)!;
    return this.invite(identity, {
      uri: before.uri,
      callId: headerValue(before, 'Call-ID')!,
      tag: parameter(from.parameters, 'tag')!,
      sequence: sequenceOf(before) + 1,
      sdp: latin1(before.body),
      further: before.headers.filter(({ name }) => name === 'Replaces' || name === 'Referred-By'),
    });
  }

  invite(identity: CallIdentity, call: NewCall): Request {
    const { line } = identity;
    const { uri, callId, tag, sequence, sdp, further } = call;
    const headers: Header[] = [
      this.#requests.via(),
      { name: 'From', value: `${this.#named(line)};tag=${tag}` },
      { name: 'To', value: `<${uri}>` },
      { name: 'Call-ID', value: callId },
      ...this.#common(identity),
      { name: 'CSeq', value: `${sequence} INVITE` },
      { name: 'User-Agent', value: userAgentOf(this.#options) },
      { name: 'Contact', value: `<${this.#requests.contactUri({ line })}>` },
      ...this.#credentials(identity, 'INVITE', uri),
      { name: 'Expires', value: String(INVITE_EXPIRES) },
      { name: 'Accept', value: 'application/sdp' },
      { name: 'Allow', value: ALLOW },
      this.#party(line, 'calling'),
      { name: 'Supported', value: generationOf(this.#options.load).supported },
      { name: 'Allow-Events', value: INVITE_EVENTS },
      ...further,
      ...SDP_HEADERS,
    ];
    return { kind: 'request', method: 'INVITE', uri, version: VERSION, headers, body: octetsOf(sdp) };
  }

  /** A request within a dialog, with the next CSeq; `sequence` gives an ACK the one of its INVITE. */
  within(
    identity: CallIdentity,
    dialog: Dialog,
    method: string,
    further: readonly Header[] = [],
    body: Uint8Array = NO_BODY,
    sequence: number | null = null,
  ): Request {
    if (sequence === null) dialog.sequence++;
    const { uri, route } = wayOf(dialog);
    const { line } = identity;
    const contact = method === 'INVITE' || method === 'REFER' || method === 'NOTIFY' || method === 'UPDATE';
    const remoteTag = dialog.remoteTag === '' ? '' : `;tag=${dialog.remoteTag}`;
    const headers: Header[] = [
      this.#requests.via(),
      ...route,
      { name: 'From', value: `${dialog.local};tag=${dialog.localTag}` },
      { name: 'To', value: `${dialog.remote}${remoteTag}` },
      { name: 'Call-ID', value: dialog.callId },
      ...this.#common(identity),
      { name: 'CSeq', value: `${sequence ?? dialog.sequence} ${method}` },
      { name: 'User-Agent', value: userAgentOf(this.#options) },
      ...(contact ? [{ name: 'Contact', value: `<${this.#requests.contactUri({ line })}>` }] : []),
      ...this.#credentials(identity, method, uri),
      ...further,
    ];
    return { kind: 'request', method, uri, version: VERSION, headers, body };
  }

  /** An INVITE within a dialog: holds, resumes, and answers what comes. */
  again(identity: CallIdentity, dialog: Dialog, sdp: string): Request {
    const further = [
      { name: 'Expires', value: String(INVITE_EXPIRES) },
      { name: 'Accept', value: 'application/sdp' },
      { name: 'Allow', value: ALLOW },
      this.#party(identity.line, 'calling'),
      { name: 'Supported', value: generationOf(this.#options.load).supported },
      { name: 'Allow-Events', value: INVITE_EVENTS },
      ...SDP_HEADERS,
    ];
    return this.within(identity, dialog, 'INVITE', further, octetsOf(sdp));
  }

  ack(identity: CallIdentity, dialog: Dialog, sequence: number, sdp: string | null): Request {
    const body = sdp === null ? NO_BODY : octetsOf(sdp);
    return this.within(identity, dialog, 'ACK', sdp === null ? [] : SDP_HEADERS, body, sequence);
  }

  /** What a called phone says to an INVITE, or to an UPDATE. */
  response(identity: CallIdentity, to: Request, tag: string, status: number, reason: string, sdp = ''): Response {
    const { line } = identity;
    const headers: Header[] = [
      // "The UAS MUST copy all Record-Route header field values from the request into the response" (12.1.1).
      ...to.headers.filter(({ name }) => name === 'Record-Route'),
      { name: 'Date', value: dateValue(this.#options.calendar() / 1000) },
      ...(identity.session === ''
        ? []
        : [{ name: 'Session-ID', value: sessionValue(identity.session, identity.remoteSession) }]),
      { name: 'Server', value: userAgentOf(this.#options) },
      { name: 'Contact', value: `<${this.#requests.contactUri({ line })}>` },
      { name: 'Allow', value: ALLOW },
      this.#party(line, 'called'),
      { name: 'Supported', value: generationOf(this.#options.load).supported },
      { name: 'Allow-Events', value: INVITE_EVENTS },
      ...(sdp === '' ? [] : SDP_HEADERS),
    ];
    return { ...responseTo(to, { status, reason, headers }, tag), body: sdp === '' ? NO_BODY : octetsOf(sdp) };
  }

  #common({ session, remoteSession }: CallIdentity): Header[] {
    return this.#requests.common(sessionValue(session, remoteSession));
  }

  #credentials({ digest, line }: CallIdentity, method: string, uri: string): Header[] {
    const { rng, settings } = this.#options;
    return digest.headers(method, uri, hex32(rng), line, settings.lines[0] ?? line);
  }

  /** `"Ann" <sip:2001@cm>`. */
  #named(line: SipLine): string {
    const address = `<${this.uriOf(line.name)}>`;
    return line.displayName === '' ? address : `${quoted(line.displayName)} ${address}`;
  }

  #party(line: SipLine, party: 'calling' | 'called'): Header {
    const value = `${this.#named(line)};party=${party};id-type=subscriber;privacy=off;screen=yes`;
    return { name: 'Remote-Party-ID', value };
  }
}

export const SDP_HEADERS: readonly Header[] = [
  { name: 'Content-Type', value: 'application/sdp' },
  { name: 'Content-Disposition', value: 'session;handling=optional' },
];

/** Text of characters below 256, an octet each. */
export function octetsOf(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  emitLatin1(text, octets);
  return octets;
}
