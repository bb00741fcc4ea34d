/** The requests that a phone sends outside calls, header fields in the order of real phones. */
import type { Ipv4 } from '../../../hal/nic.ts';
import type { Rng } from '../../../hal/rng.ts';
import type { TunableValues } from '../../../hal/tunables.ts';
import { ipv4Text } from '../../wire/address.ts';
import type { OutOfServiceReason } from '../../wire/sccp/alarm.ts';
import { dateValue } from '../../wire/sip/date.ts';
import type { Hash } from '../../wire/sip/digest.ts';
import { type Header, NO_BODY, type Request, VERSION } from '../../wire/sip/message.ts';
import { escapedUser } from '../../wire/sip/uri.ts';
import { emitLatin1, emitUtf8, utf8Length } from '../../wire/text.ts';
import type { CallMedia } from '../calls.ts';
import { Binding, hex32, newCallId, newTag } from './binding.ts';
import {
  ALLOW,
  alarmReason,
  contactParameters,
  type Generation,
  generationOf,
  MULTIPART_HEADERS,
  registerBody,
  type SipIdentity,
  userAgentOf,
} from './offer.ts';
import type { SipLine, SipSettings } from './settings.ts';

export interface SipClientOptions extends SipIdentity {
  readonly settings: SipSettings;
  /** The call manager as the configuration names it: host part of the address of record, and the Request-URI. */
  readonly host: string;
  readonly tunables: TunableValues;
  readonly rng: Rng;
  /** MD5. */
  readonly hash: Hash;
  /** Calendar time, milliseconds since 1970: phones write it into REGISTER, right or wrong. */
  readonly calendar: () => number;
  /** Without it the phone makes no calls, and takes none. */
  readonly media?: CallMedia;
  /** For engineers: what was ignored, and why. */
  readonly debug?: (line: string) => void;
}

const NO_BINDING_SECONDS = 0;
/** Expires of a REFER that tells an alarm. */
const ALARM_EXPIRES = 10;
const NIL_SESSION = '0'.repeat(32);
const TOKEN_URN = '<urn:X-cisco-remotecc:token-registration>';

export class Requests {
  readonly #options: SipClientOptions;
  readonly #generation: Generation;
  #address: Ipv4 = 0;
  #port = 0;
  #session = '';
  /** Of Call-IDs and tags made so far. */
  #counter = 0;

  constructor(options: SipClientOptions) {
    this.#options = options;
    this.#generation = generationOf(options.load);
  }

  connected(address: Ipv4, port: number): void {
    this.#address = address;
    this.#port = port;
  }

  /** One for each line, at least one: a phone without lines registers by its own name. */
  bindings(): Binding[] {
    const { settings, deviceName, hash } = this.#options;
    const lines = settings.lines.length === 0 ? [nameless(deviceName)] : settings.lines;
    return lines.map((line) => new Binding(line, this.callId(), this.tag(), settings.timerRegisterExpires, hash));
  }

