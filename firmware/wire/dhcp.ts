/**
 * DHCP (RFC 2131 section 2, options RFC 2132, long options RFC 3396, option 150 RFC 5859).
 *
 *   0  op     1  htype   2  hlen   3  hops      28  chaddr (16 octets)
 *   4  xid (4)                                  44  sname (64 octets)
 *   8  secs (2)         10  flags (2)          108  file (128 octets)
 *  12  ciaddr  16  yiaddr  20  siaddr          236  magic cookie 63 82 53 63
 *  24  giaddr                                  240  options: code, length, value; 0 pad, 255 end
 *
 * Options that stand in `file` and `sname` (option 52, overload) are read as if they stood in the option area, in the order of
 * RFC 3396 section 7; `emit` never overloads. An option whose value has a length that its definition forbids is kept in `unknown`.
 */
import type { Ipv4, Mac } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { ipv4Text, macText } from './address.ts';
import { mac, putMac, putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

/** The leftmost bit of `flags`: the client cannot take unicast before it has an address (RFC 2131 section 2). */
export const BROADCAST_FLAG = 0x8000;

/** Option 53 (RFC 2132 section 9.6). */
export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACK = 5;
export const NAK = 6;
export const RELEASE = 7;
export const INFORM = 8;

/** A lease of this many seconds does not end (RFC 2131 section 3.3). */
export const INFINITE = 0xffff_ffff;

/** BOOTP's fixed size (RFC 951 section 3, RFC 1542 section 2.1): clients and servers pad to it, relays may drop what is shorter. */
export const MINIMUM_LENGTH = 300;

const HEADER_LENGTH = 236;
const OPTIONS_OFFSET = 240;
const SNAME = { offset: 44, length: 64 } as const;
const FILE = { offset: 108, length: 128 } as const;
const COOKIE = 0x63825363;
const PAD = 0;
const OVERLOAD = 52;
const END = 255;

/** Longest value of one option on the wire; a longer one is split (RFC 3396). */
const MAX_PIECE = 255;

export interface UnknownOption {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Options by the names of RFC 2132. Times are seconds. Text is Latin-1, without trailing NUL except in `vendorClass`. */
export interface Options {
  /** 53 */
  readonly messageType?: number;
  /** 61: type octet and identifier. */
  readonly clientIdentifier?: Uint8Array;
  /** 12 */
  readonly hostName?: string;
  /** 60, octet for octet: some phones send a trailing NUL. */
  readonly vendorClass?: string;
  /** 50 */
  readonly requestedAddress?: Ipv4;
  /** 54 */
  readonly serverIdentifier?: Ipv4;
  /** 51 */
  readonly leaseTime?: number;
  /** 58 (T1) */
  readonly renewalTime?: number;
  /** 59 (T2) */
  readonly rebindingTime?: number;
  /** 57 */
  readonly maximumMessageSize?: number;
  /** 55 */
  readonly parameterRequestList?: readonly number[];
  /** 1 */
  readonly subnetMask?: Ipv4;
  /** 3 */
  readonly routers?: readonly Ipv4[];
  /** 6 */
  readonly domainNameServers?: readonly Ipv4[];
  /** 15 */
  readonly domainName?: string;
  /** 42 */
  readonly ntpServers?: readonly Ipv4[];
  /** 43 */
  readonly vendorSpecific?: Uint8Array;
  /** 56 */
  readonly message?: string;
  /** 66: a name, or an address as text. */
  readonly tftpServerName?: string;
  /** 67 */
  readonly bootfileName?: string;
  /** 150 (RFC 5859) */
  readonly tftpServers?: readonly Ipv4[];
  /** 82 (RFC 3046), put last as its section 2.1 asks. */
  readonly relayAgentInformation?: Uint8Array;
  readonly unknown?: readonly UnknownOption[];
}

export interface Message {
  readonly op: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly chaddr: Mac;
  /** Empty when the area carried options. */
  readonly sname: string;
  readonly file: string;
  readonly options: Options;
}

type Kind = 'u8' | 'u16' | 'u32' | 'ipv4' | 'ipv4s' | 'text' | 'exactText' | 'codes' | 'octets';

type OptionName = Exclude<keyof Options, 'unknown'>;

/** In the order in which `emit` writes them. */
const OPTIONS: readonly (readonly [code: number, name: OptionName, kind: Kind])[] = [
  [53, 'messageType', 'u8'],
  [61, 'clientIdentifier', 'octets'],
  [12, 'hostName', 'text'],
  [60, 'vendorClass', 'exactText'],
  [50, 'requestedAddress', 'ipv4'],
  [54, 'serverIdentifier', 'ipv4'],
  [51, 'leaseTime', 'u32'],
  [58, 'renewalTime', 'u32'],
  [59, 'rebindingTime', 'u32'],
  [57, 'maximumMessageSize', 'u16'],
  [55, 'parameterRequestList', 'codes'],
  [1, 'subnetMask', 'ipv4'],
  [3, 'routers', 'ipv4s'],
  [6, 'domainNameServers', 'ipv4s'],
  [15, 'domainName', 'text'],
  [42, 'ntpServers', 'ipv4s'],
  [43, 'vendorSpecific', 'octets'],
  [56, 'message', 'text'],
  [66, 'tftpServerName', 'text'],
  [67, 'bootfileName', 'text'],
  [150, 'tftpServers', 'ipv4s'],
  [82, 'relayAgentInformation', 'octets'],
];

const RELAY_AGENT_INFORMATION = 82;

const BY_CODE: readonly ((typeof OPTIONS)[number] | undefined)[] = Object.freeze(
  Array.from({ length: 256 }, (_, code) => OPTIONS.find(([of]) => of === code)),
);

const MESSAGE_TYPE_NAMES: readonly string[] = Object.freeze([
  'BOOTP',
  'DISCOVER',
  'OFFER',
  'REQUEST',
  'DECLINE',
  'ACK',
  'NAK',
  'RELEASE',
  'INFORM',
]);

const TOO_SHORT = new Malformed('dhcp', 'shorter than the header and the magic cookie');
const NOT_ETHERNET = new Malformed('dhcp', 'hardware address is not an Ethernet one');
const NO_COOKIE = new Malformed('dhcp', 'magic cookie missing');
const BAD_OPTIONS = new Malformed('dhcp', 'an option runs past the end of its area');

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  if (length < OPTIONS_OFFSET) return TOO_SHORT;
  const message = bytes.subarray(offset, offset + length);
  if (message[1] !== 1 || message[2] !== 6) return NOT_ETHERNET;
  if (u32(message, HEADER_LENGTH) !== COOKIE) return NO_COOKIE;
  const values = new Map<number, Uint8Array>();
  if (!collect(message.subarray(OPTIONS_OFFSET), values)) return BAD_OPTIONS;
  const overload = overloadOf(values);
  const file = message.subarray(FILE.offset, FILE.offset + FILE.length);
  const sname = message.subarray(SNAME.offset, SNAME.offset + SNAME.length);
  if ((overload & 1) !== 0 && !collect(file, values)) return BAD_OPTIONS;
  if ((overload & 2) !== 0 && !collect(sname, values)) return BAD_OPTIONS;
  return {
    op: message[0]!,
    hops: message[3]!,
    xid: u32(message, 4),
    secs: u16(message, 8),
    flags: u16(message, 10),
    ciaddr: u32(message, 12),
    yiaddr: u32(message, 16),
    siaddr: u32(message, 20),
    giaddr: u32(message, 24),
    chaddr: mac(message, 28),
    sname: (overload & 2) !== 0 ? '' : untilNul(sname),
    file: (overload & 1) !== 0 ? '' : untilNul(file),
    options: interpret(values),
  };
}

/** Adds the options of one area; a code that was there before is continued (RFC 3396 section 7). False when one overruns the area. */
function collect(area: Uint8Array, values: Map<number, Uint8Array>): boolean {
  let at = 0;
  while (at < area.length) {
    const code = area[at]!;
    if (code === END) return true;
    if (code === PAD) {
      at++;
      continue;
    }
    const length = area[at + 1];
    if (length === undefined || at + 2 + length > area.length) return false;
    const piece = area.subarray(at + 2, at + 2 + length);
    const before = values.get(code);
    values.set(code, before === undefined ? new Uint8Array(piece) : joined(before, piece));
    at += 2 + length;
  }
  return true; // No end option: not allowed (RFC 2131 section 4.1), harmless.
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/** Takes option 52 out: it says where options stand, and `emit` puts them elsewhere. Bit 0: `file`, bit 1: `sname`. */
function overloadOf(values: Map<number, Uint8Array>): number {
  const value = values.get(OVERLOAD);
  if (value?.length !== 1 || value[0]! < 1 || value[0]! > 3) return 0;
  values.delete(OVERLOAD);
  return value[0]!;
}

function interpret(values: Map<number, Uint8Array>): Options {
  const options: Record<string, unknown> = {};
  const unknown: UnknownOption[] = [];
  for (const [type, value] of values) {
    const known = BY_CODE[type];
    const typed = known === undefined ? undefined : decode(known[2], value);
    if (known === undefined || typed === undefined) unknown.push({ type, value });
    else options[known[1]] = typed;
  }
  if (unknown.length > 0) options.unknown = unknown;
  return options as Options;
}

function decode(kind: Kind, value: Uint8Array): unknown {
  switch (kind) {
    case 'u8':
      return value.length === 1 ? value[0] : undefined;
    case 'u16':
      return value.length === 2 ? u16(value, 0) : undefined;
    case 'u32':
    case 'ipv4':
      return value.length === 4 ? u32(value, 0) : undefined;
    case 'ipv4s':
      return addresses(value);
    case 'text':
      return untilTrailingNuls(value);
    case 'exactText':
      return latin1(value);
    case 'codes':
      return Array.from(value);
    case 'octets':
      return value;
  }
}

function addresses(value: Uint8Array): Ipv4[] | undefined {
  if (value.length === 0 || value.length % 4 !== 0) return undefined;
  const list: Ipv4[] = [];
  for (let at = 0; at < value.length; at += 4) list.push(u32(value, at));
  return list.slice(); // Kept with a lease, without the room that a list which grew has behind it.
}

/** RFC 2132 section 2: "options containing NVT ASCII data SHOULD NOT include a trailing NULL; however, the receiver … MUST be prepared to delete trailing nulls". */
function untilTrailingNuls(value: Uint8Array): string {
  let length = value.length;
  while (length > 0 && value[length - 1] === 0) length--;
  return latin1(value, 0, length);
}

function untilNul(area: Uint8Array): string {
  const nul = area.indexOf(0);
  return latin1(area, 0, nul === -1 ? area.length : nul);
}

function wireLength(kind: Kind, value: unknown): number {
  switch (kind) {
    case 'u8':
      return 1;
    case 'u16':
      return 2;
    case 'u32':
    case 'ipv4':
      return 4;
    case 'ipv4s':
      return 4 * (value as readonly Ipv4[]).length;
    default:
      return (value as string | Uint8Array | readonly number[]).length;
  }
}

/** Octets of an option with its headers, one for each piece of up to 255. */
function pieceLength(length: number): number {
  return length + 2 * Math.max(1, Math.ceil(length / MAX_PIECE));
}

export function lengthOf(message: Message): number {
  let length = OPTIONS_OFFSET + 1;
  for (const [, name, kind] of OPTIONS) {
    const value = message.options[name];
    if (value !== undefined) length += pieceLength(wireLength(kind, value));
  }
  for (const { value } of message.options.unknown ?? []) length += pieceLength(value.length);
  return Math.max(length, MINIMUM_LENGTH);
}

/** Writes `lengthOf(message)` octets and returns that count. `into` need not hold zeros. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const length = lengthOf(message);
  const target = into.subarray(offset, offset + length);
  target.fill(0);
  target[0] = message.op;
  target[1] = 1;
  target[2] = 6;
  target[3] = message.hops;
  putU32(target, 4, message.xid);
  putU16(target, 8, message.secs);
  putU16(target, 10, message.flags);
  putU32(target, 12, message.ciaddr);
  putU32(target, 16, message.yiaddr);
  putU32(target, 20, message.siaddr);
  putU32(target, 24, message.giaddr);
  putMac(target, 28, message.chaddr);
  emitLatin1(message.sname.slice(0, SNAME.length), target, SNAME.offset);
  emitLatin1(message.file.slice(0, FILE.length), target, FILE.offset);
  putU32(target, HEADER_LENGTH, COOKIE);
  target[emitOptions(message.options, target)] = END;
  return length;
}

function emitOptions(options: Options, target: Uint8Array): number {
  let at = OPTIONS_OFFSET;
  for (const [code, name, kind] of OPTIONS) {
    const value = options[name];
    if (value === undefined || code === RELAY_AGENT_INFORMATION) continue;
    at = emitOption(target, at, code, encode(kind, value));
  }
  for (const { type, value } of options.unknown ?? []) at = emitOption(target, at, type, value);
  const relay = options.relayAgentInformation;
  return relay === undefined ? at : emitOption(target, at, RELAY_AGENT_INFORMATION, relay);
}

function encode(kind: Kind, value: unknown): Uint8Array {
  const octets = new Uint8Array(wireLength(kind, value));
  switch (kind) {
    case 'u8':
      octets[0] = value as number;
      break;
    case 'u16':
      putU16(octets, 0, value as number);
      break;
    case 'u32':
    case 'ipv4':
      putU32(octets, 0, value as number);
      break;
    case 'ipv4s':
      for (const [index, address] of (value as readonly Ipv4[]).entries()) putU32(octets, 4 * index, address);
      break;
    case 'text':
    case 'exactText':
      emitLatin1(value as string, octets);
      break;
    case 'codes':
    case 'octets':
      octets.set(value as readonly number[]);
      break;
  }
  return octets;
}

function emitOption(target: Uint8Array, at: number, code: number, value: Uint8Array): number {
  let from = 0;
  do {
    const piece = value.subarray(from, from + MAX_PIECE);
    target[at] = code;
    target[at + 1] = piece.length;
    target.set(piece, at + 2);
    at += 2 + piece.length;
    from += MAX_PIECE;
  } while (from < value.length);
  return at;
}

/** As tcpdump would put it: `DHCP OFFER xid 0x3903f326 chaddr … yiaddr … server …`. */
export function describe(message: Message): string {
  const { options } = message;
  const type = options.messageType;
  const parts = [
    `DHCP ${type === undefined ? 'BOOTP' : (MESSAGE_TYPE_NAMES[type] ?? `type ${type}`)}`,
    `xid 0x${message.xid.toString(16).padStart(8, '0')}`,
    `chaddr ${macText(message.chaddr)}`,
  ];
  if (message.secs > 0) parts.push(`secs ${message.secs}`);
  if ((message.flags & BROADCAST_FLAG) !== 0) parts.push('broadcast');
  for (const name of ['ciaddr', 'yiaddr', 'siaddr', 'giaddr'] as const) {
    if (message[name] !== 0) parts.push(`${name} ${ipv4Text(message[name])}`);
  }
  if (options.requestedAddress !== undefined) parts.push(`requested ${ipv4Text(options.requestedAddress)}`);
  if (options.serverIdentifier !== undefined) parts.push(`server ${ipv4Text(options.serverIdentifier)}`);
  if (options.leaseTime !== undefined) parts.push(`lease ${options.leaseTime}s`);
  if (options.tftpServers !== undefined) parts.push(`tftp ${options.tftpServers.map(ipv4Text).join(',')}`);
  if (options.message !== undefined) parts.push(`message ${JSON.stringify(options.message)}`);
  return parts.join(' ');
}
