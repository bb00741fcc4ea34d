/**
 * DNS messages (RFC 1035 section 4).
 *
 *   0  id (2)   2  QR 1, opcode 4, AA 1, TC 1, RD 1   3  RA 1, zero 3, rcode 4
 *   4  questions (2)   6  answers (2)   8  authorities (2)   10  additionals (2)
 *  12  question: name, type (2), class (2)
 *      record: name, type (2), class (2), ttl (4), length (2), data
 *
 * A name is text with dots between its labels; a dot or backslash within a label has a backslash before it (section 5.1).
 * The root is ''. Compression (section 4.1.4) is followed on parse; `emit` does not compress.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { ipv4Text } from './address.ts';
import { latin1 } from './text.ts';

export const SERVER_PORT = 53;

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_CNAME = 5;
export const TYPE_PTR = 12;
export const CLASS_IN = 1;

export const NO_ERROR = 0;
export const SERVER_FAILURE = 2;
/** NXDOMAIN */
export const NAME_ERROR = 3;

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export type RecordData =
  /** An A record of class IN. */
  | { readonly kind: 'address'; readonly address: Ipv4 }
  /** NS, CNAME, PTR. */
  | { readonly kind: 'name'; readonly name: string }
  /** All others, as on the wire: names within may be compressed against the message they came in. */
  | { readonly kind: 'octets'; readonly octets: Uint8Array };

export interface ResourceRecord extends Question {
  /** Seconds. */
  readonly ttl: number;
  readonly data: RecordData;
}

export interface Message {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

const HEADER_LENGTH = 12;

/** Entries of all four sections together: more than fits into 512 octets of anything useful. */
const MAX_ENTRIES = 100;

/** RFC 1035 section 2.3.4. */
const MAX_NAME_LENGTH = 255;
const MAX_LABEL_LENGTH = 63;

const TOO_SHORT = new Malformed('dns', 'shorter than its header or counts ask for');
const TOO_MANY = new Malformed('dns', 'more entries than a message holds');
const BAD_NAME = new Malformed('dns', 'a name is too long, loops or runs past the end');
const BAD_RECORD = new Malformed('dns', 'the data of a record does not fit its length');

/** Where the reader stands; `failure` once something did not fit. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  failure: Malformed | null;
}

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  if (length < HEADER_LENGTH) return TOO_SHORT;
  const cursor: Cursor = { bytes: bytes.subarray(offset, offset + length), at: 0, failure: null };
  const id = u16(cursor);
  const flags = u16(cursor);
  const counts = [u16(cursor), u16(cursor), u16(cursor), u16(cursor)] as const;
  if (counts[0] + counts[1] + counts[2] + counts[3] > MAX_ENTRIES) return TOO_MANY;
  const questions = repeat(cursor, counts[0], question);
  const answers = repeat(cursor, counts[1], record);
  const authorities = repeat(cursor, counts[2], record);
  const additionals = repeat(cursor, counts[3], record);
  if (cursor.failure !== null) return cursor.failure;
  return {
    id,
    response: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 0xf,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    rcode: flags & 0xf,
    questions,
    answers,
    authorities,
    additionals,
  };
}

function repeat<T>(cursor: Cursor, count: number, read: (cursor: Cursor) => T): T[] {
  const list: T[] = [];
  for (let index = 0; index < count && cursor.failure === null; index++) list.push(read(cursor));
  return list;
}

function u16(cursor: Cursor): number {
  const { bytes, at } = cursor;
  if (at + 2 > bytes.length) cursor.failure ??= TOO_SHORT;
  cursor.at = at + 2;
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function u32(cursor: Cursor): number {
  return u16(cursor) * 0x1_0000 + u16(cursor);
}

function question(cursor: Cursor): Question {
  return { name: domainName(cursor), type: u16(cursor), class: u16(cursor) };
}

function record(cursor: Cursor): ResourceRecord {
  const { name, type, class: of } = question(cursor);
  const ttl = u32(cursor);
  const length = u16(cursor);
  const end = cursor.at + length;
  if (end > cursor.bytes.length) cursor.failure ??= TOO_SHORT;
  const data = recordData(cursor, type, of, length);
  if (cursor.at !== end) cursor.failure ??= BAD_RECORD;
  return { name, type, class: of, ttl, data };
}

function recordData(cursor: Cursor, type: number, of: number, length: number): RecordData {
  if (type === TYPE_A && of === CLASS_IN && length === 4) return { kind: 'address', address: u32(cursor) };
  if (type === TYPE_NS || type === TYPE_CNAME || type === TYPE_PTR) return { kind: 'name', name: domainName(cursor) };
  const octets = new Uint8Array(cursor.bytes.subarray(cursor.at, cursor.at + length));
  cursor.at += length;
  return { kind: 'octets', octets };
}

/** Reads a name and moves on behind it. A pointer must lead backwards, so that no chain of them can loop. */
function domainName(cursor: Cursor): string {
  const { bytes } = cursor;
  const labels: string[] = [];
  let at = cursor.at;
  let resumeAt: number | null = null;
  let limit = at;
  let total = 1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) break;
    if (length === 0) {
      cursor.at = resumeAt ?? at + 1;
      return labels.join('.');
    }
    if (length >= 0xc0) {
      const target = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      if (at + 2 > bytes.length || target >= limit) break;
      resumeAt ??= at + 2;
      at = target;
      limit = target;
      continue;
    }
    total += 1 + length;
    if (length > MAX_LABEL_LENGTH || total > MAX_NAME_LENGTH || at + 1 + length > bytes.length) break;
    labels.push(latin1(bytes, at + 1, length).replace(/[.\\]/g, '\\$&'));
    at += 1 + length;
  }
  cursor.failure ??= BAD_NAME;
  return '';
}