  /** `primary`: this line speaks for the device. */
  register(
    binding: Binding,
    what: 'first' | 'refresh' | 'leave',
    reason: OutOfServiceReason,
    primary: boolean,
  ): Request {
    const { host, rng, settings } = this.#options;
    const uri = `sip:${host}`;
    const first = what === 'first' && primary;
    const leaving = what === 'leave' ? ';expires=0' : '';
    const expires = what === 'leave' ? NO_BINDING_SECONDS : binding.expires;
    const headers: Header[] = [this.via(), ...binding.addressHeaders(host), ...this.#common()];
    headers.push(
      { name: 'CSeq', value: `${binding.nextSequence()} REGISTER` },
      { name: 'User-Agent', value: userAgentOf(this.#options) },
      { name: 'Contact', value: `${this.#contact(binding)}${leaving}` },
      ...binding.digest.headers('REGISTER', uri, hex32(rng), binding.line, settings.lines[0] ?? binding.line),
      { name: 'Supported', value: this.#generation.supported },
    );
    if (first) headers.push({ name: 'Reason', value: alarmReason(this.#options, reason) });
    headers.push({ name: 'Expires', value: String(expires) });
    if (first) headers.push(...MULTIPART_HEADERS);
    const body = first ? octetsOf(registerBody(this.#generation)) : NO_BODY;
    return { kind: 'request', method: 'REGISTER', uri, version: VERSION, headers, body };
  }

  /** Keeps a standby connection alive: a REGISTER that registers nothing. */
  probe(): Request {
    const { host } = this.#options;
    const [binding] = this.bindings();
    const headers: Header[] = [this.via(), ...binding!.addressHeaders(host), ...this.#common()];
    headers.push(
      { name: 'CSeq', value: `${binding!.nextSequence()} REGISTER` },
      { name: 'User-Agent', value: userAgentOf(this.#options) },
      { name: 'Contact', value: `${this.#contact(binding!)};expires=0;cisco-keep-alive` },
      { name: 'Supported', value: this.#generation.supported },
      { name: 'Expires', value: '0' },
    );
    return { kind: 'request', method: 'REGISTER', uri: `sip:${host}:5060`, version: VERSION, headers, body: NO_BODY };
  }

  /** May this phone register here? 202 says yes. */
  token(): Request {
    return this.#refer([{ name: 'Refer-To', value: TOKEN_URN }], NO_BODY);
  }

  /** Tells why the phone was out of service. */
  alarm(xml: string): Request {
    const id = `${hex32(this.#options.rng)}@${ipv4Text(this.#address)}`;
    const headers = [
      { name: 'Expires', value: String(ALARM_EXPIRES) },
      { name: 'Require', value: 'norefersub' },
      { name: 'Refer-To', value: `cid:${id}` },
      { name: 'Content-Id', value: `<${id}>` },
      { name: 'Allow', value: ALLOW },
      { name: 'Content-Type', value: 'application/x-cisco-alarm+xml' },
      { name: 'Content-Disposition', value: 'session;handling=required' },
    ];
    return this.#refer(headers, octetsOf(xml));
  }

  /** URI of the phone's own Contact. */
  contactUri({ line }: { readonly line: SipLine }): string {
    const user = escapedUser(line.contact === '' ? line.name : line.contact);
    return `sip:${user}@${ipv4Text(this.#address)}:${this.#port};transport=${this.#options.settings.transport}`;
  }

  tag(): string {
    this.#counter++;
    return newTag(this.#options, this.#counter, this.#options.rng);
  }

  #contact(binding: Binding): string {
    return `<${this.contactUri(binding)}>;${contactParameters(this.#options)}`;
  }

  #refer(further: readonly Header[], body: Uint8Array): Request {
    const { host, deviceName, settings } = this.#options;
    const line = settings.lines[0] ?? nameless(deviceName);
    const address = `<sip:${escapedUser(line.name)}@${host}>`;
    const headers: Header[] = [
      this.via(),
      { name: 'From', value: `${address};tag=${this.tag()}` },
      { name: 'To', value: `<sip:${host}>` },
      { name: 'Call-ID', value: this.callId() },
      ...this.#common(),
      { name: 'CSeq', value: '1000 REFER' },
      { name: 'User-Agent', value: userAgentOf(this.#options) },
      {
        name: 'Contact',
        value: `<sip:${escapedUser(line.contact || line.name)}@${ipv4Text(this.#address)}:${this.#port}>`,
      },
      { name: 'Referred-By', value: address },
      ...further,
    ];
    return { kind: 'request', method: 'REFER', uri: `sip:${host}`, version: VERSION, headers, body };
  }

  via(): Header {
    const { settings, rng } = this.#options;
    const place = `${ipv4Text(this.#address)}:${this.#port}`;
    return { name: 'Via', value: `SIP/2.0/${settings.transport.toUpperCase()} ${place};branch=z9hG4bK${hex32(rng)}` };
  }

  /** Max-Forwards, Session-ID, Date. */
  common(session: string): Header[] {
    const { settings, calendar } = this.#options;
    return [
      { name: 'Max-Forwards', value: String(settings.maxRedirects) },
      ...(session === '' ? [] : [{ name: 'Session-ID', value: session }]),
      { name: 'Date', value: dateValue(calendar() / 1000) },
    ];
  }

  /** A new half of a Session-ID; empty where the load knows none. */
  newSession(): string {
    const { rng } = this.#options;
    return this.#generation.sessionId ? hex32(rng) + hex32(rng) + hex32(rng) + hex32(rng) : '';
  }

  #common(): Header[] {
    // One for all requests of a registration (RFC 7989 section 6).
    this.#session ||= this.newSession();
    return this.common(sessionValue(this.#session, ''));
  }

  callId(): string {
    this.#counter++;
    return newCallId(this.#options, this.#counter, this.#address, this.#options.rng);
  }
}

/** Value of Session-ID (RFC 7989); empty when `own` is. */
export function sessionValue(own: string, remote: string): string {
  return own === '' ? '' : `${own};remote=${remote === '' ? NIL_SESSION : remote}`;
}

/** What SIPCC makes of a file without lines: the device name is the address of record. */
export function nameless(deviceName: string): SipLine {
  return { instance: 1, name: deviceName, contact: '', displayName: '', label: '', authName: '', authPassword: '' };
}

function octetsOf(text: string): Uint8Array {
  const length = utf8Length(text);
  const octets = new Uint8Array(length);
  if (length === text.length) emitLatin1(text, octets);
  else emitUtf8(text, octets);
  return octets;
}
