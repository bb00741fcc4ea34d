import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SECTOR_SIZE } from '../flash.ts';
import { PowerCut, VirtualFlash } from './flash.ts';
import { createFlashBase } from './flash-base.ts';

const SECTORS = 4;
const SIZE = SECTORS * SECTOR_SIZE;
const sha256 = (octets: Uint8Array) => createHash('sha256').update(octets).digest();

function counted() {
  const engine = { hashedOctets: 0 };
  const hash = (octets: Uint8Array) => {
    engine.hashedOctets += octets.length;
    return sha256(octets);
  };
  return { engine, hash };
}

/** Far faster than toEqual on 16,384 octets. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The rules of NOR flash, in the plainest form. */
class Model {
  readonly octets = new Uint8Array(SIZE).fill(0xff);

  program(offset: number, octets: Uint8Array): void {
    for (let index = 0; index < octets.length; index++) this.octets[offset + index]! &= octets[index]!;
  }

  erase(offset: number, length = SECTOR_SIZE): void {
    this.octets.fill(0xff, offset, offset + length);
  }
}

const operations = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('program' as const),
      offset: fc.nat(SIZE - 1),
      // Few contents and often to the end of a sector, so that sharing happens.
      length: fc.oneof(fc.nat(64), fc.constantFrom(SECTOR_SIZE, 2 * SECTOR_SIZE)),
      octet: fc.constantFrom(0x00, 0xff, 0xf0, 0x0f, 0x5a),
    }),
    fc.record({ kind: fc.constant('erase' as const), sector: fc.nat(SECTORS - 1) }),
    fc.record({ kind: fc.constant('hash' as const), offset: fc.nat(SIZE), length: fc.nat(SIZE) }),
    fc.record({ kind: fc.constant('blank check' as const), offset: fc.nat(SIZE), length: fc.nat(SIZE) }),
  ),
  { maxLength: 40 },
);

