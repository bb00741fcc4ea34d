/**
 * The tag-length-value container of Cisco's trust lists (CTL, ITL) and signed files (.sgn, .enc.sgn, .loads, .sbn). No standard: the layout
 * follows usecallmanager.nz's certutils and Cisco's own listings of real files. All integers are big-endian.
 *
 *   header    01 0002 major minor | 02 0002 headerLength | further elements up to headerLength
 *   element   tag (1)  length (2)  value; tag 13 is one lone octet of padding
 *   containers (tags 3, 7, 9, 16, 17, 21): the value is elements again
 *   record    01 0002 recordLength | further elements up to recordLength, counted from its first octet
 *
 * Behind the header of a trust list stand records up to the end of the file, behind that of any other file its payload. Elements
 * keep the order in which they came, since files of CUCM and of certutils differ in it and the signature covers it.
 */
import { Malformed } from '../malformed.ts';
import { putU16, u16 } from './octets.ts';

/** Header tags. */
export const TAGS = {
  version: 1,
  headerLength: 2,
  signerId: 3,
  signerName: 4,
  serialNumber: 5,
  caName: 6,
  signatureInfo: 7,
  digestAlgorithm: 8,
  signatureAlgorithmInfo: 9,
  signatureAlgorithm: 10,
  signatureModulus: 11,
  signature: 12,
  padding: 13,
  filename: 14,
  timestamp: 15,
  encryptionInfo: 16,
  cipherInfo: 17,
  cipherUnknown: 18,
  initializationVector: 19,
  plainPadding: 20,
  keyInfo: 21,
  keyUnknown: 22,
  keySize: 23,
  keyAlgorithm: 24,
  key: 25,
  plainHashAlgorithm: 26,
  plainHash: 27,
  signerVersion: 28,
} as const;

/** Record tags. */
export const RECORD_TAGS = {
  recordLength: 1,
  dnsName: 2,
  subjectName: 3,
  function: 4,
  issuerName: 5,
  serialNumber: 6,
  publicKey: 7,
  signature: 8,
  certificate: 9,
  ipAddress: 10,
  certificateHash: 11,
  hashAlgorithm: 12,
} as const;

export interface Element {
  readonly tag: number;
  /** Where its tag stands, from the first octet of what was parsed. */
  readonly offset: number;
  /** A view of the input; empty for padding and for containers. */
  readonly value: Uint8Array;
  /** Only of containers. */
  readonly children?: readonly Element[];
}

export interface Container {
  /** Octets up to the payload or the first record. */
  readonly headerLength: number;
  readonly elements: readonly Element[];
}

export interface TlvRecord {
  readonly offset: number;
  readonly length: number;
  /** Without the element that gives the length. */
  readonly elements: readonly Element[];
}

const CONTAINER_TAGS: readonly number[] = [
  TAGS.signerId,
  TAGS.signatureInfo,
  TAGS.signatureAlgorithmInfo,
  TAGS.encryptionInfo,
  TAGS.cipherInfo,
  TAGS.keyInfo,
];

/** 28 tags are known, each used once but the padding; room for what newer versions add. */
const MAX_ELEMENTS = 128;

/** Containers stand within containers three deep. */
const MAX_DEPTH = 4;

/** A phone keeps a list of 64 KiB, about 39 certificates; the smallest record has 33 octets. */
export const MAX_RECORDS = 2_048;

const ELEMENT_HEADER = 3;
const RECORD_HEADER = 5;

const EMPTY = new Uint8Array(0);

const NO_VERSION = new Malformed('tlv', 'does not begin with version and header length');
const BAD_HEADER_LENGTH = new Malformed('tlv', 'header length reaches past the end of the file');
const BAD_ELEMENT = new Malformed('tlv', 'an element reaches past the end of what holds it');
const TOO_MANY = new Malformed('tlv', 'too many elements');
const BAD_RECORD = new Malformed('tlv', 'record length is wrong');
const TOO_MANY_RECORDS = new Malformed('tlv', 'too many records');

/** Reads the header; the octets behind `headerLength` are not looked at. */
export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Container | Malformed {
  const file = bytes.subarray(offset, offset + length);
  const starts = length >= 10 && isU16Element(file, 0, TAGS.version) && isU16Element(file, 5, TAGS.headerLength);
  if (!starts) return NO_VERSION;
  const headerLength = u16(file, 8);
  if (headerLength < 10 || headerLength > length) return BAD_HEADER_LENGTH;
  const walk: Walk = { file, lonePadding: true, left: MAX_ELEMENTS };
  const elements = elementsIn(walk, 0, headerLength, 0);
  return elements instanceof Malformed ? elements : { headerLength, elements };
}

