import { createHash } from 'node:crypto';
import { type BootHal, boot } from '../../bootloader/boot.ts';
import type { Board } from '../../hal/board.ts';
import type { BootRecord } from '../../hal/entry-points.ts';
import { type Flash, SECTOR_SIZE } from '../../hal/flash.ts';
import type { BootKey } from '../../hal/secure.ts';
import type { EventType } from '../../hal/trace.ts';
import { PowerCut, VirtualFlash } from '../../hal/virtual/flash.ts';
import { createFlashBase } from '../../hal/virtual/flash-base.ts';
import { developmentKey, type SigningKey, sealerOf, verifySignature } from '../../images/key.ts';
import { FLASH_SIZE } from '../../storage/flash-map.ts';
import { emit, type ImageParts } from '../../storage/image-format.ts';

export const sha256 = (octets: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(octets).digest());

export function blankFlash(size = FLASH_SIZE): VirtualFlash {
  return new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), size);
}

/** Makes parts that begin as `flash` is now: cheap to make, and independent of each other. */
export function copier(flash: VirtualFlash): () => VirtualFlash {
  const base = createFlashBase(flash.read(0, flash.size), sha256);
  return () => new VirtualFlash(base, flash.size);
}

/** The part with one bit read the wrong way round, as age does it. */
export class RottenFlash implements Flash {
  readonly size: number;
  readonly #flash: Flash;
  readonly #octet: number;
  readonly #bit: number;

  constructor(flash: Flash, octet: number, bit: number) {
    this.size = flash.size;
    this.#flash = flash;
    this.#octet = octet;
    this.#bit = bit;
  }

  read(offset: number, length: number): Uint8Array {
    const octets = this.#flash.read(offset, length);
    const index = this.#octet - offset;
    if (index >= 0 && index < length) octets[index]! ^= 1 << this.#bit;
    return octets;
  }

  isErased(offset: number, length: number): boolean {
    return this.read(offset, length).every((octet) => octet === 0xff);
  }

  program(offset: number, octets: Uint8Array): void {
    this.#flash.program(offset, octets);
  }

  erase(offset: number): void {
    this.#flash.erase(offset);
  }

  sha256(offset: number, length: number): Uint8Array {
    const inside = this.#octet >= offset && this.#octet < offset + length;
    return inside ? sha256(this.read(offset, length)) : this.#flash.sha256(offset, length);
  }
}

/** How many octets each program and erase of `work` touches, in order. */
export function operationLengths(flash: VirtualFlash, work: (flash: Flash) => void): number[] {
  const lengths: number[] = [];
  work({
    size: flash.size,
    read: (offset, length) => flash.read(offset, length),
    isErased: (offset, length) => flash.isErased(offset, length),
    sha256: (offset, length) => flash.sha256(offset, length),
    program: (offset, octets) => {
      lengths.push(octets.length);
      flash.program(offset, octets);
    },
    erase: (offset) => {
      lengths.push(SECTOR_SIZE);
      flash.erase(offset);
    },
  });
  return lengths;
}

/** How far an operation got: every octet of a short one; the ends and the middle of a long one. */
function tears(length: number): number[] {
  if (length <= 256) return Array.from({ length: length + 1 }, (_, octets) => octets);
  return [0, 1, length >> 1, length - 1, length];
}

/** All power cuts during `work` on parts that begin as `make` makes them. `check` is told of those between two operations. Returns how many there were. */
export function cutEverywhere(
  make: () => VirtualFlash,
  work: (flash: Flash) => void,
  check: (flash: VirtualFlash, where: string, atEdge: boolean) => void,
): number {
  let cases = 0;
  const lengths = operationLengths(make(), work);
  lengths.forEach((length, index) => {
    for (const torn of tears(length)) {
      const flash = make();
      flash.cutPowerAt(index + 1, torn);
      untilCut(() => work(flash));
      flash.restorePower();
      check(
        flash,
        `operation ${index + 1} of ${lengths.length} after ${torn} of ${length} octets`,
        torn === 0 || torn === length,
      );
      cases++;
    }
  });
  return cases;
}

/** Runs `work` until the power goes, or to its end. */
export function untilCut(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
}

export interface TestEvent {
  readonly type: EventType;
  readonly [field: string]: unknown;
}

/** A board as the bootloader sees it, with what it said. */
export class BootBench {
  readonly events: TestEvent[] = [];
  readonly lines: string[] = [];
  readonly hal: BootHal;

  constructor(flash: Flash, bootKeys: readonly BootKey[] = [developmentKey().bootKey], model = '7975') {
    this.hal = {
      flash,
      board: { model: { name: model } as Board['model'], hardwareRevision: '1' },
      secure: { bootKeys, verify: verifySignature },
      trace: { event: (type, fields) => void this.events.push({ type, ...fields }), debug: () => {} },
      console: { write: (line) => void this.lines.push(line) },
    };
  }

  /** Boots and returns the boot record; throws when the board halts. */
  boot(...[reason = 'power-on', options]: Partial<Tail<Parameters<typeof boot>>>): BootRecord {
    const decision = boot(this.hal, reason, options);
    if (decision.kind === 'halt') throw new Error(`halted: ${decision.reason}`);
    return decision.record;
  }
}

type Tail<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never;

/** A small image. Its body says which one it is. */
export function testImage(parts: Partial<ImageParts> = {}, key: SigningKey | null = developmentKey()): Uint8Array {
  const load = parts.load ?? 'SCCP75.9-4-2SR3-1S';
  return emit(
    {
      body: new TextEncoder().encode(`(() => "${load}")()`),
      halAbi: 1,
      version: { major: 9, minor: 4, revision: 2, build: 0 },
      securityCounter: 1,
      models: ['7975'],
      buildId: 'test',
      hardwareRevisions: null,
      protocol: 'sccp',
      load,
      ...parts,
    },
    sealerOf(key),
  );
}
