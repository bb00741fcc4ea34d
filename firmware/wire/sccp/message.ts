/**
 * SCCP ("Skinny") messages, all integers little-endian:
 *
 *     0        4                8           12
 *     +--------+----------------+-----------+----------- - -
 *     | length | header version | message id| body
 *     +--------+----------------+-----------+----------- - -
 *
 * `length` counts from the message id: 4 + body. The header version is 0 ("basic") or a protocol version, by the habits of the sender; it says
 * nothing about the layout of the body, which follows from the negotiated version and from the body's length.
 *
 * The bodies stand in tables: registration.ts, capabilities.ts, call-control.ts, media.ts. An identifier in none of them gives an
 * `Unknown` that keeps its octets.
 */
import { Malformed } from '../../malformed.ts';
import { bodyLength as fullLength, readBody, readU32, writeBody, writeU32 } from './body.ts';
import { CALL_CONTROL } from './call-control.ts';
import { CAPABILITIES } from './capabilities.ts';
import type { Definition, Layout, ValueOf } from './field.ts';
import { MEDIA } from './media.ts';
import { REGISTRATION } from './registration.ts';

const HEADER_LENGTH = 12;
/** Octets of the frame that `length` does not count. */
const UNCOUNTED = 8;
/** Largest `length` believed. The largest known body is LocationInfo with 2,404 octets; beyond this the stream is out of step. */
const MAX_LENGTH = 16_384;
/** The highest protocol version known. */
const NEWEST_VERSION = 22;

export const SHORT = new Malformed('sccp', 'frame shorter than its header');
export const BAD_LENGTH = new Malformed('sccp', 'length field below 4 or above 16384');
export const TRUNCATED = new Malformed('sccp', 'frame ends before its length field says');

const DEFINITIONS = { ...REGISTRATION, ...CAPABILITIES, ...CALL_CONTROL, ...MEDIA } as const;

type Definitions = typeof DEFINITIONS;
export type MessageName = keyof Definitions;

/** Part of every message. */
interface Envelope {
  /** As received; written in place of the dialect's where given. */
  readonly headerVersion?: number;
  /** Octets of the body as received; where given, that many are written, in the layout that is read from so many. */
  readonly bodyLength?: number;
}

type FieldsOf<N extends MessageName> = Definitions[N] extends Definition<infer F> ? ValueOf<F> : never;

/** A message out of `parse`: every field is there, blank where the body did not have it. */
export type MessageOf<N extends MessageName> = N extends MessageName
  ? { readonly type: N } & Required<Envelope> & FieldsOf<N>
  : never;

interface Unknown extends Required<Envelope> {
  readonly type: 'Unknown';
  readonly id: number;
  readonly body: Uint8Array;
}

export type Message = MessageOf<MessageName> | Unknown;

/** A message to be written: fields left out are zero or empty, counts left out are those of what they count. */
type OutgoingOf<N extends MessageName> = N extends MessageName
  ? { readonly type: N } & Envelope & Sparse<FieldsOf<N>>
  : never;

type Sparse<T> = {
  readonly [K in keyof T]?: T[K] extends readonly (infer E extends object)[] ? readonly Sparse<E>[] : T[K];
};

export type Outgoing = OutgoingOf<MessageName> | (Pick<Unknown, 'type' | 'id' | 'body'> & Envelope);

/** How a peer writes. */
export interface Dialect {
  /** Protocol version, which decides the layouts. */
  readonly version: number;
  readonly headerVersion: number;
  /** Text in UTF-8; else ISO 8859-1. */
  readonly utf8: boolean;
}

/** What `parse` and `emit` take when not told otherwise. */
const NEWEST: Dialect = Object.freeze({ version: NEWEST_VERSION, headerVersion: 0, utf8: true });

type Values = Record<string, unknown>;

interface Entry {
  readonly id: number;
  readonly layouts: readonly Layout[];
  /** What a parsed message starts from: the newest layout has every field that any of them has. */
  readonly blank: Values;
}

const BY_NAME: ReadonlyMap<string, Entry> = new Map(
  (Object.entries(DEFINITIONS) as [string, Definition][]).map(([type, { id, layouts }]) => {
    const blank = Object.freeze({ type, headerVersion: 0, bodyLength: 0, ...layouts[0].blank });
    return [type, Object.freeze({ id, layouts, blank })];
  }),
);
const BY_ID: ReadonlyMap<number, Entry> = new Map([...BY_NAME.values()].map((entry) => [entry.id, entry]));

/**
 * Octets of the frame that begins at `offset`, 0 while the `available` ones do not tell, or `BAD_LENGTH`.
 */
export function frameLength(bytes: Uint8Array, offset: number, available: number): number | Malformed {
  if (available < 4) return 0;
  const length = readU32(bytes, offset);
  return length < 4 || length > MAX_LENGTH ? BAD_LENGTH : length + UNCOUNTED;
}

