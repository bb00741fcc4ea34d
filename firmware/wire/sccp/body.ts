/**
 * Reads and writes message bodies by their tables (see field.ts). Reading is total: what a short body lacks stays blank, what a long one
 * has in excess is left alone, counts are cut to the places that are there. So nothing in here can fail.
 */
import { ALL, type Field, type Layout, type StationAddress } from './field.ts';
import { readText, textLength, writeText } from './text.ts';

/** The most elements read from any array: twice what the largest table allots (chan-sccp sends 64 soft keys, 56 buttons). */
const MAX_ELEMENTS = 128;

type Values = Record<string, unknown>;

export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

export function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

function readIp4(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeIp4(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

function readAddress(bytes: Uint8Array, at: number): StationAddress {
  const ipType = readU32(bytes, at);
  return ipType === 0 ? readIp4(bytes, at + 4) : { ipType, octets: bytes.slice(at + 4, at + 20) };
}

function writeAddress(value: StationAddress, into: Uint8Array, at: number): void {
  if (typeof value === 'number') {
    writeIp4(into, at + 4, value);
    return;
  }
  writeU32(into, at, value.ipType);
  into.set(value.octets.subarray(0, 16), at + 4);
}

/** Reads the fields that lie wholly between `offset` and `end` into `values`, which holds the layout's blanks. */
export function readBody(layout: Layout, bytes: Uint8Array, offset: number, end: number, values: Values): void {
  const { entries } = layout;
  let at = offset;
  for (let k = 0; k < entries.length && at < end; k++) {
    const [name, part] = entries[k]!;
    const used = readField(name, part, bytes, at, end, values, k === entries.length - 1);
    if (used === 0) return;
    at += used;
  }
}

/** Returns the octets used; 0 when the field is not there in full. */
function readField(
  name: string,
  part: Field<unknown>,
  bytes: Uint8Array,
  at: number,
  end: number,
  values: Values,
  last: boolean,
): number {
  const left = end - at;
  const { size } = part;
  switch (part.kind) {
    case 'u32':
      if (left < 4) return 0;
      values[name] = readU32(bytes, at);
      return 4;
    case 'text':
      values[name] = readText(bytes, at, left < size ? end : at + size);
      return size;
    case 'u8':
      values[name] = bytes[at]!;
      return 1;
    case 'u16':
      if (left < 2) return 0;
      values[name] = bytes[at]! | (bytes[at + 1]! << 8);
      return 2;
    case 'ip4':
      if (left < 4) return 0;
      values[name] = readIp4(bytes, at);
      return 4;
    case 'i32':
      if (left < 4) return 0;
      values[name] = readU32(bytes, at) | 0;
      return 4;
    case 'address':
      if (left < 20) return 0;
      values[name] = readAddress(bytes, at);
      return 20;
    case 'pad':
      return size;
    default:
      return readLong(name, part, bytes, at, end, values, last);
  }
}

function readLong(
  name: string,
  part: Field<unknown>,
  bytes: Uint8Array,
  at: number,
  end: number,
  values: Values,
  last: boolean,
): number {
  const left = end - at;
  switch (part.kind) {
    case 'string': {
      const limit = Math.min(at + part.size, end);
      values[name] = readText(bytes, at, Math.min(at + part.size - 1, end));
      let past = at;
      while (past < limit && bytes[past] !== 0) past++;
      return Math.min(past + 1, limit) - at;
    }
    case 'octets':
      if (left < part.size) return 0;
      // Keys, salts and parameters are mostly zeros, which the blank says too, without a copy.
      if (!allZero(bytes, at, at + part.size)) values[name] = bytes.slice(at, at + part.size);
      return part.size;
    case 'u16s':
      values[name] = readU16s(bytes, at, Math.min(part.slots, left >> 1));
      return part.size;
    case 'data':
    case 'rest': {
      const wanted = part.kind === 'rest' ? left : (values[part.countedBy] as number);
      const length = Math.min(wanted, left, part.size);
      values[name] = bytes.slice(at, at + length);
      return length;
    }
    default: {
      const count = part.countedBy === ALL ? part.slots : (values[part.countedBy] as number);
      values[name] = readArray(part, bytes, at, end, count, last);
      return part.size;
    }
  }
}

function allZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** Without the zeros at the end. */
function readU16s(bytes: Uint8Array, at: number, slots: number): number[] {
  const numbers: number[] = [];
  let used = slots;
  while (used > 0 && bytes[at + 2 * used - 2] === 0 && bytes[at + 2 * used - 1] === 0) used--;
  for (let k = 0; k < used; k++) numbers.push(bytes[at + 2 * k]! | (bytes[at + 2 * k + 1]! << 8));
  return numbers;
}

function readArray(
  part: Field<unknown>,
  bytes: Uint8Array,
  at: number,
  end: number,
  count: number,
  last: boolean,
): Values[] {
  const entries = part.parts;
  const elementSize = part.size / part.slots;
  const places = Math.floor((end - at) / elementSize);
  const used = Math.min(count, places, last ? MAX_ELEMENTS : part.slots);
  const elements: Values[] = [];
  for (let k = 0; k < used; k++) {
    const element: Values = { ...part.blank };
    let from = at + k * elementSize;
    for (const [name, inner] of entries) from += readField(name, inner, bytes, from, end, element, false);
    elements.push(element);
  }
  return elements;
}

/** Octets that the whole table takes with these values, before any rule about versions. */
export function bodyLength(layout: Layout, values: Values, utf8: boolean): number {
  const { entries } = layout;
  let length = 0;
  let varies = false;
  for (let k = 0; k < entries.length; k++) {
    const [name, part] = entries[k]!;
    if (part.kind === 'string') {
      length += Math.min(textLength(asText(values[name]), utf8), part.size - 1) + 1;
      varies = true;
    } else if (part.kind === 'data' || part.kind === 'rest') {
      length += Math.min((values[name] as Uint8Array | undefined)?.length ?? 0, part.size);
      varies = true;
    } else if (part.kind === 'array' && k === entries.length - 1) {
      const count = (values[name] as readonly unknown[] | undefined)?.length ?? 0;
      length += (part.size / part.slots) * Math.max(part.slots, Math.min(count, MAX_ELEMENTS));
    } else {
      length += part.size;
    }
  }
  // Bodies of varying length end on a multiple of four.
  return varies ? (length + 3) & ~3 : length;
}

function asText(value: unknown): string {
  return (value as string | undefined) ?? '';
}

/** Writes what fits between `offset` and `end`; these octets hold zeros on entry. Absent values are left at zero. */
export function writeBody(
  layout: Layout,
  values: Values,
  into: Uint8Array,
  offset: number,
  end: number,
  utf8: boolean,
): void {
  const { entries } = layout;
  let at = offset;
  for (let k = 0; k < entries.length && at < end; k++) {
    const [name, part] = entries[k]!;
    const value = values[name] ?? counted(layout, name, values);
    at += writeField(part, value, into, at, end, utf8, k === entries.length - 1);
  }
}

/** What a count that the caller left out has to be: the length of the array or data that it counts. */
function counted(layout: Layout, name: string, values: Values): number | undefined {
  const of = layout.counted.get(name);
  return of === undefined ? undefined : (values[of] as ArrayLike<unknown> | undefined)?.length;
}

/** Returns the octets taken. */
function writeField(
  part: Field<unknown>,
  value: unknown,
  into: Uint8Array,
  at: number,
  end: number,
  utf8: boolean,
  last: boolean,
): number {
  const { size } = part;
  const left = end - at;
  if (part.kind === 'string') {
    const length = writeText(asText(value), into, at, Math.min(size - 1, left), utf8);
    return length + 1;
  }
  if (value === undefined) return part.kind === 'data' || part.kind === 'rest' ? 0 : size;
  switch (part.kind) {
    case 'u32':
    case 'i32':
      if (left >= 4) writeU32(into, at, value as number);
      break;
    case 'u16':
      if (left >= 2) {
        into[at] = value as number;
        into[at + 1] = (value as number) >>> 8;
      }
      break;
    case 'u8':
      into[at] = value as number;
      break;
    case 'ip4':
      if (left >= 4) writeIp4(into, at, value as number);
      break;
    case 'address':
      if (left >= 20) writeAddress(value as StationAddress, into, at);
      break;
    case 'text':
      writeText(value as string, into, at, Math.min(size, left), utf8);
      break;
    case 'octets':
      if (left >= size) into.set((value as Uint8Array).subarray(0, size), at);
      break;
    case 'data':
    case 'rest': {
      const length = Math.min((value as Uint8Array).length, size, left);
      into.set((value as Uint8Array).subarray(0, length), at);
      return length;
    }
    case 'u16s':
      for (const [k, number] of (value as readonly number[]).slice(0, part.slots).entries()) {
        if (2 * k + 2 > left) break;
        into[at + 2 * k] = number;
        into[at + 2 * k + 1] = number >>> 8;
      }
      break;
    case 'array':
      writeArray(part, value as readonly Values[], into, at, end, utf8, last);
      break;
    default:
      break;
  }
  return size;
}

function writeArray(
  part: Field<unknown>,
  elements: readonly Values[],
  into: Uint8Array,
  at: number,
  end: number,
  utf8: boolean,
  last: boolean,
): void {
  const entries = part.parts;
  const elementSize = part.size / part.slots;
  const most = last ? MAX_ELEMENTS : part.slots;
  for (let k = 0; k < elements.length && k < most; k++) {
    const element = elements[k]!;
    let to = at + k * elementSize;
    if (to + elementSize > end) return;
    for (const [name, inner] of entries) to += writeField(inner, element[name], into, to, end, utf8, false);
  }
}