describe('VirtualFlash', () => {
  it('follows the rules of NOR flash on any sequence of operations, and so does a second part beside it', () => {
    const image = new Uint8Array(SECTOR_SIZE + 100).fill(0xa5);
    fc.assert(
      fc.property(operations, operations, (first, second) => {
        const base = createFlashBase(image, sha256);
        for (const steps of [first, second]) {
          const flash = new VirtualFlash(base, SIZE);
          const model = new Model();
          model.program(0, image);
          for (const step of steps) {
            if (step.kind === 'erase') {
              flash.erase(step.sector * SECTOR_SIZE);
              model.erase(step.sector * SECTOR_SIZE);
            } else if (step.kind === 'program') {
              const octets = new Uint8Array(Math.min(step.length, SIZE - step.offset)).fill(step.octet);
              flash.program(step.offset, octets);
              model.program(step.offset, octets);
            } else {
              const length = Math.min(step.length, SIZE - step.offset);
              const octets = model.octets.subarray(step.offset, step.offset + length);
              if (step.kind === 'hash') {
                expect(flash.sha256(step.offset, length)).toEqual(new Uint8Array(sha256(octets)));
              } else {
                expect(flash.isErased(step.offset, length)).toBe(!octets.some((octet) => octet !== 0xff));
              }
            }
          }
          expect(isSame(flash.read(0, SIZE), model.octets)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('leaves the torn part of the cut operation and nothing of later ones', () => {
    fc.assert(
      fc.property(operations, fc.nat(20), fc.nat(SECTOR_SIZE + 10), (steps, cutAt, torn) => {
        const flash = new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), SIZE);
        const model = new Model();
        flash.cutPowerAt(cutAt, torn);
        let operation = 0;
        for (const step of steps) {
          if (step.kind === 'hash' || step.kind === 'blank check') continue;
          operation++;
          const isCut = operation === cutAt;
          if (step.kind === 'erase') {
            const offset = step.sector * SECTOR_SIZE;
            model.erase(offset, isCut ? Math.min(torn, SECTOR_SIZE) : SECTOR_SIZE);
            if (isCut) expect(() => flash.erase(offset)).toThrow(PowerCut);
            else flash.erase(offset);
          } else {
            const octets = new Uint8Array(Math.min(step.length, SIZE - step.offset)).fill(step.octet);
            model.program(step.offset, isCut ? octets.subarray(0, torn) : octets);
            if (isCut) expect(() => flash.program(step.offset, octets)).toThrow(PowerCut);
            else flash.program(step.offset, octets);
          }
          if (isCut) break;
        }
        if (operation === cutAt && cutAt > 0) {
          expect(() => flash.program(0, Uint8Array.of(0))).toThrow(PowerCut);
          expect(() => flash.read(0, 1)).toThrow(PowerCut);
          flash.restorePower();
        }
        expect(isSame(flash.read(0, SIZE), model.octets)).toBe(true);
        expect(flash.operations).toBe(operation);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses what is outside the part or between sectors', () => {
    const flash = new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), SIZE);
    expect(() => flash.read(SIZE - 1, 2)).toThrow(RangeError);
    expect(() => flash.read(-1, 1)).toThrow(RangeError);
    expect(() => flash.program(SIZE, Uint8Array.of(1))).toThrow(RangeError);
    expect(() => flash.erase(1)).toThrow(RangeError);
    expect(() => flash.erase(SIZE)).toThrow(RangeError);
    expect(() => flash.sha256(0, SIZE + 1)).toThrow(RangeError);
    expect(() => new VirtualFlash(createFlashBase(new Uint8Array(SIZE + 1), sha256), SIZE)).toThrow(RangeError);
    expect(() => new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), 1_000)).toThrow(RangeError);
    expect(flash.operations).toBe(0);
  });

  it('holds sectors of the same content once for all parts, until the last gives them up', () => {
    const base = createFlashBase(new Uint8Array(SIZE).fill(0x11), sha256);
    const load = Uint8Array.from({ length: 2 * SECTOR_SIZE }, (_, index) => index % 251);
    const parts = Array.from({ length: 50 }, () => new VirtualFlash(base, SIZE));
    for (const part of parts) {
      part.erase(SECTOR_SIZE);
      part.erase(2 * SECTOR_SIZE);
      // In pieces, as it comes over the network.
      for (let offset = 0; offset < load.length; offset += 512) {
        part.program(SECTOR_SIZE + offset, load.subarray(offset, offset + 512));
      }
      expect(part.ownSectors).toBe(0);
    }
    expect(base.sharedSectors).toBe(2);
    parts[0]!.program(SECTOR_SIZE, Uint8Array.of(0));
    expect(parts[0]!.ownSectors).toBe(1);
    expect(parts[1]!.read(SECTOR_SIZE, load.length)).toEqual(load);
    for (const part of parts) {
      part.erase(SECTOR_SIZE);
      part.erase(2 * SECTOR_SIZE);
    }
    expect(base.sharedSectors).toBe(0);
  });

  it('keeps of a sector only what was programmed', () => {
    const flash = new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), SIZE);
    flash.program(0, new Uint8Array(300));
    expect(flash.ownOctets).toBe(512);
    flash.program(500, Uint8Array.of(1));
    flash.program(SIZE - 10, Uint8Array.of(2));
    expect(flash.ownOctets).toBe(512 + SECTOR_SIZE);
    expect(flash.isErased(501, SIZE - 511)).toBe(true);
    expect(flash.isErased(500, 2)).toBe(false);
    expect(flash.isErased(501, SIZE - 510)).toBe(false);
  });

  it('is clean again where it holds what the base holds', () => {
    const image = Uint8Array.from({ length: SECTOR_SIZE }, (_, index) => index & 0xff);
    const flash = new VirtualFlash(createFlashBase(image, sha256), SIZE);
    flash.erase(0);
    flash.program(0, image);
    flash.erase(SECTOR_SIZE);
    expect(flash.ownSectors).toBe(0);
    expect(flash.wear(0)).toBe(1);
    expect(flash.wear(SECTOR_SIZE)).toBe(1);
    expect(flash.wear(2 * SECTOR_SIZE)).toBe(0);
  });

  it('hashes a range once for all parts that hold the same there', () => {
    const { engine, hash } = counted();
    const base = createFlashBase(new Uint8Array(SIZE).fill(7), hash);
    const parts = Array.from({ length: 20 }, () => new VirtualFlash(base, SIZE));
    for (const part of parts) part.sha256(0, SIZE);
    expect(engine.hashedOctets).toBe(SIZE);

    engine.hashedOctets = 0;
    const tail = new Uint8Array(100).fill(1);
    for (const part of parts) {
      part.erase(0);
      part.program(0, tail);
      part.sha256(0, 100);
    }
    // The range once, and each part's sector once to find out that they are the same.
    expect(engine.hashedOctets).toBe(100 + 20 * SECTOR_SIZE);

    const digest = parts[0]!.sha256(0, 100);
    digest.fill(0);
    expect(parts[1]!.sha256(0, 100)).toEqual(new Uint8Array(sha256(tail)));
    parts[0]!.program(0, Uint8Array.of(0));
    expect(parts[0]!.sha256(0, 1)).toEqual(new Uint8Array(sha256(Uint8Array.of(0))));
  });
});
