/**
 * Fills in the TCP or UDP checksum that the kernel left to the network card (NETIF_F_HW_CSUM). Between two namespaces or containers of one
 * machine there is no card, and the frame arrives with only the sum of the pseudo-header in that field (RFC 9293 3.1, RFC 768).
 */
const ETHERNET_HEADER = 14;
const IPV4 = 0x0800;
const TCP = 6;
const UDP = 17;
const CHECKSUM_OFFSET: Readonly<Record<number, number>> = { [TCP]: 16, [UDP]: 6 };
const FRAGMENT = 0x3fff;

/** Frames that are not IPv4 with TCP or UDP, or are cut short, stay as they are. The frame has no 802.1Q tag. */
export function completeChecksum(frame: Uint8Array, length: number): void {
  if (length < ETHERNET_HEADER + 20 || u16(frame, 12) !== IPV4) return;
  const ip = ETHERNET_HEADER;
  const headerLength = (frame[ip]! & 0x0f) * 4;
  const totalLength = u16(frame, ip + 2);
  const protocol = frame[ip + 9]!;
  const field = CHECKSUM_OFFSET[protocol];
  if (field === undefined || headerLength < 20 || ip + totalLength > length) return;
  if ((u16(frame, ip + 6) & FRAGMENT) !== 0) return;
  const start = ip + headerLength;
  const end = ip + totalLength;
  const at = start + field;
  if (at + 2 > end) return;
  let sum = protocol + (end - start);
  for (let address = ip + 12; address < ip + 20; address += 2) sum += u16(frame, address);
  frame[at] = 0;
  frame[at + 1] = 0;
  for (let word = start; word + 1 < end; word += 2) sum += u16(frame, word);
  if ((end - start) & 1) sum += frame[end - 1]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const checksum = ~sum & 0xffff;
  // RFC 768: a UDP checksum that comes out as 0 is sent as all ones.
  const value = checksum === 0 && protocol === UDP ? 0xffff : checksum;
  frame[at] = value >>> 8;
  frame[at + 1] = value;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
