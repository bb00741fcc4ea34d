/** Text in flash is printable ASCII: load names, keys, addresses. What else turns up is shown as `?`. */

export function isPrintable(octets: Uint8Array): boolean {
  for (const octet of octets) if (octet < 0x20 || octet > 0x7e) return false;
  return true;
}

/** Octets as text, one character each. */
export function textOf(octets: Uint8Array): string {
  // Neither spread nor `apply`: given a typed array both go through slow paths.
  let text = '';
  for (let index = 0; index < octets.length; index++) text += String.fromCharCode(octets[index]!);
  return text;
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
  let text = '';
  for (const octet of octets) text += DIGITS[octet >> 4]! + DIGITS[octet & 15]!;
  return text;
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