/**
 * One whole frame.
 *
 * @param version the negotiated one where there is one: it decides where the length of a body does not
 */
export function parse(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  version = NEWEST.version,
): Message | Malformed {
  if (length < HEADER_LENGTH) return SHORT;
  const whole = frameLength(bytes, offset, length);
  if (typeof whole !== 'number') return whole;
  if (whole > length) return TRUNCATED;
  const start = offset + HEADER_LENGTH;
  const end = offset + whole;
  const id = readU32(bytes, offset + 8);
  const headerVersion = readU32(bytes, offset + 4);
  const entry = BY_ID.get(id);
  if (entry === undefined) {
    return { type: 'Unknown', headerVersion, bodyLength: end - start, id, body: bytes.slice(start, end) };
  }
  const values: Values = { ...entry.blank };
  values.headerVersion = headerVersion;
  values.bodyLength = end - start;
  readBody(layoutRead(entry.layouts, end - start, version), bytes, start, end, values);
  return values as unknown as Message;
}

/** The newest layout that the version allows and for which the body is long enough. */
function layoutRead(layouts: readonly Layout[], length: number, version: number): Layout {
  for (const layout of layouts) if (version >= layout.since && length >= layout.shortest) return layout;
  return layouts[layouts.length - 1]!;
}

function layoutWritten(layouts: readonly Layout[], version: number): Layout {
  for (const layout of layouts) if (version >= layout.since) return layout;
  return layouts[layouts.length - 1]!;
}

function layoutOf(entry: Entry, m: Outgoing, dialect: Dialect): Layout {
  if (m.bodyLength === undefined) return layoutWritten(entry.layouts, dialect.version);
  return layoutRead(entry.layouts, m.bodyLength, dialect.version);
}

function bodyLengthOf(m: Outgoing, dialect: Dialect): number {
  if (m.bodyLength !== undefined) return Math.min(m.bodyLength, MAX_LENGTH - 4);
  if (m.type === 'Unknown') return m.body.length;
  const layout = layoutOf(BY_NAME.get(m.type)!, m, dialect);
  let length = -1;
  for (const [since, octets] of layout.lengths) if (dialect.version >= since) length = octets;
  return length >= 0 ? length : fullLength(layout, m as unknown as Values, dialect.utf8);
}

/** Octets of the whole frame that `emit` writes. */
export function lengthOf(m: Outgoing, dialect = NEWEST): number {
  return HEADER_LENGTH + bodyLengthOf(m, dialect);
}

/** Writes the frame and returns its length. */
export function emit(m: Outgoing, into: Uint8Array, offset = 0, dialect = NEWEST): number {
  const length = lengthOf(m, dialect);
  into.fill(0, offset, offset + length);
  fill(m, into, offset, length, dialect);
  return length;
}

/** The frame in octets of its own. */
export function encode(m: Outgoing, dialect = NEWEST): Uint8Array {
  const octets = new Uint8Array(lengthOf(m, dialect));
  fill(m, octets, 0, octets.length, dialect);
  return octets;
}

/** Writes the frame over zeros. */
function fill(m: Outgoing, into: Uint8Array, offset: number, length: number, dialect: Dialect): void {
  const start = offset + HEADER_LENGTH;
  const end = offset + length;
  writeU32(into, offset, length - UNCOUNTED);
  writeU32(into, offset + 4, m.headerVersion ?? dialect.headerVersion);
  if (m.type === 'Unknown') {
    writeU32(into, offset + 8, m.id);
    into.set(m.body.subarray(0, end - start), start);
    return;
  }
  const entry = BY_NAME.get(m.type)!;
  writeU32(into, offset + 8, entry.id);
  writeBody(layoutOf(entry, m, dialect), m as unknown as Values, into, start, end, dialect.utf8);
}

/** Characters of one field shown by `describe`. */
const DESCRIBED_LENGTH = 40;

/** One line: name, body length, and the fields that are not blank. */
export function describe(m: Message): string {
  if (m.type === 'Unknown') return `SCCP id 0x${m.id.toString(16)}, ${m.bodyLength} octets`;
  const parts: string[] = [];
  for (const [name, value] of Object.entries(m)) {
    if (name === 'type' || name === 'headerVersion' || name === 'bodyLength') continue;
    if (typeof value === 'number' ? value !== 0 : typeof value === 'string' && value !== '') {
      parts.push(`${name} ${typeof value === 'string' ? JSON.stringify(value.slice(0, DESCRIBED_LENGTH)) : value}`);
    } else if (Array.isArray(value) && value.length > 0) {
      parts.push(`${name} [${value.length}]`);
    }
  }
  return `SCCP ${m.type}, ${m.bodyLength} octets${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}
