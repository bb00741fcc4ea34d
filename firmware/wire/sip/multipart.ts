/**
 * Bodies in several parts (RFC 2046 section 5.1), as far as SIP uses them: a part has header fields, a blank line and text. Boundary lines begin with
 * two hyphens, the last ends with two more; what stands before the first and after the last is nobody's.
 */
import { latin1 } from '../text.ts';
import { parameter, parseTyped } from './grammar.ts';
import { headerName } from './header-name.ts';
import { headerValue, type Message } from './message.ts';

export interface Part {
  /** Type and subtype in lower case. */
  readonly type: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Octets, a character each. */
  readonly text: string;
}

/** CUCM sends six at once at the most (`combine max="6"`). */
const MAX_PARTS = 32;
const MAX_PART_HEADERS = 16;
const LONGEST_BOUNDARY = 70;

/** The parts of a message's body: several of a multipart one, one of any other, none of an empty one or one that follows no grammar. */
export function partsOf(m: Message): readonly Part[] {
  if (m.body.length === 0) return [];
  const typed = parseTyped(headerValue(m, 'Content-Type') ?? '');
  if (typed === null) return [];
  const text = latin1(m.body);
  if (!typed.value.startsWith('multipart/')) return [{ type: typed.value, headers: [], text }];
  const boundary = parameter(typed.parameters, 'boundary');
  if (boundary === null || boundary === '' || boundary.length > LONGEST_BOUNDARY) return [];
  return cut(text, `--${boundary}`);
}

function cut(text: string, delimiter: string): Part[] {
  const parts: Part[] = [];
  // The line end before a delimiter belongs to it.
  const pieces = `\r\n${text}`.split(`\r\n${delimiter}`, MAX_PARTS + 2).slice(1);
  for (const piece of pieces) {
    if (piece.startsWith('--') || parts.length === MAX_PARTS) break;
    const part = partOf(piece);
    if (part !== null) parts.push(part);
  }
  return parts;
}

/** `piece` begins with what stands behind the delimiter on its line. */
function partOf(piece: string): Part | null {
  const lineEnd = piece.indexOf('\r\n');
  if (lineEnd === -1) return null;
  const blank = piece.indexOf('\r\n\r\n', lineEnd);
  if (blank === -1) return null;
  const headers = piece
    .slice(lineEnd + 2, blank)
    .split('\r\n', MAX_PART_HEADERS)
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 1 ? [] : [{ name: headerName(line.slice(0, colon).trim()), value: line.slice(colon + 1).trim() }];
    });
  const type = parseTyped(headers.find(({ name }) => name === 'Content-Type')?.value ?? 'text/plain');
  return type === null ? null : { type: type.value, headers, text: piece.slice(blank + 4) };
}

/** A part as it is written: header fields, then text. */
export interface PartToWrite {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly text: string;
}

export function multipartText(boundary: string, parts: readonly PartToWrite[]): string {
  const written = parts.map(({ headers, text }) => {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return `--${boundary}\r\n${lines}\r\n${text}\r\n`;
  });
  return `${written.join('')}--${boundary}--\r\n`;
}
