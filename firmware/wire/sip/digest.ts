/**
 * Digest authentication in SIP (RFC 3261 section 22.4; RFC 2617 section 3.2, RFC 7616 section 3.4): challenges, and the credentials that answer them, with MD5,
 * which is all that these phones know. The hash itself comes from outside.
 */
import { emitUtf8, latin1, utf8Length } from '../text.ts';
import { isToken, split, unquoted } from './grammar.ts';

/** MD5 of octets. */
export type Hash = (octets: Uint8Array) => Uint8Array;

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  /** Null when the challenge has none. */
  readonly opaque: string | null;
  /** The nonce alone was too old; the password was right. */
  readonly stale: boolean;
  /** `MD5` as the challenge writes it, null when it does not say. */
  readonly algorithm: string | null;
  /** True when `auth` is among what it offers. */
  readonly qop: boolean;
}

export interface Credentials {
  readonly userName: string;
  readonly password: string;
}

/** What belongs to one request. */
export interface DigestRequest {
  readonly method: string;
  readonly uri: string;
  /** How often the nonce has been used, from 1 on, and the client's own nonce: for `qop` only. */
  readonly nonceCount: number;
  readonly cnonce: string;
}

export interface DigestAnswer extends DigestRequest {
  readonly userName: string;
  readonly realm: string;
  readonly nonce: string;
  readonly response: string;
  readonly qop: boolean;
}

/** Parameters of WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization. Null unless the scheme is Digest. */
function digestParameters(text: string): ReadonlyMap<string, string> | null {
  const match = /^digest\s+(.+)$/i.exec(text);
  const parts = match === null ? null : split(match[1]!, ',');
  if (parts === null) return null;
  const found = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).trim();
    if (equals < 1 || !isToken(name)) return null;
    found.set(name.toLowerCase(), unquoted(part.slice(equals + 1).trim()));
  }
  return found;
}

/** Null for what is no Digest challenge, or one whose algorithm is not MD5. */
export function parseChallenge(text: string): Challenge | null {
  const found = digestParameters(text);
  if (found === null) return null;
  const realm = found.get('realm');
  const nonce = found.get('nonce');
  if (realm === undefined || nonce === undefined) return null;
  const algorithm = found.get('algorithm') ?? null;
  if (algorithm !== null && algorithm.toUpperCase() !== 'MD5') return null;
  const offered = found.get('qop');
  const qop = (offered ?? '').split(',').some((one) => one.trim().toLowerCase() === 'auth');
  // Only auth-int is on offer: nothing that a phone does.
  if (offered !== undefined && !qop) return null;
  return {
    realm,
    nonce,
    opaque: found.get('opaque') ?? null,
    stale: found.get('stale')?.toLowerCase() === 'true',
    algorithm,
    qop,
  };
}

/** Value of Authorization or Proxy-Authorization. */
export function authorization(
  challenge: Challenge,
  credentials: Credentials,
  request: DigestRequest,
  hash: Hash,
): string {
  const { realm, nonce, opaque, algorithm, qop } = challenge;
  const { method, uri, nonceCount, cnonce } = request;
  const { userName } = credentials;
  const answer = { method, uri, nonceCount, cnonce, userName, realm, nonce, qop };
  const response = digestResponse(answer, credentials.password, hash);
  const parts = [
    `username="${escaped(userName)}"`,
    `realm="${escaped(realm)}"`,
    `uri="${uri}"`,
    `response="${response}"`,
    `nonce="${escaped(nonce)}"`,
  ];
  if (opaque !== null) parts.push(`opaque="${escaped(opaque)}"`);
  if (qop) parts.push(`cnonce="${cnonce}"`, 'qop=auth', `nc=${hexCount(nonceCount)}`);
  if (algorithm !== null) parts.push(`algorithm=${algorithm}`);
  return `Digest ${parts.join(',')}`;
}

/** What a client says; for servers. Null for what is no Digest. */
export function parseAuthorization(text: string, method: string): DigestAnswer | null {
  const found = digestParameters(text);
  if (found === null) return null;
  const field = (name: string): string => found.get(name) ?? '';
  return {
    method,
    uri: field('uri'),
    userName: field('username'),
    realm: field('realm'),
    nonce: field('nonce'),
    response: field('response'),
    nonceCount: Number.parseInt(field('nc'), 16) || 0,
    cnonce: field('cnonce'),
    qop: found.has('qop'),
  };
}

/** The `response` that proves the password: 32 hexadecimal digits. */
export function digestResponse(request: Omit<DigestAnswer, 'response'>, password: string, hash: Hash): string {
  const { userName, realm, nonce, qop, nonceCount, cnonce, method, uri } = request;
  const a1 = hexHash(`${userName}:${realm}:${password}`, hash);
  const a2 = hexHash(`${method}:${uri}`, hash);
  const middle = qop ? `${nonce}:${hexCount(nonceCount)}:${cnonce}:auth` : nonce;
  return hexHash(`${a1}:${middle}:${a2}`, hash);
}

function hexCount(count: number): string {
  return count.toString(16).padStart(8, '0');
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

function hexHash(text: string, hash: Hash): string {
  const octets = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) octets[k] = text.charCodeAt(k);
  let hex = '';
  for (const octet of hash(octets)) hex += octet.toString(16).padStart(2, '0');
  return hex;
}

/** Text of a configuration file as the octets that are hashed: UTF-8, a character for each. */
export function asOctets(text: string): string {
  const octets = new Uint8Array(utf8Length(text));
  emitUtf8(text, octets);
  return latin1(octets);
}
