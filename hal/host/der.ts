/** Distinguished Encoding Rules (X.690): as much as X.509 certificates need. */

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value: tag, length and the parts of its content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(tag), lengthOctets(length), ...parts]);
}

/** A number that is not negative, from its octets. */
export function derInteger(octets: Uint8Array): Uint8Array {
  let from = 0;
  while (from < octets.length - 1 && octets[from] === 0) from++;
  const minimal = octets.subarray(from);
  return minimal[0]! >= 0x80 ? der(DER.integer, Uint8Array.of(0), minimal) : der(DER.integer, minimal);
}

/** @param text dotted decimal, like `2.5.4.3`. */
export function derObjectIdentifier(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return der(DER.objectIdentifier, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A bit string of whole octets, or with `unused` bits at its end. */
export function derBitString(octets: Uint8Array, unused = 0): Uint8Array {
  return der(DER.bitString, Uint8Array.of(unused), octets);
}

/** Contents of the values that stand one after the other in `octets`. Throws RangeError for what ends early. */
export function derValues(octets: Uint8Array): { readonly tag: number; readonly content: Uint8Array }[] {
  const values: { tag: number; content: Uint8Array }[] = [];
  let at = 0;
  while (at < octets.length) {
    const tag = octets[at]!;
    const first = octets[at + 1] ?? 0;
    const count = first < 0x80 ? 0 : first & 0x7f;
    let length = first & 0x7f;
    if (count > 0) {
      length = 0;
      for (const octet of octets.subarray(at + 2, at + 2 + count)) length = length * 256 + octet;
    }
    const from = at + 2 + count;
    if (from + length > octets.length) throw new RangeError('a DER value reaches past the end');
    values.push({ tag, content: octets.subarray(from, from + length) });
    at = from + length;
  }
  return values;
}

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

function base128(value: number): number[] {
  const octets = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) octets.unshift(0x80 | (left & 0x7f));
  return octets;
}
