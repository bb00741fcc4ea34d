/**
 * RTP control protocol (RFC 3550 section 6): a compound of packets, each a multiple of four octets.
 *
 *     0        1        2                 4
 *     +--------+--------+-----------------+------- - -
 *     |V=2 P RC|  type  | words less one  | by type
 *     +--------+--------+-----------------+------- - -
 *
 *   SR   200  SSRC, NTP time (8), RTP time, packets, octets, RC report blocks, profile-specific rest
 *   RR   201  SSRC, RC report blocks, profile-specific rest
 *   SDES 202  RC chunks: SSRC, items {type, length, text}, a zero, zeros up to a multiple of four
 *   BYE  203  RC sources, then optionally {length, reason}
 *
 *   block     SSRC, fraction lost (1), cumulative lost (3, signed), highest sequence number (4), jitter, LSR, DLSR
 *
 * A compound begins with SR or RR (appendix A.2); APP and types unknown are kept as they stand.
 */
import { Malformed } from '../malformed.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

const VERSION = 2;
const PADDING = 0x20;
const TYPE = { SR: 200, RR: 201, SDES: 202, BYE: 203 } as const;

/** Canonical name, the one SDES item that everybody sends. */
export const CNAME = 1;

const HEADER_LENGTH = 4;
const BLOCK_LENGTH = 24;
/** Packets in one compound: a mixer of a large conference sends a few. */
const MAX_PACKETS = 32;

const TRUNCATED = new Malformed('rtcp', 'truncated');
const BAD_VERSION = new Malformed('rtcp', 'version');
const BAD_PADDING = new Malformed('rtcp', 'padding');
const NOT_A_REPORT = new Malformed('rtcp', 'does not begin with a report');
const TOO_MANY = new Malformed('rtcp', 'too many packets');

export interface ReportBlock {
  readonly ssrc: number;
  /** Of the packets since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Signed, 24 bits. */
  readonly cumulativeLost: number;
  readonly highestSequence: number;
  /** In units of the timestamp. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last SR; 0 for none. */
  readonly lastReport: number;
  /** In 1/65536 s. */
  readonly sinceLastReport: number;
}

export interface SenderReport {
  readonly kind: 'SR';
  readonly ssrc: number;
  /** Seconds since 1900 and their fraction in 1/2^32. */
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
  readonly blocks: readonly ReportBlock[];
  readonly rest: Uint8Array;
}

export interface ReceiverReport {
  readonly kind: 'RR';
  readonly ssrc: number;
  readonly blocks: readonly ReportBlock[];
  readonly rest: Uint8Array;
}

export interface Chunk {
  readonly ssrc: number;
  readonly items: readonly { readonly type: number; readonly text: string }[];
}

export type Packet =
  | SenderReport
  | ReceiverReport
  | { readonly kind: 'SDES'; readonly chunks: readonly Chunk[] }
  | { readonly kind: 'BYE'; readonly sources: readonly number[]; readonly reason: string | null }
  | { readonly kind: 'other'; readonly type: number; readonly count: number; readonly octets: Uint8Array };

/** The packets of one datagram. */
export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Packet[] | Malformed {
  const end = offset + length;
  const packets: Packet[] = [];
  let at = offset;
  while (at < end) {
    if (at + HEADER_LENGTH > end) return TRUNCATED;
    const first = bytes[at]!;
    if (first >> 6 !== VERSION) return BAD_VERSION;
    const next = at + 4 * (u16(bytes, at + 2) + 1);
    if (next > end) return TRUNCATED;
    let stop = next;
    if ((first & PADDING) !== 0) {
      // Only the last packet of a compound is padded.
      const padding = bytes[next - 1]!;
      if (next !== end || packets.length === 0 || padding === 0 || padding % 4 !== 0) return BAD_PADDING;
      stop = next - padding;
      if (stop < at + HEADER_LENGTH) return BAD_PADDING;
    }
    if (packets.length === MAX_PACKETS) return TOO_MANY;
    const packet = parsePacket(bytes, at, stop, bytes[at + 1]!, first & 0x1f);
    if (packet instanceof Malformed) return packet;
    if (packets.length === 0 && packet.kind !== 'SR' && packet.kind !== 'RR') return NOT_A_REPORT;
    packets.push(packet);
    at = next;
  }
  return packets.length === 0 ? TRUNCATED : packets;
}

