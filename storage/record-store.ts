/**
 * Keys and values in a region of flash, as a log: a change is appended, the newest record of a key counts.
 *
 * The region is two banks. Records go into the active one; when it is full, what is live is written to the other, and last of all that
 * bank's header, which makes it the active one. So a power cut at any octet leaves either the state before the change or the one after.
 * A torn or rotten record is passed over: it costs itself and nothing behind it, and the record before it of the same key counts again.
 *
 * Opening reads 64 octets. The first access to a bank in use reads head and key of each record, no values. Nothing is kept but one
 * number a key.
 */

import { type Flash, SECTOR_SIZE } from '../hal/flash.ts';
import { octetsOf, sameOctets, textOf } from './ascii.ts';
import { crc32 } from './crc32.ts';
import type { Region } from './flash-map.ts';
import { putU16le, putU32le, u16le, u32le } from './little-endian.ts';

export const BANK_MAGIC = 0x4b4e_4142; // "BANK"
/** Two copies, so that one rotten bit does not cost a bank. */
export const BANK_COPY = 16;
const BANK_HEADER = 2 * BANK_COPY;

export const RECORD_MAGIC = 0x4352; // "RC"
/** Offsets in the head of a record; key, value, and padding to a multiple of 4 follow it. */
export const RECORD = { magic: 0, kind: 2, keyLength: 3, valueLength: 4, headCheck: 8, valueCheck: 12 } as const;
export const RECORD_HEAD = 16;
const RECORD_ALIGN = 4;
export const MAX_KEY = 128;
const KEY_FORM = /^[ -~]{1,128}$/;

export const KIND = { value: 1, deleted: 2 } as const;

interface Bank {
  readonly offset: number;
  readonly size: number;
  readonly generation: number;
}

interface RecordHead {
  readonly offset: number;
  readonly deleted: boolean;
  readonly key: string;
  readonly valueOffset: number;
  readonly valueLength: number;
  readonly valueCheck: number;
  /** Where the next record begins. */
  readonly next: number;
}

/** What a walk through the active bank found. */
interface Log {
  /** Offset in flash of the newest record of each key that has a value. */
  readonly offsets: Map<string, number>;
  /** Where the next record goes; the end of the bank when it has to be compacted first. */
  end: number;
}

export class RecordStore {
  readonly #flash: Flash;
  readonly #region: Region;
  /** Null while nothing has ever been written. */
  #bank: Bank | null;
  /** Null until the first access. */
  #log: Log | null = null;

  private constructor(flash: Flash, region: Region) {
    this.#flash = flash;
    this.#region = region;
    this.#bank = this.#activeBank();
  }

  static open(flash: Flash, region: Region): RecordStore {
    return new RecordStore(flash, region);
  }

