import { readFileSync } from 'node:fs';
import { seq, struct, u8, u16, u32 } from '@solana/buffer-layout';
import { describe, expect, it } from 'vitest';
import { testImage } from '../test/support/flash-bench.ts';
import { BOARD, BOARD_SIZE, FUSE, FUSE_CELL } from './board-record.ts';
import { CRASH, CRASH_CELL } from './crash-log.ts';
import { FLASH_MAP, imageCapacity } from './flash-map.ts';
import { HEADER, HEADER_SIZE, MAGIC, TLV } from './image-format.ts';
import { BANK_COPY, RECORD, RECORD_HEAD } from './record-store.ts';
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