function parsePacket(bytes: Uint8Array, at: number, end: number, type: number, count: number): Packet | Malformed {
  const body = at + HEADER_LENGTH;
  switch (type) {
    case TYPE.SR: {
      const blocksAt = body + 24;
      if (blocksAt + count * BLOCK_LENGTH > end) return TRUNCATED;
      return {
        kind: 'SR',
        ssrc: u32(bytes, body),
        ntpSeconds: u32(bytes, body + 4),
        ntpFraction: u32(bytes, body + 8),
        rtpTimestamp: u32(bytes, body + 12),
        packets: u32(bytes, body + 16),
        octets: u32(bytes, body + 20),
        blocks: parseBlocks(bytes, blocksAt, count),
        rest: bytes.subarray(blocksAt + count * BLOCK_LENGTH, end),
      };
    }
    case TYPE.RR: {
      const blocksAt = body + 4;
      if (blocksAt + count * BLOCK_LENGTH > end) return TRUNCATED;
      return {
        kind: 'RR',
        ssrc: u32(bytes, body),
        blocks: parseBlocks(bytes, blocksAt, count),
        rest: bytes.subarray(blocksAt + count * BLOCK_LENGTH, end),
      };
    }
    case TYPE.SDES:
      return parseSdes(bytes, body, end, count);
    case TYPE.BYE:
      return parseBye(bytes, body, end, count);
    default:
      return { kind: 'other', type, count, octets: bytes.subarray(body, end) };
  }
}

function parseBlocks(bytes: Uint8Array, from: number, count: number): ReportBlock[] {
  return Array.from({ length: count }, (_, k) => {
    const at = from + k * BLOCK_LENGTH;
    return {
      ssrc: u32(bytes, at),
      fractionLost: bytes[at + 4]!,
      cumulativeLost: (u32(bytes, at + 4) << 8) >> 8,
      highestSequence: u32(bytes, at + 8),
      jitter: u32(bytes, at + 12),
      lastReport: u32(bytes, at + 16),
      sinceLastReport: u32(bytes, at + 20),
    };
  });
}

function parseSdes(bytes: Uint8Array, body: number, end: number, count: number): Packet | Malformed {
  const chunks: Chunk[] = [];
  let at = body;
  for (let k = 0; k < count; k++) {
    // A source and at least the zero that ends its items.
    if (at + 8 > end) return TRUNCATED;
    const ssrc = u32(bytes, at);
    const items: { type: number; text: string }[] = [];
    at += 4;
    while (at < end && bytes[at] !== 0) {
      if (at + 2 > end || at + 2 + bytes[at + 1]! > end) return TRUNCATED;
      items.push({ type: bytes[at]!, text: latin1(bytes, at + 2, bytes[at + 1]!) });
      at += 2 + bytes[at + 1]!;
    }
    if (at >= end) return TRUNCATED;
    at += 4 - ((at - body) % 4);
    chunks.push({ ssrc, items });
  }
  return { kind: 'SDES', chunks };
}

function parseBye(bytes: Uint8Array, body: number, end: number, count: number): Packet | Malformed {
  const reasonAt = body + 4 * count;
  if (reasonAt > end) return TRUNCATED;
  const sources = Array.from({ length: count }, (_, k) => u32(bytes, body + 4 * k));
  if (reasonAt === end) return { kind: 'BYE', sources, reason: null };
  const length = bytes[reasonAt]!;
  if (reasonAt + 1 + length > end) return TRUNCATED;
  return { kind: 'BYE', sources, reason: latin1(bytes, reasonAt + 1, length) };
}

/** Octets of a compound; each packet a multiple of four. */
export function lengthOf(packets: readonly Packet[]): number {
  let length = 0;
  for (const packet of packets) length += HEADER_LENGTH + bodyLength(packet);
  return length;
}

function bodyLength(packet: Packet): number {
  switch (packet.kind) {
    case 'SR':
      return 24 + packet.blocks.length * BLOCK_LENGTH + packet.rest.length;
    case 'RR':
      return 4 + packet.blocks.length * BLOCK_LENGTH + packet.rest.length;
    case 'SDES':
      return packet.chunks.reduce((sum, chunk) => sum + chunkLength(chunk), 0);
    case 'BYE':
      return 4 * packet.sources.length + (packet.reason === null ? 0 : padded(1 + packet.reason.length));
    case 'other':
      return packet.octets.length;
  }
}

