/**
 * The Internet checksum (RFC 1071) of IPv4, ICMP, UDP and TCP, in parts: `sum` over each stretch, all but the last of even length, then
 * `finish`. Sums stay below 2^32 for anything that fits into an IPv4 packet, so carries are folded once, at the end.
 */

/** Adds the 16-bit words of a stretch to `initial`. An odd last octet counts as the high half of a word. */
export function sum(bytes: Uint8Array, offset: number, length: number, initial = 0): number {
  let total = initial;
  const end = offset + length;
  let at = offset;
  for (const unrolledEnd = end - 7; at < unrolledEnd; at += 8) {
    total +=
      ((bytes[at]! + bytes[at + 2]! + bytes[at + 4]! + bytes[at + 6]!) << 8) +
      (bytes[at + 1]! + bytes[at + 3]! + bytes[at + 5]! + bytes[at + 7]!);
  }
  for (; at < end - 1; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) total += bytes[at]! << 8;
  return total;
}

/** The sum over the pseudo-header of UDP and TCP (RFC 9293 3.1): both addresses, protocol, length of the segment. */
export function pseudoHeader(source: number, destination: number, protocol: number, length: number): number {
  return (
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + (length & 0xffff)
  );
}

/** Folds the carries in and takes the complement: what goes into the field. Over octets with a right field in them it is 0. */
export function finish(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** The checksum after one 16-bit word under it changed (RFC 1624, equation 3). */
export function update(checksum: number, oldWord: number, newWord: number): number {
  return finish((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord);
}
