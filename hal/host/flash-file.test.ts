import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { SECTOR_SIZE } from '../flash.ts';
import { VirtualFlash } from '../virtual/flash.ts';
import { createFlashBase } from '../virtual/flash-base.ts';
import { FlashFile, FlashFileError } from './flash-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'sepia-flash-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SIZE = 4 * SECTOR_SIZE;
let made = 0;
const path = () => join(directory, `${made++}.flash`);

function sentence(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FlashFileError) return error.message.slice(error.path.length + 2);
    throw error;
  }
  return 'nothing was thrown';
}

describe('FlashFile', () => {
  it('does what the virtual part does, and has it after it was closed and opened again', () => {
    const file = path();
    FlashFile.create(file, SIZE).close();
    const model = new VirtualFlash(
      createFlashBase(new Uint8Array(0), (octets) => createHash('sha256').update(octets).digest()),
      SIZE,
    );
    const step = fc.oneof(
      fc.record({ sector: fc.nat(3) }),
      fc.record({ offset: fc.nat(SIZE - 100), octets: fc.uint8Array({ maxLength: 100 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.boolean(), (steps, sync) => {
        const flash = FlashFile.open(file, { size: SIZE, sync });
        for (const part of [flash, model]) {
          for (const step of steps) {
            if ('sector' in step) part.erase(step.sector * SECTOR_SIZE);
            else part.program(step.offset, step.octets);
          }
        }
        expect(flash.sha256(10, SIZE - 20)).toEqual(model.sha256(10, SIZE - 20));
        flash.close();
        const again = FlashFile.open(file, { readOnly: true });
        expect(Buffer.compare(again.read(0, SIZE), model.read(0, SIZE))).toBe(0);
        again.close();
      }),
      { numRuns: 30 },
    );
  });

  it('is made erased and for its owner alone', () => {
    const file = path();
    const flash = FlashFile.create(file, SIZE);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(flash.read(0, SIZE).every((octet) => octet === 0xff)).toBe(true);
    flash.close();
    flash.close();
    expect(() => flash.read(0, 1)).toThrow('is closed');
  });

  it('refuses what is outside the part or between sectors', () => {
    const flash = FlashFile.create(path(), SIZE);
    expect(() => flash.read(SIZE, 1)).toThrow(RangeError);
    expect(() => flash.program(-1, Uint8Array.of(1))).toThrow(RangeError);
    expect(() => flash.erase(7)).toThrow(RangeError);
    flash.close();
  });

  it('says in one sentence what is wrong with a file', () => {
    expect(sentence(() => FlashFile.open(join(directory, 'none')))).toBe(
      'cannot be opened: there is no such file or directory.',
    );
    expect(sentence(() => FlashFile.create(join(directory, 'no', 'such'), SIZE))).toBe(
      'cannot be created: there is no such file or directory.',
    );
    const folder = join(directory, 'folder');
    mkdirSync(folder);
    expect(sentence(() => FlashFile.open(folder))).toBe('cannot be opened: it is a directory.');
    expect(sentence(() => FlashFile.open(folder, { readOnly: true }))).toBe('is not a regular file.');
    expect(sentence(() => FlashFile.open('/dev/null'))).toBe('is not a regular file.');
    const text = path();
    writeFileSync(text, 'hello');
    expect(sentence(() => FlashFile.open(text))).toMatch(/^is not a flash file: .* this has 5\.$/);
    expect(sentence(() => FlashFile.create(text, SIZE))).toBe('cannot be created: the file exists.');
    expect(sentence(() => FlashFile.create(path(), 100))).toMatch(/^is not a flash file/);
    const good = path();
    FlashFile.create(good, SIZE).close();
    expect(sentence(() => FlashFile.open(good, { size: 2 * SIZE }))).toBe(
      `has ${SIZE} octets; this phone's flash has ${2 * SIZE}.`,
    );
    const readOnly = FlashFile.open(good, { readOnly: true });
    expect(sentence(() => readOnly.erase(0))).toBe('cannot be written: it was opened for reading only.');
    readOnly.close();
    const shortened = FlashFile.open(good);
    truncateSync(good, 10);
    expect(sentence(() => shortened.read(0, 100))).toBe('was shortened while it was in use.');
    shortened.close();
  });

  it('counts erases in a file beside it, which may be deleted', () => {
    const file = path();
    let flash = FlashFile.create(file, SIZE);
    flash.erase(SECTOR_SIZE);
    flash.erase(SECTOR_SIZE);
    flash.erase(3 * SECTOR_SIZE);
    flash.close();
    flash = FlashFile.open(file);
    const counts = () => [0, 1, 2, 3].map((sector) => flash.wear(sector * SECTOR_SIZE));
    expect(counts()).toEqual([0, 2, 0, 1]);
    flash.erase(SECTOR_SIZE);
    expect(counts()).toEqual([0, 3, 0, 1]);
    flash.close();
    expect(statSync(`${file}.wear`).mode & 0o777).toBe(0o600);
    rmSync(`${file}.wear`);
    flash = FlashFile.open(file, { readOnly: true });
    expect(counts()).toEqual([0, 0, 0, 0]);
    flash.close();
  });
});