/** Reads the records from `offset` to the end. */
export function parseRecords(bytes: Uint8Array, offset: number): readonly TlvRecord[] | Malformed {
  const records: TlvRecord[] = [];
  let at = offset;
  while (at < bytes.length) {
    if (records.length === MAX_RECORDS) return TOO_MANY_RECORDS;
    if (at + RECORD_HEADER > bytes.length || !isU16Element(bytes, at, RECORD_TAGS.recordLength)) return BAD_RECORD;
    const length = u16(bytes, at + ELEMENT_HEADER);
    if (length < RECORD_HEADER || at + length > bytes.length) return BAD_RECORD;
    const walk: Walk = { file: bytes, lonePadding: false, left: MAX_ELEMENTS };
    const elements = elementsIn(walk, at + RECORD_HEADER, at + length, 0);
    if (elements instanceof Malformed) return elements;
    records.push({ offset: at, length, elements });
    at += length;
  }
  return records;
}

interface Walk {
  readonly file: Uint8Array;
  /** True in a header, which alone has padding and containers; the tags of a record mean other things. */
  readonly lonePadding: boolean;
  left: number;
}

function elementsIn(walk: Walk, start: number, end: number, depth: number): Element[] | Malformed {
  const { file } = walk;
  const elements: Element[] = [];
  let at = start;
  while (at < end) {
    if (walk.left-- === 0) return TOO_MANY;
    const tag = file[at]!;
    if (walk.lonePadding && tag === TAGS.padding) {
      elements.push({ tag, offset: at, value: EMPTY });
      at++;
      continue;
    }
    const from = at + ELEMENT_HEADER;
    const to = from <= end ? from + u16(file, at + 1) : Infinity;
    if (to > end) return BAD_ELEMENT;
    if (walk.lonePadding && CONTAINER_TAGS.includes(tag)) {
      if (depth === MAX_DEPTH) return TOO_MANY;
      const children = elementsIn(walk, from, to, depth + 1);
      if (children instanceof Malformed) return children;
      elements.push({ tag, offset: at, value: EMPTY, children });
    } else elements.push({ tag, offset: at, value: file.subarray(from, to) });
    at = to;
  }
  return elements;
}

function isU16Element(file: Uint8Array, at: number, tag: number): boolean {
  return file[at] === tag && u16(file, at + 1) === 2;
}

export function lengthOf(container: Container): number {
  return lengthOfElements(container.elements, true);
}

function lengthOfElements(elements: readonly Element[], lonePadding: boolean): number {
  let length = 0;
  for (const { tag, value, children } of elements) {
    if (lonePadding && tag === TAGS.padding) length++;
    else length += ELEMENT_HEADER + (children === undefined ? value.length : lengthOfElements(children, lonePadding));
  }
  return length;
}

/** Writes the header's elements as they are, the header length among them, and returns `lengthOf(container)`. */
export function emit(container: Container, into: Uint8Array, offset = 0): number {
  return emitElements(container.elements, true, into, offset) - offset;
}

export function lengthOfRecords(records: readonly TlvRecord[]): number {
  let length = 0;
  for (const { elements } of records) length += RECORD_HEADER + lengthOfElements(elements, false);
  return length;
}

/** Writes records with the length that their elements have, and returns `lengthOfRecords(records)`. */
export function emitRecords(records: readonly TlvRecord[], into: Uint8Array, offset = 0): number {
  let at = offset;
  for (const record of records) {
    at = emitHead(RECORD_TAGS.recordLength, 2, into, at);
    putU16(into, at, lengthOfRecords([record]));
    at = emitElements(record.elements, false, into, at + 2);
  }
  return at - offset;
}

function emitElements(elements: readonly Element[], lonePadding: boolean, into: Uint8Array, offset: number): number {
  let at = offset;
  for (const { tag, value, children } of elements) {
    if (lonePadding && tag === TAGS.padding) {
      into[at++] = tag;
    } else if (children !== undefined) {
      at = emitHead(tag, lengthOfElements(children, lonePadding), into, at);
      at = emitElements(children, lonePadding, into, at);
    } else {
      at = emitHead(tag, value.length, into, at);
      into.set(value, at);
      at += value.length;
    }
  }
  return at;
}

function emitHead(tag: number, length: number, into: Uint8Array, at: number): number {
  into[at] = tag;
  putU16(into, at + 1, length);
  return at + ELEMENT_HEADER;
}

/** `TLV header 304 octets: 1 2 3(4 5 6) 7(8 9(10 11)) 12 14 15 13 13`. */
export function describe(container: Container): string {
  return `TLV header ${container.headerLength} octets: ${tagsOf(container.elements)}`;
}

function tagsOf(elements: readonly Element[]): string {
  return elements.map(({ tag, children }) => (children ? `${tag}(${tagsOf(children)})` : `${tag}`)).join(' ');
}
