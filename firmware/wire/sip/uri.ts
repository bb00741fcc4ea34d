/** SIP and SIPS URIs (RFC 3261 section 19.1): `sip:user:password@host:port;parameters?headers`. Other schemes are kept unread. */
import type { Parameter } from './grammar.ts';

export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  /** Escapes undone, an octet a character; null when there is none. */
  readonly user: string | null;
  /** A name, an IPv4 address, or an IPv6 one in brackets. */
  readonly host: string;
  /** Null when not named. */
  readonly port: number | null;
  readonly parameters: readonly Parameter[];
  /** What stands behind the question mark; empty when nothing does. */
  readonly headers: string;
}

export interface OtherUri {
  readonly scheme: string;
  readonly host: null;
}

const USER = /^(?:[\w\-.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/;
const PASSWORD = /^(?:[\w\-.!~*'()&=+$,]|%[0-9A-Fa-f]{2})*$/;
/** One way only to read each character: a name of repeated labels would be tried in every way of cutting it. */
const HOST_PORT = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][\w.-]*)(?::(\d{1,5}))?$/;
const PARAMETER = /^(?:[\w\-.!~*'()[\]/:&+$]|%[0-9A-Fa-f]{2})+(?:=(?:[\w\-.!~*'()[\]/:&+$]|%[0-9A-Fa-f]{2})+)?$/;

/** Longest URI that is looked into. */
const MAX_URI = 4096;

/** Null for what is no URI at all. */
export function parseUri(text: string): SipUri | OtherUri | null {
  const match = /^([A-Za-z][\w+.-]*):(\S+)$/.exec(text);
  if (match === null || text.length > MAX_URI || /[<>"]/.test(text)) return null;
  const scheme = match[1]!.toLowerCase();
  const rest = match[2]!;
  if (scheme !== 'sip' && scheme !== 'sips') return { scheme, host: null };
  // A user may hold ; and ?, so the last @ before the parameters of the host is the one that counts.
  const at = rest.lastIndexOf('@');
  const userInfo = at === -1 ? null : rest.slice(0, at);
  const [beforeHeaders, headers] = cut(rest.slice(at + 1), '?');
  const [hostPort = '', ...parts] = beforeHeaders.split(';');
  const host = HOST_PORT.exec(hostPort);
  if (host === null || Number(host[2] ?? 0) > 65_535 || !parts.every((part) => PARAMETER.test(part))) return null;
  const user = userInfo === null ? null : userOf(userInfo);
  if (userInfo !== null && user === null) return null;
  const parameters = parts.map((part) => {
    const [name, value] = cut(part, '=');
    return { name, value: value === '' ? null : value };
  });
  const port = host[2] === undefined ? null : Number(host[2]);
  return { scheme, user, host: host[1]!, port, parameters, headers };
}

function userOf(userInfo: string): string | null {
  const [user, password] = cut(userInfo, ':');
  if (!USER.test(user) || !PASSWORD.test(password)) return null;
  return user.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function cut(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

/** Characters that may not stand in the user part are escaped (19.1.2). */
export function escapedUser(user: string): string {
  return user.replace(/[^\w\-.!~*'()&=+$,;?/]/g, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? '%3F' : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