/** True when `name` can be written: labels of 1 to 63 octets, 255 in all (RFC 1035 section 2.3.4). A dot may end it. */
export function isName(name: string): boolean {
  const labels = labelsOf(name);
  const fits = labels.every(({ length }) => length > 0 && length <= MAX_LABEL_LENGTH);
  return fits && lengthOfLabels(labels) <= MAX_NAME_LENGTH && !/[\u0100-\uffff]/.test(name);
}

/** Labels as octet strings. */
function labelsOf(name: string): string[] {
  const labels: string[] = [];
  let label = '';
  for (let index = 0; index < name.length; index++) {
    const character = name[index]!;
    if (character === '.') {
      labels.push(label);
      label = '';
    } else label += character === '\\' ? (name[++index] ?? '') : character;
  }
  if (label !== '') labels.push(label);
  return labels;
}

function lengthOfLabels(labels: readonly string[]): number {
  let length = 1;
  for (const label of labels) length += 1 + label.length;
  return length;
}

export function lengthOf(message: Message): number {
  let length = HEADER_LENGTH;
  for (const { name } of message.questions) length += lengthOfLabels(labelsOf(name)) + 4;
  for (const { name, data } of records(message)) length += lengthOfLabels(labelsOf(name)) + 10 + lengthOfData(data);
  return length;
}

function records(message: Message): ResourceRecord[] {
  return [...message.answers, ...message.authorities, ...message.additionals];
}

function lengthOfData(data: RecordData): number {
  if (data.kind === 'address') return 4;
  return data.kind === 'name' ? lengthOfLabels(labelsOf(data.name)) : data.octets.length;
}

/** Writes `lengthOf(message)` octets and returns that count. Names must be such that `isName` holds. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const flags =
    (message.response ? 0x8000 : 0) |
    ((message.opcode & 0xf) << 11) |
    (message.authoritative ? 0x0400 : 0) |
    (message.truncated ? 0x0200 : 0) |
    (message.recursionDesired ? 0x0100 : 0) |
    (message.recursionAvailable ? 0x0080 : 0) |
    (message.rcode & 0xf);
  let at = putU16(into, offset, message.id);
  at = putU16(into, at, flags);
  for (const section of [message.questions, message.answers, message.authorities, message.additionals]) {
    at = putU16(into, at, section.length);
  }
  for (const entry of message.questions) at = putQuestion(into, at, entry);
  for (const entry of records(message)) {
    at = putQuestion(into, at, entry);
    at = putU32(into, at, entry.ttl);
    at = putU16(into, at, lengthOfData(entry.data));
    at = putData(into, at, entry.data);
  }
  return at - offset;
}

function putQuestion(into: Uint8Array, at: number, entry: Question): number {
  return putU16(into, putU16(into, putName(into, at, entry.name), entry.type), entry.class);
}

function putData(into: Uint8Array, at: number, data: RecordData): number {
  if (data.kind === 'address') return putU32(into, at, data.address);
  if (data.kind === 'name') return putName(into, at, data.name);
  into.set(data.octets, at);
  return at + data.octets.length;
}

function putName(into: Uint8Array, offset: number, name: string): number {
  let at = offset;
  for (const label of labelsOf(name)) {
    into[at++] = label.length;
    for (let index = 0; index < label.length; index++) into[at++] = label.charCodeAt(index);
  }
  into[at] = 0;
  return at + 1;
}

function putU16(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 8;
  into[at + 1] = value;
  return at + 2;
}

function putU32(into: Uint8Array, at: number, value: number): number {
  return putU16(into, putU16(into, at, value >>> 16), value & 0xffff);
}

const RCODE_NAMES: readonly string[] = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

const TYPE_NAMES: Readonly<Record<number, string>> = { 1: 'A', 2: 'NS', 5: 'CNAME', 12: 'PTR', 28: 'AAAA', 33: 'SRV' };

export function describe(message: Message): string {
  const asked = message.questions.map(({ name, type }) => `${TYPE_NAMES[type] ?? `TYPE${type}`} ${name}`).join(', ');
  if (!message.response) return `DNS query ${message.id} ${asked}`;
  const answered = message.answers.map(({ type, data }) => {
    const value = data.kind === 'address' ? ipv4Text(data.address) : data.kind === 'name' ? data.name : '…';
    return `${TYPE_NAMES[type] ?? `TYPE${type}`} ${value}`;
  });
  return [`DNS answer ${message.id} ${RCODE_NAMES[message.rcode] ?? message.rcode}`, asked, ...answered].join(' ');
}