function chunkLength({ items }: Chunk): number {
  return 4 + padded(items.reduce((sum, { text }) => sum + 2 + text.length, 0) + 1);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Writes `lengthOf(packets)` octets and returns that count. Texts are at most 255 octets. */
export function emit(packets: readonly Packet[], into: Uint8Array, offset = 0): number {
  let at = offset;
  for (const packet of packets) {
    const length = HEADER_LENGTH + bodyLength(packet);
    into.fill(0, at, at + length);
    into[at] = (VERSION << 6) | countOf(packet);
    into[at + 1] = packet.kind === 'other' ? packet.type : TYPE[packet.kind];
    putU16(into, at + 2, length / 4 - 1);
    emitBody(packet, into, at + HEADER_LENGTH);
    at += length;
  }
  return at - offset;
}

function countOf(packet: Packet): number {
  switch (packet.kind) {
    case 'SR':
    case 'RR':
      return packet.blocks.length;
    case 'SDES':
      return packet.chunks.length;
    case 'BYE':
      return packet.sources.length;
    case 'other':
      return packet.count;
  }
}

function emitBody(packet: Packet, into: Uint8Array, body: number): void {
  switch (packet.kind) {
    case 'SR':
      putU32(into, body, packet.ssrc);
      putU32(into, body + 4, packet.ntpSeconds);
      putU32(into, body + 8, packet.ntpFraction);
      putU32(into, body + 12, packet.rtpTimestamp);
      putU32(into, body + 16, packet.packets);
      putU32(into, body + 20, packet.octets);
      into.set(packet.rest, emitBlocks(packet.blocks, into, body + 24));
      return;
    case 'RR':
      putU32(into, body, packet.ssrc);
      into.set(packet.rest, emitBlocks(packet.blocks, into, body + 4));
      return;
    case 'SDES': {
      let at = body;
      for (const chunk of packet.chunks) {
        emitChunk(chunk, into, at);
        at += chunkLength(chunk);
      }
      return;
    }
    case 'BYE': {
      let at = body;
      for (const source of packet.sources) {
        putU32(into, at, source);
        at += 4;
      }
      if (packet.reason === null) return;
      into[at] = packet.reason.length;
      emitLatin1(packet.reason, into, at + 1);
      return;
    }
    case 'other':
      into.set(packet.octets, body);
      return;
  }
}

function emitBlocks(blocks: readonly ReportBlock[], into: Uint8Array, from: number): number {
  let at = from;
  for (const block of blocks) {
    putU32(into, at, block.ssrc);
    putU32(into, at + 4, (block.fractionLost << 24) | (block.cumulativeLost & 0xff_ffff));
    putU32(into, at + 8, block.highestSequence);
    putU32(into, at + 12, block.jitter);
    putU32(into, at + 16, block.lastReport);
    putU32(into, at + 20, block.sinceLastReport);
    at += BLOCK_LENGTH;
  }
  return at;
}

function emitChunk({ ssrc, items }: Chunk, into: Uint8Array, from: number): void {
  putU32(into, from, ssrc);
  let at = from + 4;
  for (const { type, text } of items) {
    into[at] = type;
    into[at + 1] = text.length;
    emitLatin1(text, into, at + 2);
    at += 2 + text.length;
  }
}

/** `RTCP SR 0x1234abcd 50 packets 8000 octets, SDES 0x1234abcd "SEP…"`. */
export function describe(packets: readonly Packet[]): string {
  return `RTCP ${packets.map(describePacket).join(', ')}`;
}

function describePacket(packet: Packet): string {
  switch (packet.kind) {
    case 'SR':
      return `SR ${hex(packet.ssrc)} ${packet.packets} packets ${packet.octets} octets`;
    case 'RR':
      return `RR ${hex(packet.ssrc)} ${packet.blocks.map((block) => `lost ${block.cumulativeLost}`).join(' ')}`.trimEnd();
    case 'SDES':
      return `SDES ${packet.chunks.map(({ ssrc, items }) => [hex(ssrc), ...items.map(({ text }) => JSON.stringify(text))].join(' ')).join(' ')}`;
    case 'BYE':
      return `BYE ${packet.sources.map(hex).join(' ')}`;
    case 'other':
      return `type ${packet.type}`;
  }
}

function hex(ssrc: number): string {
  return `0x${ssrc.toString(16).padStart(8, '0')}`;
}
