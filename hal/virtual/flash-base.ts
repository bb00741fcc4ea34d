import { SECTOR_SIZE } from '../flash.ts';

/** SHA-256 over octets. */
export type Sha256 = (octets: Uint8Array) => Uint8Array;

/** A content that several parts hold. Its octets are never changed. */
export interface SharedSector {
  /** Names the content among those of this base. */
  readonly number: number;
  /** Null: erased. */
  readonly octets: Uint8Array | null;
}

/** An erased sector where the base has something else. */
export const ERASED: SharedSector = { number: 0, octets: null };

/** Digests remembered; a slot has one or two ranges that are hashed at every boot. */
const REMEMBERED_DIGESTS = 1_024;

interface CountedSector extends SharedSector {
  readonly key: string;
  holders: number;
}

/**
 * What the flash parts of many phones have in common: the image they started from, sectors that were later written with the same content,
 * and the digests of both.
 */
export class FlashBase {
  /** Octets of the image; a part may be larger and is erased beyond. */
  readonly length: number;
  readonly #sectors: (Uint8Array | null)[] = [];
  readonly #sha256: Sha256;
  readonly #shared = new Map<string, CountedSector>();
  #lastNumber = ERASED.number;
  readonly #digests = new Map<string, Uint8Array>();

  constructor(image: Uint8Array, sha256: Sha256) {
    this.length = image.length;
    this.#sha256 = sha256;
    for (let offset = 0; offset < image.length; offset += SECTOR_SIZE) {
      const octets = new Uint8Array(SECTOR_SIZE).fill(0xff);
      octets.set(image.subarray(offset, offset + SECTOR_SIZE));
      this.#sectors.push(octets.every((octet) => octet === 0xff) ? null : octets);
    }
  }

  /** The octets of a sector, not to be changed; null when it is erased. */
  sector(index: number): Uint8Array | null {
    return this.#sectors[index] ?? null;
  }

  hasAt(index: number, octets: Uint8Array): boolean {
    const own = this.sector(index);
    return octets.every((octet, position) => octet === (own === null ? 0xff : own[position]));
  }

  /** Takes `octets` over, or finds that it has the same already. */
  share(octets: Uint8Array): SharedSector {
    const key = String.fromCharCode(...this.#sha256(octets));
    let sector = this.#shared.get(key);
    if (sector === undefined) {
      this.#lastNumber++;
      sector = { number: this.#lastNumber, octets, key, holders: 0 };
      this.#shared.set(key, sector);
    }
    sector.holders++;
    return sector;
  }

  unshare(sector: SharedSector): void {
    if (!('holders' in sector)) return;
    const counted = sector as CountedSector;
    counted.holders--;
    if (counted.holders === 0) this.#shared.delete(counted.key);
  }

  /** Contents shared now, the image not counted. */
  get sharedSectors(): number {
    return this.#shared.size;
  }

  /** The digest of what `contents` names, which is hashed when it is not remembered. */
  digest(contents: string, read: () => Uint8Array): Uint8Array {
    let digest = this.#digests.get(contents);
    if (digest === undefined) {
      digest = new Uint8Array(this.#sha256(read()));
      if (this.#digests.size >= REMEMBERED_DIGESTS) {
        for (const oldest of this.#digests.keys()) {
          this.#digests.delete(oldest);
          break;
        }
      }
      this.#digests.set(contents, digest);
    }
    return digest.slice();
  }
}

/** `image` is copied; `sha256` is the host's. */
export function createFlashBase(image: Uint8Array, sha256: Sha256): FlashBase {
  return new FlashBase(image, sha256);
}