  /** A copy of the value; null when there is none. */
  get(key: string): Uint8Array | null {
    const offset = this.#open()?.offsets.get(key);
    if (offset === undefined) return null;
    const bank = this.#bank!;
    const head = this.#readHead(bank, offset);
    return (head && this.#readValue(bank, head)) ?? this.#olderValue(bank, key, offset);
  }

  /** Null, or a sentence saying why nothing was changed. Writing what is there already costs no flash. */
  set(key: string, octets: Uint8Array): string | null {
    if (!KEY_FORM.test(key)) throw new RangeError(`a key has 1 to ${MAX_KEY} printable characters: ${key}`);
    const present = this.get(key);
    if (present !== null && sameOctets(present, octets)) return null;
    return this.#append(key, octets);
  }

  delete(key: string): void {
    if (this.get(key) === null) return;
    this.#append(key, null);
  }

  /** Keys that have a value, in no particular order. */
  keys(prefix = ''): string[] {
    const log = this.#open();
    if (log === null) return [];
    return [...log.offsets.keys()].filter((key) => key.startsWith(prefix) && this.get(key) !== null);
  }

  /** Removes all keys that begin with `prefix`, all at once whatever happens to the power, and their octets from the flash. */
  clear(prefix: string): void {
    const log = this.#open();
    const old = this.#bank;
    if (log === null || old === null) return;
    if (![...log.offsets.keys()].some((key) => key.startsWith(prefix))) return;
    this.#compact((key) => !key.startsWith(prefix), null);
    this.#eraseBank(old.offset, old.size);
  }

  /** Octets that records take in the active bank, of those it has. */
  usage(): { readonly used: number; readonly size: number; readonly generation: number } {
    const log = this.#open();
    const size = this.#region.size / 2;
    if (log === null || this.#bank === null) return { used: 0, size, generation: 0 };
    return { used: log.end - this.#bank.offset, size, generation: this.#bank.generation };
  }

  #activeBank(): Bank | null {
    const size = this.#region.size / 2;
    let active: Bank | null = null;
    for (const offset of [this.#region.offset, this.#region.offset + size]) {
      const generation = readGeneration(this.#flash.read(offset, BANK_HEADER));
      if (generation !== null && generation > (active?.generation ?? 0)) active = { offset, size, generation };
    }
    return active;
  }

  #open(): Log | null {
    if (this.#log === null && this.#bank !== null) this.#log = this.#walk(this.#bank);
    return this.#log;
  }

  #walk(bank: Bank): Log {
    const offsets = new Map<string, number>();
    let end = bank.offset + BANK_HEADER;
    for (const head of this.#heads(bank)) {
      if (head.deleted) offsets.delete(head.key);
      else offsets.set(head.key, head.offset);
      end = head.next;
    }
    return { offsets, end };
  }

  /** All records with a whole head, from the oldest on. */
  *#heads(bank: Bank): Generator<RecordHead> {
    const bankEnd = bank.offset + bank.size;
    let at = bank.offset + BANK_HEADER;
    while (at + RECORD_HEAD <= bankEnd) {
      const head = this.#readHead(bank, at);
      if (head !== null) {
        yield head;
        at = head.next;
        continue;
      }
      if (this.#flash.isErased(at, RECORD_HEAD)) return;
      at = this.#nextHead(bank, at + RECORD_ALIGN);
    }
  }

  /** Behind a rotten head, whose length cannot be believed, the next record is looked for. */
  #nextHead(bank: Bank, from: number): number {
    const bankEnd = bank.offset + bank.size;
    const octets = this.#flash.read(from, bankEnd - from);
    for (let at = 0; at + RECORD_HEAD <= octets.length; at += RECORD_ALIGN) {
      if (u16le(octets, at) === RECORD_MAGIC && this.#readHead(bank, from + at) !== null) return from + at;
    }
    return bankEnd;
  }

  #readHead(bank: Bank, at: number): RecordHead | null {
    const bankEnd = bank.offset + bank.size;
    if (at + RECORD_HEAD > bankEnd) return null;
    const head = this.#flash.read(at, RECORD_HEAD);
    const kind = head[RECORD.kind]!;
    if (u16le(head, RECORD.magic) !== RECORD_MAGIC || (kind !== KIND.value && kind !== KIND.deleted)) return null;
    const keyLength = head[RECORD.keyLength]!;
    const valueLength = u32le(head, RECORD.valueLength);
    const next = at + recordSize(keyLength, valueLength);
    if (keyLength === 0 || keyLength > MAX_KEY || next > bankEnd) return null;
    const key = this.#flash.read(at + RECORD_HEAD, keyLength);
    if (headCheck(head, key, bank.generation) !== u32le(head, RECORD.headCheck)) return null;
    return {
      offset: at,
      deleted: kind === KIND.deleted,
      key: textOf(key),
      valueOffset: at + RECORD_HEAD + keyLength,
      valueLength,
      valueCheck: u32le(head, RECORD.valueCheck),
      next,
    };
  }

  /** Null when the value is torn or rotten. */
  #readValue(bank: Bank, head: RecordHead): Uint8Array | null {
    const value = this.#flash.read(head.valueOffset, head.valueLength);
    return crc32(value, bank.generation) === head.valueCheck ? value : null;
  }

  #olderValue(bank: Bank, key: string, before: number): Uint8Array | null {
    let older: Uint8Array | null = null;
    for (const head of this.#heads(bank)) {
      if (head.offset >= before) break;
      if (head.key !== key) continue;
      if (head.deleted) older = null;
      else older = this.#readValue(bank, head) ?? older;
    }
    return older;
  }

