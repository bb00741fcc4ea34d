/**
 * Why the phone crashed, the last times: a ring of cells in flash. A cell is written whole, and the sector it begins is erased first, so
 * at least 60 of the last 64 faults can be read. Byte table in docs/image-format.md.
 */

import { type Flash, SECTOR_SIZE } from '../hal/flash.ts';
import { octetsOf, textOf } from './ascii.ts';
import { crc32 } from './crc32.ts';
import { FLASH_MAP } from './flash-map.ts';
import { putU16le, putU32le, u16le, u32le } from './little-endian.ts';

export const CRASH_MAGIC = 0x5243; // "CR"
/** Offsets in a cell; the text, five fields a line each and the detail last, follows. */
export const CRASH = { magic: 0, length: 2, sequence: 4, check: 8, text: 12 } as const;
export const CRASH_CELL = 1024;
/** A longer detail (a stack of many calls) is cut off. */
const MAX_TEXT = CRASH_CELL - CRASH.text;
const CELL_COUNT = FLASH_MAP.crash.size / CRASH_CELL;

export interface FaultRecord {
  readonly slot: string;
  readonly load: string;
  /** Microseconds since the world was switched on. */
  readonly at: number;
  /** Stable slug: `exception`, `watchdog`. */
  readonly reason: string;
  /** For engineers; may have several lines. */
  readonly detail: string;
}

interface Cell {
  readonly index: number;
  readonly sequence: number;
  readonly fault: FaultRecord;
}

/** The board calls it on a CPU fault and then resets with reason `fault` or `watchdog`; the next boot counts it. */
export function writeFault(flash: Flash, fault: FaultRecord): void {
  const last = readCells(flash).at(-1);
  const index = last === undefined ? 0 : (last.index + 1) % CELL_COUNT;
  const lines = [fault.slot, fault.load, String(fault.at), fault.reason].map((field) => field.replaceAll('\n', ' '));
  const text = octetsOf([...lines, fault.detail].join('\n')).subarray(0, MAX_TEXT);
  const cell = new Uint8Array(CRASH.text + text.length);
  putU16le(cell, CRASH.magic, CRASH_MAGIC);
  putU16le(cell, CRASH.length, text.length);
  putU32le(cell, CRASH.sequence, (last?.sequence ?? 0) + 1);
  cell.set(text, CRASH.text);
  putU32le(cell, CRASH.check, check(cell));
  const offset = FLASH_MAP.crash.offset + index * CRASH_CELL;
  const torn = flash.read(offset, CRASH_CELL).some((octet) => octet !== 0xff);
  if (offset % SECTOR_SIZE === 0 || torn) flash.erase(offset - (offset % SECTOR_SIZE));
  flash.program(offset, cell);
}

/** Null when there was none. */
export function lastFault(flash: Flash): FaultRecord | null {
  return readCells(flash).at(-1)?.fault ?? null;
}

/** Oldest first. */
export function readFaults(flash: Flash): FaultRecord[] {
  return readCells(flash).map((cell) => cell.fault);
}

function readCells(flash: Flash): Cell[] {
  const cells: Cell[] = [];
  for (let index = 0; index < CELL_COUNT; index++) {
    const offset = FLASH_MAP.crash.offset + index * CRASH_CELL;
    const head = flash.read(offset, CRASH.text);
    const length = u16le(head, CRASH.length);
    if (u16le(head, CRASH.magic) !== CRASH_MAGIC || length > MAX_TEXT) continue;
    const cell = flash.read(offset, CRASH.text + length);
    if (check(cell) !== u32le(cell, CRASH.check)) continue;
    const [slot = '', load = '', at = '', reason = '', ...detail] = textOf(cell.subarray(CRASH.text)).split('\n');
    const fault = { slot, load, at: Number(at), reason, detail: detail.join('\n') };
    cells.push({ index, sequence: u32le(cell, CRASH.sequence), fault });
  }
  return cells.sort((a, b) => a.sequence - b.sequence);
}

/** Over all of the cell but the check itself. */
function check(cell: Uint8Array): number {
  return crc32(cell.subarray(CRASH.text), crc32(cell.subarray(0, CRASH.check)));
}
