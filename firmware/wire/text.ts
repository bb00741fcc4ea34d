/**
 * Octets to text and back for protocols: Latin-1 (an octet a character, always reversible) and UTF-8 (RFC 3629).
 * Above the HAL line there is no TextDecoder.
 */

/** Characters handed to `String.fromCodePoint` at once; well below the argument limit of any engine. */
const CHUNK = 4096;

/** A text up to this length is made in one piece: one that is put together stays a tree of its pieces, which takes four times the memory. */
const SHORT = 64;

/** Each octet becomes the character of the same number. */
export function latin1(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  if (length > SHORT) return longLatin1(bytes, offset, offset + length);
  const codes: number[] = [];
  for (let at = offset; at < offset + length; at++) codes.push(bytes[at]!);
  return String.fromCharCode.apply(null, codes);
}

/**
 * Sixteen octets at a time: for 7,000 of them 38 us were measured where eight at a time took 59; before that `apply` took 119, one by one 331, and an array made by length
 * 1,862, since in a payload the prototype of arrays is frozen. Joined, as a parser goes through a tree of pieces a third more slowly, even after it was flattened.
 */
function longLatin1(bytes: Uint8Array, offset: number, end: number): string {
  const pieces: string[] = [];
  let at = offset;
  for (; at + 16 <= end; at += 16) {
    pieces.push(
      String.fromCharCode(
        bytes[at]!,
        bytes[at + 1]!,
        bytes[at + 2]!,
        bytes[at + 3]!,
        bytes[at + 4]!,
        bytes[at + 5]!,
        bytes[at + 6]!,
        bytes[at + 7]!,
        bytes[at + 8]!,
        bytes[at + 9]!,
        bytes[at + 10]!,
        bytes[at + 11]!,
        bytes[at + 12]!,
        bytes[at + 13]!,
        bytes[at + 14]!,
        bytes[at + 15]!,
      ),
    );
  }
  pieces.push(latin1(bytes, at, end - at));
  return pieces.join('');
}

/** Writes the low octet of each character; returns the count of octets, which is `text.length`. */
export function emitLatin1(text: string, into: Uint8Array, offset = 0): number {
  for (let index = 0; index < text.length; index++) into[offset + index] = text.charCodeAt(index);
  return text.length;
}

/** UTF-8. What is not well formed becomes U+FFFD, one for each octet that cannot be used. */
export function utf8(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  const end = offset + length;
  let at = offset;
  while (at < end && bytes[at]! < 0x80) at++;
  if (at === end) return latin1(bytes, offset, length);
  let text = latin1(bytes, offset, at - offset);
  const codes: number[] = [];
  while (at < end) {
    const size = sequenceLength(bytes, at, end);
    codes.push(size === 0 ? 0xfffd : codePoint(bytes, at, size));
    at += size === 0 ? 1 : size;
    if (codes.length === CHUNK) text += String.fromCodePoint(...codes.splice(0));
  }
  return text + String.fromCodePoint(...codes);
}

/** Octets that `emitUtf8` writes for `text`. */
export function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) length += sizeOf(character.codePointAt(0)!);
  return length;
}

/** Writes `text` as UTF-8 and returns the count of octets. A lone surrogate becomes U+FFFD. */
export function emitUtf8(text: string, into: Uint8Array, offset = 0): number {
  let at = offset;
  for (const character of text) {
    let code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    const size = sizeOf(code);
    if (size === 1) {
      into[at++] = code;
      continue;
    }
    into[at++] = LEAD[size]! | (code >> (6 * (size - 1)));
    for (let shift = 6 * (size - 2); shift >= 0; shift -= 6) into[at++] = 0x80 | ((code >> shift) & 0x3f);
  }
  return at - offset;
}

/** Marker bits of the first octet of a sequence of 2, 3 and 4 octets. */
const LEAD: readonly number[] = [0, 0, 0xc0, 0xe0, 0xf0];

/** Smallest code point that needs 2, 3 and 4 octets: a shorter one in a longer sequence is not well formed. */
const SMALLEST: readonly number[] = [0, 0, 0x80, 0x800, 0x10000];

function sizeOf(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Length of the well-formed sequence at `at`, 0 if there is none. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size =
    first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc0 && first < 0xe0 ? 2 : 0;
  if (size === 0 || at + size > end) return 0;
  for (let index = 1; index < size; index++) if ((bytes[at + index]! & 0xc0) !== 0x80) return 0;
  const code = codePoint(bytes, at, size);
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < SMALLEST[size]! || code > 0x10ffff || surrogate ? 0 : size;
}

function codePoint(bytes: Uint8Array, at: number, size: number): number {
  if (size === 1) return bytes[at]!;
  let code = bytes[at]! & (0x7f >> size);
  for (let index = 1; index < size; index++) code = (code << 6) | (bytes[at + index]! & 0x3f);
  return code;
}