  #append(key: string, value: Uint8Array | null): string | null {
    const bank = this.#bank ?? this.#format();
    const log = this.#open()!;
    const record = encodeRecord(key, value, bank.generation);
    const fits = log.end + record.length <= bank.offset + bank.size;
    if (!fits || !this.#flash.isErased(log.end, record.length)) {
      return this.#compact((other) => other !== key, value && { key, value });
    }
    this.#flash.program(log.end, record);
    if (value === null) log.offsets.delete(key);
    else log.offsets.set(key, log.end);
    log.end += record.length;
    return null;
  }

  /** The first write ever. A bank is erased from its end, so one whose first sector is blank is blank. */
  #format(): Bank {
    const bank = { offset: this.#region.offset, size: this.#region.size / 2, generation: 1 };
    if (!this.#flash.isErased(bank.offset, SECTOR_SIZE)) this.#eraseBank(bank.offset, bank.size);
    this.#flash.program(bank.offset, encodeBankHeader(bank.generation));
    this.#bank = bank;
    this.#log = null;
    return bank;
  }

  /** Writes what is kept, and one more record, to the other bank and makes it the active one. */
  #compact(keep: (key: string) => boolean, more: { key: string; value: Uint8Array } | null): string | null {
    const from = this.#bank!;
    const values: [string, Uint8Array][] = [];
    for (const key of this.#open()!.offsets.keys()) {
      const value = keep(key) ? this.get(key) : null;
      if (value !== null) values.push([key, value]);
    }
    if (more !== null) values.push([more.key, more.value]);
    const size = values.reduce((sum, [key, value]) => sum + recordSize(key.length, value.length), BANK_HEADER);
    if (size > from.size) return `The flash region is full: ${size} octets in a bank of ${from.size}`;

    const first = this.#region.offset;
    const bank = {
      offset: from.offset === first ? first + from.size : first,
      size: from.size,
      generation: from.generation + 1,
    };
    this.#eraseBank(bank.offset, bank.size);
    const log: Log = { offsets: new Map(), end: bank.offset + BANK_HEADER };
    for (const [key, value] of values) {
      const record = encodeRecord(key, value, bank.generation);
      this.#flash.program(log.end, record);
      log.offsets.set(key, log.end);
      log.end += record.length;
    }
    this.#flash.program(bank.offset, encodeBankHeader(bank.generation));
    this.#bank = bank;
    this.#log = log;
    return null;
  }

  /** From the last sector to the first, so that the header goes last and a bank without one is known to be blank behind it. */
  #eraseBank(offset: number, size: number): void {
    for (let at = offset + size - SECTOR_SIZE; at >= offset; at -= SECTOR_SIZE) {
      if (!this.#flash.isErased(at, SECTOR_SIZE)) this.#flash.erase(at);
    }
  }
}

function recordSize(keyLength: number, valueLength: number): number {
  const size = RECORD_HEAD + keyLength + valueLength;
  return size + ((RECORD_ALIGN - (size % RECORD_ALIGN)) % RECORD_ALIGN);
}

/** The checks are bound to the generation: what an older one left behind is no record of this one. */
function headCheck(head: Uint8Array, key: Uint8Array, generation: number): number {
  const sizes = crc32(head, generation, 0, RECORD.headCheck);
  return crc32(key, crc32(head, sizes, RECORD.valueCheck, RECORD_HEAD));
}

function encodeRecord(key: string, value: Uint8Array | null, generation: number): Uint8Array {
  const keyOctets = octetsOf(key);
  const valueLength = value?.length ?? 0;
  const record = new Uint8Array(recordSize(keyOctets.length, valueLength)).fill(0xff);
  putU16le(record, RECORD.magic, RECORD_MAGIC);
  record[RECORD.kind] = value === null ? KIND.deleted : KIND.value;
  record[RECORD.keyLength] = keyOctets.length;
  putU32le(record, RECORD.valueLength, valueLength);
  putU32le(record, RECORD.valueCheck, crc32(value ?? new Uint8Array(0), generation));
  putU32le(record, RECORD.headCheck, headCheck(record, keyOctets, generation));
  record.set(keyOctets, RECORD_HEAD);
  if (value !== null) record.set(value, RECORD_HEAD + keyOctets.length);
  return record;
}

function encodeBankHeader(generation: number): Uint8Array {
  const header = new Uint8Array(BANK_HEADER).fill(0xff);
  for (let at = 0; at < BANK_HEADER; at += BANK_COPY) {
    putU32le(header, at, BANK_MAGIC);
    putU32le(header, at + 4, generation);
    putU32le(header, at + 8, crc32(header.subarray(at, at + 8)));
  }
  return header;
}

function readGeneration(header: Uint8Array): number | null {
  for (let at = 0; at < BANK_HEADER; at += BANK_COPY) {
    if (u32le(header, at) !== BANK_MAGIC) continue;
    if (u32le(header, at + 8) === crc32(header.subarray(at, at + 8))) return u32le(header, at + 4);
  }
  return null;
}
