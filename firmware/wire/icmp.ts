/**
 * Internet control message protocol (RFC 792; next-hop MTU RFC 1191).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | type |
 * | 1 | 1 | code |
 * | 2 | 2 | checksum |
 * | 4 | 4 | echo: identifier 16, sequence number 16; unreachable: unused 16, next-hop MTU 16 |
 * | 8 | n | echo: data; unreachable and other errors: header and at least 8 octets of the packet that caused it |
 */
import { Malformed } from '../malformed.ts';
import { finish, sum } from './checksum.ts';
import * as ipv4 from './ipv4.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';

export const TYPE = { echoReply: 0, unreachable: 3, redirect: 5, echoRequest: 8, timeExceeded: 11 } as const;
export const UNREACHABLE = {
  network: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  sourceRoute: 5,
} as const;
export const HEADER_LENGTH = 8;

const TRUNCATED = new Malformed('icmp', 'truncated');
const BAD_CHECKSUM = new Malformed('icmp', 'checksum');

export type Message =
  | {
      readonly kind: 'echo-request' | 'echo-reply';
      readonly identifier: number;
      readonly sequence: number;
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: 'unreachable';
      readonly code: number;
      /** With code 4; 0 from a router that does not say. */
      readonly nextHopMtu: number;
      /** The start of the packet that could not be delivered. */
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: 'other';
      readonly type: number;
      readonly code: number;
      /** Octets 4 to 7. */
      readonly rest: number;
      readonly payload: Uint8Array;
    };

/** What an ICMP error quotes of the packet that caused it: enough to find its socket. */
export interface Quotation {
  readonly packet: ipv4.Packet;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The sequence number, if it was TCP. */
  readonly sequence: number;
}

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  if (finish(sum(bytes, offset, length)) !== 0) return BAD_CHECKSUM;
  const type = bytes[offset]!;
  const code = bytes[offset + 1]!;
  const payload = bytes.subarray(offset + HEADER_LENGTH, offset + length);
  if ((type === TYPE.echoRequest || type === TYPE.echoReply) && code === 0) {
    return {
      kind: type === TYPE.echoRequest ? 'echo-request' : 'echo-reply',
      identifier: u16(bytes, offset + 4),
      sequence: u16(bytes, offset + 6),
      payload,
    };
  }
  if (type === TYPE.unreachable) return { kind: 'unreachable', code, nextHopMtu: u16(bytes, offset + 6), payload };
  return { kind: 'other', type, code, rest: u32(bytes, offset + 4), payload };
}

/** Reads the payload of an ICMP error. */
export function parseQuotation(bytes: Uint8Array): Quotation | Malformed {
  const packet = ipv4.parseHeader(bytes);
  if (packet instanceof Malformed) return packet;
  const at = packet.payloadOffset;
  if (bytes.length < at + 8) return TRUNCATED;
  return { packet, sourcePort: u16(bytes, at), destinationPort: u16(bytes, at + 2), sequence: u32(bytes, at + 4) };
}

export function lengthOf(message: Message): number {
  return HEADER_LENGTH + message.payload.length;
}

/** Writes the message with its checksum and returns its length. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const length = lengthOf(message);
  into[offset] = typeOf(message);
  into[offset + 1] = message.kind === 'unreachable' || message.kind === 'other' ? message.code : 0;
  putU16(into, offset + 2, 0);
  if (message.kind === 'other') putU32(into, offset + 4, message.rest);
  else if (message.kind === 'unreachable') putU32(into, offset + 4, message.nextHopMtu);
  else {
    putU16(into, offset + 4, message.identifier);
    putU16(into, offset + 6, message.sequence);
  }
  into.set(message.payload, offset + HEADER_LENGTH);
  putU16(into, offset + 2, finish(sum(into, offset, length)));
  return length;
}

export function describe(message: Message): string {
  if (message.kind === 'other') return `ICMP type ${message.type} code ${message.code}`;
  if (message.kind === 'unreachable') return `ICMP unreachable code ${message.code}`;
  return `ICMP ${message.kind} id ${message.identifier} seq ${message.sequence} length ${message.payload.length}`;
}

function typeOf(message: Message): number {
  if (message.kind === 'other') return message.type;
  if (message.kind === 'unreachable') return TYPE.unreachable;
  return message.kind === 'echo-request' ? TYPE.echoRequest : TYPE.echoReply;
}
