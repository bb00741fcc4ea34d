import { describe, expect, it } from 'vitest';
import { generateKey, readBootKey } from '../images/key.ts';
import { blankFlash, RottenFlash } from '../test/support/flash-bench.ts';
import { BOARD_SIZE, MAX_BOOT_KEYS, readBoard, readBootKeys, revokeBootKey, writeBoard } from './board-record.ts';
import { developmentBootKey } from './development-key.ts';
import { FLASH_MAP } from './flash-map.ts';

const IDENTITY = { model: '7975', mac: 0x02005ec0ffee, serial: 'FCH1402A1B2', hardwareRevision: '1' };
const ecdsa = readBootKey(generateKey('ecdsa-p256-sha256').publicPem);

describe('board record', () => {
  it('gives back identity and boot keys', () => {
    const flash = blankFlash();
    expect(readBoard(flash)).toEqual({ malformed: 'there is no board record' });
    expect(readBootKeys(flash)).toEqual([]);
    const keys = [developmentBootKey(), ecdsa, { ...developmentBootKey(), id: 'stolen', revoked: true }];
    writeBoard(flash, IDENTITY, keys);
    expect(readBoard(flash)).toEqual(IDENTITY);
    expect(readBootKeys(flash)).toEqual(keys);
  });

  it('revokes a key for good', () => {
    const flash = blankFlash();
    writeBoard(flash, IDENTITY, [developmentBootKey(), ecdsa]);
    expect(revokeBootKey(flash, 'nobody')).toBe(false);
    expect(revokeBootKey(flash, 'development')).toBe(true);
    expect(readBootKeys(flash).map((key) => key.revoked)).toEqual([true, false]);
  });

  it('finds each rotten bit of the identity, and none makes a key another key or revokes one', () => {
    const flash = blankFlash();
    writeBoard(flash, IDENTITY, [developmentBootKey()]);
    for (let octet = 0; octet < BOARD_SIZE; octet++) {
      const rotten = new RottenFlash(flash, FLASH_MAP.board.offset + octet, octet % 8);
      expect(readBoard(rotten), `octet ${octet}`).toHaveProperty('malformed');
    }
    for (let octet = 0; octet < 256; octet++) {
      const keys = readBootKeys(new RottenFlash(flash, FLASH_MAP.board.offset + 4096 + octet, octet % 8));
      expect([[], [developmentBootKey()]], `octet ${octet}`).toContainEqual(keys);
    }
  });

  it('refuses what does not fit', () => {
    const write = (identity: Partial<typeof IDENTITY>, keys = [developmentBootKey()]) =>
      writeBoard(blankFlash(), { ...IDENTITY, ...identity }, keys);
    expect(() => write({ serial: 'x'.repeat(17) })).toThrow(RangeError);
    expect(() => write({}, Array(MAX_BOOT_KEYS + 1).fill(developmentBootKey()))).toThrow('16 boot keys');
    expect(() => write({}, [{ ...developmentBootKey(), id: 'x'.repeat(33) }])).toThrow(RangeError);
  });
});
