/** Text in flash is printable ASCII: load names, keys, addresses. What else turns up is shown as `?`. */

export function isPrintable(octets: Uint8Array): boolean {
  for (const octet of octets) if (octet < 0x20 || octet > 0x7e) return false;
  return true;
}

/** Characters that are made at once; well below the argument limit of any engine. */
const CHUNK = 1024;

/** Octets as text, one character each. */
export function textOf(octets: Uint8Array): string {
  let text = '';
  for (let at = 0; at < octets.length; at += CHUNK) text += piece(octets, at, Math.min(at + CHUNK, octets.length));
  return text;
}

/** In one piece, as text that is put together stays a tree of its pieces; from an array, as a typed array goes through a slow path. */
function piece(octets: Uint8Array, from: number, to: number): string {
  const codes: number[] = [];
  for (let index = from; index < to; index++) codes.push(octets[index]!);
  return String.fromCharCode.apply(null, codes);
}

/** Text as octets; a character outside printable ASCII and line feed becomes `?`. */
export function octetsOf(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    octets[index] = (code >= 0x20 && code <= 0x7e) || code === 0x0a ? code : 0x3f;
  }
  return octets;
}

const DIGITS = '0123456789abcdef';

/** Lower-case hexadecimal. */
export function hexOf(octets: Uint8Array): string {
  const digits: string[] = [];
  for (const octet of octets) digits.push(DIGITS[octet >> 4]!, DIGITS[octet & 15]!);
  return digits.join('');
}

/** Null for anything but pairs of hexadecimal digits. */
export function parseHex(text: string): Uint8Array | null {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) return null;
  const octets = new Uint8Array(text.length / 2);
  for (let index = 0; index < octets.length; index++)
    octets[index] = parseInt(text.slice(index * 2, index * 2 + 2), 16);
  return octets;
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
