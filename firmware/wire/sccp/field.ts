/**
 * The vocabulary in which the message tables of this folder are written: what kinds of field an SCCP body is made of.
 * Integers are little-endian, addresses are in network order; a table lists the fields in the order of the wire.
 */
import type { Ipv4 } from '../../../hal/nic.ts';

/**
 * An address as messages carry it from version 17 on: {u32 type, 16 octets}. Type 0 (IPv4, in the first four octets) is given as a
 * plain number; anything else (1 IPv6, 2 both, 3 invalid) keeps its octets.
 */
export type StationAddress = Ipv4 | { readonly ipType: number; readonly octets: Uint8Array };

type FieldKind =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'i32'
  | 'ip4'
  | 'address'
  | 'text'
  | 'string'
  | 'octets'
  | 'u16s'
  | 'data'
  | 'rest'
  | 'array'
  | 'pad';

/** One field. `Value` is what it is in a parsed message; it exists for the type checker only. */
export interface Field<Value> {
  readonly kind: FieldKind;
  /** Octets on the wire; for `string`, `data` and `rest`, whose length varies, the most that is taken. */
  readonly size: number;
  /** Slots of an `array` or of `u16s`. */
  readonly slots: number;
  /** The field that says how many elements or octets are meant, for `array` and `data`. */
  readonly countedBy: string;
  /** The fields of one element of an `array`. */
  readonly parts: readonly (readonly [string, Field<unknown>])[];
  /** An element of an `array` with every field absent. */
  readonly blank: Readonly<Record<string, unknown>>;
  /** Never present. */
  readonly value?: Value;
}

export type Fields = { readonly [name: string]: Field<unknown> };

/** The message that a table of fields describes. */
export type ValueOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Field<never> ? never : K]: F[K] extends Field<infer V> ? V : never;
};

/** In place of the name of a count: all slots are used. */
export const ALL = '';

const NO_OCTETS = new Uint8Array(0);
const NO_ELEMENTS: readonly never[] = Object.freeze([]);

function blankOf(part: Field<unknown>): unknown {
  switch (part.kind) {
    case 'text':
    case 'string':
      return '';
    case 'octets':
    case 'data':
    case 'rest':
      return NO_OCTETS;
    case 'array':
    case 'u16s':
      return NO_ELEMENTS;
    default:
      return 0;
  }
}

function blanks(entries: readonly (readonly [string, Field<unknown>])[]): Readonly<Record<string, unknown>> {
  const blank: Record<string, unknown> = {};
  for (const [name, part] of entries) if (part.kind !== 'pad') blank[name] = blankOf(part);
  return Object.freeze(blank);
}

const NOTHING = Object.freeze({});

function field<Value>(kind: FieldKind, size: number, more: Partial<Field<Value>> = {}): Field<Value> {
  return Object.freeze({ kind, size, slots: 0, countedBy: ALL, parts: [], blank: NOTHING, ...more });
}

export const u8 = field<number>('u8', 1);
export const u16 = field<number>('u16', 2);
export const u32 = field<number>('u32', 4);
export const i32 = field<number>('i32', 4);
/** Four octets in network order. */
export const ip4 = field<Ipv4>('ip4', 4);
/** Type and 16 octets, from version 17 on. */
export const address = field<StationAddress>('address', 20);

/** Fixed text, padded with NUL; a server may leave garbage behind the NUL or fill the field without one. */
export const text = (size: number): Field<string> => field('text', size);
/** NUL-terminated text of at most `most` octets, its NUL counted. Its place depends on the strings before it. */
export const string = (most: number): Field<string> => field('string', most);
/** So many octets; empty when all are zero. */
export const octets = (size: number): Field<Uint8Array> => field('octets', size);
/** A vector of u16, without the zeros at its end. */
export const u16s = (slots: number): Field<readonly number[]> => field('u16s', 2 * slots, { slots });
/** As many octets as the field `countedBy` says, at most `most`. */
export const data = (countedBy: string, most: number): Field<Uint8Array> => field('data', most, { countedBy });
/** Everything to the end of the body. */
export const rest = (most: number): Field<Uint8Array> => field('rest', most);
/** Octets that mean nothing. */
export const pad = (size: number): Field<never> => field('pad', size);

/**
 * `slots` places, of which the field `countedBy` says how many are used. Where the array ends the body, a peer may allot fewer or
 * more places than the table does.
 */
export function array<F extends Fields>(slots: number, countedBy: string, element: F): Field<readonly ValueOf<F>[]> {
  const parts = Object.freeze(Object.entries(element));
  let size = 0;
  for (const [, part] of parts) size += part.size;
  return field('array', size * slots, { slots, countedBy, parts, blank: blanks(parts) });
}

/** One way in which a message is laid out. */
export interface Layout<F extends Fields = Fields> {
  readonly fields: F;
  /** Name and field in order, so that the codec need not walk the object. */
  readonly entries: readonly (readonly [string, Field<unknown>])[];
  /** [since version, body length] in rising order: how much of the table is written from which version on. Empty: all of it. */
  readonly lengths: readonly (readonly [number, number])[];
  /** The lowest version that writes this layout. */
  readonly since: number;
  /** The shortest body that is read by this layout. */
  readonly shortest: number;
  /** By the name of a count, the name of what it counts. */
  readonly counted: ReadonlyMap<string, string>;
  /** A value with every field absent: what a body of length 0 says. */
  readonly blank: Readonly<Record<string, unknown>>;
}

/**
 * @param lengths the body lengths by version where they differ from the whole table, in rising order
 * @param shortest the shortest body to be read so; by default the shortest that is written, or 0 for a message with one layout
 */
export function layout<F extends Fields>(
  fields: F,
  lengths: readonly (readonly [number, number])[] = [],
  { since = lengths[0]?.[0] ?? 0, shortest = 0 }: { since?: number; shortest?: number } = {},
): Layout<F> {
  const entries = Object.entries(fields);
  return Object.freeze({
    fields,
    entries: Object.freeze(entries),
    lengths,
    since,
    shortest,
    counted: new Map(
      entries.filter(([, part]) => part.countedBy !== ALL).map(([name, part]) => [part.countedBy, name]),
    ),
    blank: blanks(entries),
  });
}

/** A message: its identifier and its layouts, newest first. The newest names all fields that any of them has. */
export interface Definition<F extends Fields = Fields> {
  readonly id: number;
  readonly layouts: readonly [Layout<F>, ...Layout[]];
}

export function message<F extends Fields>(id: number, fields: F | Layout<F>, ...older: Layout[]): Definition<F> {
  const newest = isLayout(fields) ? fields : layout(fields);
  return Object.freeze({ id, layouts: [newest, ...older] as const });
}

function isLayout<F extends Fields>(of: F | Layout<F>): of is Layout<F> {
  return Array.isArray((of as Layout<F>).entries);
}
