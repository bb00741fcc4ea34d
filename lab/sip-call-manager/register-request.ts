/** What a REGISTER says to a call manager. */
import { parameter, parseAddress, parseSeconds, split } from '../../firmware/wire/sip/grammar.ts';
import { headerValue, headerValues, type Request } from '../../firmware/wire/sip/message.ts';
import { parseUri } from '../../firmware/wire/sip/uri.ts';

export interface RegisterRequest {
  /** User of the address of record. */
  readonly user: string;
  readonly callId: string;
  /** `SEP…` as Contact names it, or made of its instance; empty for a phone of another maker. */
  readonly deviceName: string;
  /** Device type that Contact names; null when it names none. */
  readonly deviceType: number | null;
  /** Null for `*` and for a REGISTER that only asks. */
  readonly contactUri: string | null;
  /** Contact as it stands, without `expires`: the 200 echoes it. */
  readonly contact: string;
  /** Seconds asked for; 0 takes the registration back. */
  readonly expires: number;
  /** A standby connection's: nothing is to be registered. */
  readonly keepAlive: boolean;
}

const INSTANCE_MAC = /00000000-0000-0000-0000-([0-9a-f]{12})/i;

/** The request has been found valid. Of several contacts the first counts. */
export function readRegister(m: Request): RegisterRequest {
  const to = parseAddress(headerValue(m, 'To')!)!;
  const uri = parseUri(to.uri);
  const user = uri !== null && 'user' in uri ? (uri.user ?? '') : '';
  const contact = split(headerValues(m, 'Contact')[0] ?? '', ',')?.[0] ?? '';
  const address = contact === '' || contact === '*' ? null : parseAddress(contact);
  const parameters = address?.parameters ?? [];
  const mac = INSTANCE_MAC.exec(parameter(parameters, '+sip.instance') ?? '')?.[1];
  const named = parameter(parameters, '+u.sip!devicename.ccm.cisco.com');
  const type = parameter(parameters, '+u.sip!model.ccm.cisco.com');
  const expires = parseSeconds(parameter(parameters, 'expires')) ?? parseSeconds(headerValue(m, 'Expires'));
  return {
    user,
    callId: headerValue(m, 'Call-ID')!,
    deviceName: named ?? (mac === undefined || type === null ? '' : `SEP${mac.toUpperCase()}`),
    deviceType: type === null ? null : Number(type),
    contactUri: address?.uri ?? null,
    contact: contact.replace(/;expires=\d+/i, ''),
    expires: contact === '*' ? 0 : (expires ?? 3600),
    keepAlive: parameter(parameters, 'cisco-keep-alive') !== null,
  };
}

/** Token REFER: may this phone come here? */
export function asksForToken(m: Request): boolean {
  return (headerValue(m, 'Refer-To') ?? '').includes('urn:X-cisco-remotecc:token-registration');
}

export function tellsAlarm(m: Request): boolean {
  return (headerValue(m, 'Content-Type') ?? '').toLowerCase().startsWith('application/x-cisco-alarm+xml');
}

/** Text of the alarm in Reason; null when there is none. */
export function alarmOf(m: Request): string | null {
  return /text="(cisco-alarm:[^"]*)"/.exec(headerValue(m, 'Reason') ?? '')?.[1] ?? null;
}
