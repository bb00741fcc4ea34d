import { readFileSync } from 'node:fs';
import { seq, struct, u8, u16, u32 } from '@solana/buffer-layout';
import { describe, expect, it } from 'vitest';
import { testImage } from '../test/support/flash-bench.ts';
import {
  BOARD,
  BOARD_MAGIC,
  BOARD_SIZE,
  BOARD_VERSION,
  FUSE,
  FUSE_CELL,
  FUSE_MAGIC,
  MAX_BOOT_KEYS,
} from './board-record.ts';
import { CRASH, CRASH_CELL, CRASH_MAGIC } from './crash-log.ts';
import { FLASH_MAP, imageCapacity } from './flash-map.ts';
import {
  HEADER,
  HEADER_SIZE,
  MAGIC,
  MAX_BODY_SIZE,
  MAX_HEADER_SIZE,
  MAX_TEXT,
  MAX_TLV_AREA,
  MAX_TLVS,
  PROTECTED_MAGIC,
  TLV,
  UNPROTECTED_MAGIC,
} from './image-format.ts';
import { BANK_COPY, BANK_MAGIC, KIND, MAX_KEY, RECORD, RECORD_HEAD, RECORD_MAGIC } from './record-store.ts';
import { TRAILER, TRAILER_SIZE } from './slot-trailer.ts';

const PAGE = readFileSync(new URL('../docs/image-format.md', import.meta.url), 'utf8');

type Row = Record<string, string>;

/** All tables of the page, in order. */
const TABLES: readonly Row[][] = (PAGE.match(/(?:^\|.*\n)+/gm) ?? []).map((table) => {
  const [head = [], , ...rows] = table
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
  return rows.map((cells) => Object.fromEntries(cells.map((cell, index) => [head[index], cell])));
});

const [MAP, HEADER_TABLE, TLV_TABLE, TRAILER_TABLE, BANK_TABLE, RECORD_TABLE, BOARD_TABLE, FUSE_TABLE, CRASH_TABLE] =
  TABLES as [Row[], Row[], Row[], Row[], Row[], Row[], Row[], Row[], Row[]];

const offsets = (table: readonly Row[]): Record<string, number> =>
  Object.fromEntries(table.map((row) => [row.field, Number(row.offset)]));

/** Each field begins where the one before ends. Returns the end of the last. */
function endOf(table: readonly Row[]): number {
  let end = 0;
  for (const row of table) {
    expect(Number(row.offset), row.field).toBe(end);
    end += Number(row.size);
  }
  return end;
}

describe('docs/image-format.md', () => {
  it('has the flash map of the code', () => {
    const map = Object.entries(FLASH_MAP).map(([region, { offset, size, about }]) => [region, offset, size, about]);
    expect(MAP.map((row) => [row.region, Number(row.offset), Number(row.size), row.holds])).toEqual(map);
    expect(PAGE).toContain(`up to ${imageCapacity('A').toLocaleString('en')} octets fits a slot`);
    expect(PAGE).toContain(`up to ${imageCapacity('recovery').toLocaleString('en')} the recovery region`);
  });

  it.each([
    ['header', HEADER_TABLE, HEADER, HEADER_SIZE],
    ['slot trailer', TRAILER_TABLE, TRAILER, TRAILER_SIZE],
    ['record', RECORD_TABLE, RECORD, RECORD_HEAD],
    ['board record', BOARD_TABLE, BOARD, BOARD_SIZE],
    ['fuse cell', FUSE_TABLE, FUSE, FUSE_CELL],
    ['crash cell', CRASH_TABLE, CRASH, CRASH_CELL],
  ])('has the %s of the code', (_, table, fields, size) => {
    expect(offsets(table)).toEqual(fields);
    expect(endOf(table)).toBe(size);
  });

  it('has the bank header of the code', () => {
    expect(endOf(BANK_TABLE)).toBeLessThanOrEqual(BANK_COPY);
  });

  it('has the TLV types of the code', () => {
    expect(Object.fromEntries(TLV_TABLE.map((row) => [row.name, Number(row.type)]))).toEqual(TLV);
    for (const row of TLV_TABLE) expect(row.area).toBe(Number(row.type) < 0x80 ? 'protected' : 'unprotected');
  });

  it('has the magic numbers and bounds of the code', () => {
    const hex = (value: number): string => `0x${value.toString(16)}`;
    const meaning = (table: readonly Row[], field: string): string =>
      table.find((row) => row.field === field)?.meaning ?? '';
    expect(meaning(HEADER_TABLE, 'magic')).toContain(hex(MAGIC));
    expect(meaning(BANK_TABLE, 'magic')).toContain(hex(BANK_MAGIC));
    expect(meaning(RECORD_TABLE, 'magic')).toBe(hex(RECORD_MAGIC));
    expect(meaning(RECORD_TABLE, 'kind')).toBe(`${KIND.value} value, ${KIND.deleted} deleted`);
    expect(meaning(RECORD_TABLE, 'keyLength')).toBe(`1 to ${MAX_KEY}`);
    expect(meaning(BOARD_TABLE, 'magic')).toContain(hex(BOARD_MAGIC));
    expect(meaning(BOARD_TABLE, 'version')).toMatch(new RegExp(`^${BOARD_VERSION},`));
    expect(meaning(FUSE_TABLE, 'magic')).toBe(hex(FUSE_MAGIC));
    expect(meaning(CRASH_TABLE, 'magic')).toBe(hex(CRASH_MAGIC));
    expect(meaning(HEADER_TABLE, 'headerSize')).toContain(MAX_HEADER_SIZE.toLocaleString('en'));
    expect(meaning(HEADER_TABLE, 'bodySize')).toContain(MAX_BODY_SIZE.toLocaleString('en'));
    expect(PAGE).toContain(`protected ${hex(PROTECTED_MAGIC)} \`TP\`, unprotected ${hex(UNPROTECTED_MAGIC)} \`TU\``);
    expect(PAGE).toContain(`at most ${MAX_TLV_AREA.toLocaleString('en')}. Each`);
    expect(PAGE).toContain(`at most ${MAX_TLVS} in an area`);
    expect(PAGE).toContain(`printable ASCII of 1 to ${MAX_TEXT} characters`);
    expect(PAGE).toContain(`${MAX_BOOT_KEYS} cells of ${FUSE_CELL} octets`);
  });

  it('describes the header well enough for another library to read it', () => {
    const kinds = { 1: u8, 2: u16, 4: u32 } as const;
    const layout = struct<Record<string, number>>(
      HEADER_TABLE.map((row) => kinds[Number(row.size) as 1 | 2 | 4](row.field)),
    );
    const body = new TextEncoder().encode('"body"');
    const image = testImage({ body, version: { major: 9, minor: 4, revision: 2, build: 77 }, securityCounter: 5 });
    expect(layout.span).toBe(HEADER_SIZE);
    const header = layout.decode(image);
    expect(header).toMatchObject({
      magic: MAGIC,
      headerSize: HEADER_SIZE,
      halAbi: 1,
      bodySize: body.length,
      major: 9,
      minor: 4,
      revision: 2,
      build: 77,
      securityCounter: 5,
    });
    const found = seq(u8(), body.length).decode(image, header.headerSize);
    expect(found).toEqual([...body]);
  });
});
