/**
 * What stands inside SIP header fields (RFC 3261 section 25.1): lists, parameters, addresses, Via, CSeq. Each function returns null for text that does
 * not follow the grammar, and never throws.
 */
import { emitUtf8, latin1, utf8Length } from '../text.ts';

const TOKEN = /^[\w\-.!%*+`'~]+$/;
/** Values of a parameter: a token, a host (with the colons and brackets of IPv6), or a quoted string. */
const PARAMETER_VALUE = /^(?:[\w\-.!%*+`'~[\]:/?@&$,]+|"(?:[^"\\]|\\[^\r\n])*")$/;

/** Entries of a list after which nobody reads on. */
const MAX_LIST = 256;

export interface Parameter {
  /** As written: compare without regard to case. */
  readonly name: string;
  /** As written, quotes included; null for a parameter without one. */
  readonly value: string | null;
}

export interface Address {
  /** Display name without its quotes; empty when there is none. */
  readonly display: string;
  readonly uri: string;
  readonly parameters: readonly Parameter[];
}

export interface Via {
  readonly transport: string;
  readonly host: string;
  /** Null when not named. */
  readonly port: number | null;
  readonly parameters: readonly Parameter[];
}

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Splits at `separator` where it stands neither in quotes nor in angle brackets. Null when one of these is not closed. */
export function split(text: string, separator: ',' | ';'): string[] | null {
  if (!text.includes('"') && !text.includes('<')) return text.split(separator, MAX_LIST).map((part) => part.trim());
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  let bracketed = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quoted) {
      if (character === '\\') at++;
      else if (character === '"') quoted = false;
    } else if (character === '"' && !bracketed) quoted = true;
    else if (character === '<') {
      if (bracketed) return null;
      bracketed = true;
    } else if (character === '>') bracketed = false;
    else if (character === separator && !bracketed) {
      if (parts.length === MAX_LIST) return null;
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  if (quoted || bracketed) return null;
  parts.push(text.slice(from).trim());
  return parts;
}

/** Parts of the form `name` or `name=value`. */
function parameters(parts: readonly string[]): Parameter[] | null {
  const list: Parameter[] = [];
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals).trimEnd();
    if (!TOKEN.test(name)) return null;
    const value = equals === -1 ? null : part.slice(equals + 1).trimStart();
    if (value !== null && !PARAMETER_VALUE.test(value)) return null;
    list.push({ name, value });
  }
  return list;
}

/** Value of the parameter, quotes taken off; an empty one when it has none; null when it is not there. */
export function parameter(list: readonly Parameter[], name: string): string | null {
  for (const one of list) {
    if (one.name.length === name.length && one.name.toLowerCase() === name) return unquoted(one.value ?? '');
  }
  return null;
}

export function unquoted(text: string): string {
  if (text.length < 2 || text[0] !== '"') return text;
  const inside = text.slice(1, -1);
  return inside.includes('\\') ? inside.replace(/\\(.)/g, '$1') : inside;
}

/** Text in quotes, as UTF-8. */
export function quoted(text: string): string {
  const octets = new Uint8Array(utf8Length(text));
  emitUtf8(text, octets);
  return `"${latin1(octets).replace(/["\\]/g, '\\$&')}"`;
}

/** name-addr or addr-spec with the header field's parameters: From, To, Contact, Refer-To. */
export function parseAddress(text: string): Address | null {
  const parts = split(text, ';');
  if (parts === null) return null;
  const first = parts[0]!;
  const list = parameters(parts.slice(1));
  if (list === null) return null;
  const open = first[0] === '"' ? first.indexOf('<', closingQuote(first)) : first.indexOf('<');
  if (open === -1) {
    // "If the URI contains a comma, question mark or semicolon, the URI MUST be enclosed in angle brackets" (20).
    if (!/^[A-Za-z][\w+.-]*:[^\s"<>?,]+$/.test(first)) return null;
    return { display: '', uri: first, parameters: list };
  }
  const name = first.slice(0, open).trim();
  const close = first.indexOf('>', open);
  if (close !== first.length - 1) return null;
  const uri = first.slice(open + 1, close);
  if (!/^[A-Za-z][\w+.-]*:[^\s<>]+$/.test(uri)) return null;
  if (name !== '' && !/^"(?:[^"\\]|\\[^\r\n])*"$/.test(name) && !name.split(/[ \t]+/).every(isToken)) return null;
  return { display: unquoted(name), uri, parameters: list };
}

/** Offset of the quotation mark that ends a string which begins at 0. */
function closingQuote(text: string): number {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

export function parseVia(text: string): Via | null {
  const parts = split(text, ';');
  const match = /^SIP\s*\/\s*2\.0\s*\/\s*([\w\-.!%*+`'~]+)\s+(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?:\s*:\s*(\d{1,5}))?$/i.exec(
    parts?.[0] ?? '',
  );
  if (parts === null || match === null) return null;
  const list = parameters(parts.slice(1));
  if (list === null) return null;
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && port > 65_535) return null;
  return { transport: match[1]!.toUpperCase(), host: match[2]!, port, parameters: list };
}

/** "MUST be less than 2**31" (8.1.1.5). */
const MAX_SEQUENCE = 0x7fff_ffff;

export function parseSequence(text: string): { readonly number: number; readonly method: string } | null {
  const match = /^(\d+)\s+([\w\-.!%*+`'~]+)$/.exec(text);
  if (match === null || Number(match[1]) > MAX_SEQUENCE) return null;
  return { number: Number(match[1]), method: match[2]! };
}

/** Seconds in Expires, Retry-After (which may go on with a comment or parameters) or an `expires` parameter; null when it is none. */
export function parseSeconds(text: string | null): number | null {
  const match = /^(\d{1,10})(?=$|[\s;(])/.exec(text ?? '');
  const seconds = match === null ? Number.NaN : Number(match[1]);
  return seconds <= 0xffff_ffff ? seconds : null;
}

/** Type and subtype in lower case with their parameters: Content-Type, Content-Disposition, Event. */
export function parseTyped(text: string): { readonly value: string; readonly parameters: readonly Parameter[] } | null {
  const parts = split(text, ';');
  if (parts === null) return null;
  const value = parts[0]!.toLowerCase().replace(/\s*\/\s*/, '/');
  const list = parameters(parts.slice(1));
  if (list === null || !/^[\w\-.!%*+`'~]+(?:\/[\w\-.!%*+`'~]+)?$/.test(value)) return null;
  return { value, parameters: list };
}
