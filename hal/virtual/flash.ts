import { type Flash, SECTOR_SIZE } from '../flash.ts';
import { ERASED, type FlashBase, type SharedSector } from './flash-base.ts';

/** Thrown by the operation during which the power went, and by every one after it until `restorePower`. */
export class PowerCut extends Error {
  constructor() {
    super('the power was cut');
    this.name = 'PowerCut';
  }
}

/** A sector that is not as in the base: shared with others, or this part's own octets from its beginning on; what they leave out is erased. */
type Sector = SharedSector | Uint8Array;

/** Own octets grow to the next multiple of this: a phone's settings and trust records fill a tenth of a sector each. */
const OWN_OCTETS = 256;

/** Up to this many octets a loop is faster than a view. */
const FEW_OCTETS = 32;

/**
 * A flash part that shares what it can: it starts as a base image, copies a sector when it changes, and shares sectors of the same content again once
 * they are programmed to their end. A part that was never written holds no sectors at all.
 */
export class VirtualFlash implements Flash {
  readonly size: number;
  readonly #base: FlashBase;
  #sectors: Map<number, Sector> | null = null;
  #wear: Map<number, number> | null = null;
  #operations = 0;
  #cutAt = 0;
  #tornOctets = 0;
  #cut = false;

  /** `size` is a multiple of `SECTOR_SIZE`; what the base does not fill is erased. */
  constructor(base: FlashBase, size: number) {
    if (!Number.isInteger(size / SECTOR_SIZE) || size <= 0) {
      throw new RangeError(`a flash part is a multiple of ${SECTOR_SIZE} octets, not ${size}`);
    }
    if (base.length > size) throw new RangeError(`a base of ${base.length} octets does not fit a part of ${size}`);
    this.#base = base;
    this.size = size;
  }

  /** Programs and erases since this part was made. */
  get operations(): number {
    return this.#operations;
  }

  /** Sectors that this part holds for itself alone. */
  get ownSectors(): number {
    let count = 0;
    for (const sector of this.#sectors?.values() ?? []) if (isOwn(sector)) count++;
    return count;
  }

  /** Octets of memory that they take. */
  get ownOctets(): number {
    let count = 0;
    for (const sector of this.#sectors?.values() ?? []) if (isOwn(sector)) count += sector.length;
    return count;
  }

  /** How often the sector that begins at `offset` was erased. */
  wear(offset: number): number {
    return this.#wear?.get(offset / SECTOR_SIZE) ?? 0;
  }

  /** The operation with this number (the next one is `operations + 1`) changes its first `tornOctets` octets and throws `PowerCut`. */
  cutPowerAt(operation: number, tornOctets: number): void {
    this.#cutAt = operation;
    this.#tornOctets = tornOctets;
  }

  restorePower(): void {
    this.#cut = false;
    this.#cutAt = 0;
  }

  read(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    const octets = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const index = Math.floor(at / SECTOR_SIZE);
      const from = at % SECTOR_SIZE;
      const count = Math.min(SECTOR_SIZE - from, length - done);
      copy(this.#octetsOf(index), from, count, octets, done);
      done += count;
    }
    return octets;
  }

  isErased(offset: number, length: number): boolean {
    this.#check(offset, length);
    const end = offset + length;
    for (let at = offset; at < end; at = (Math.floor(at / SECTOR_SIZE) + 1) * SECTOR_SIZE) {
      const sector = this.#octetsOf(Math.floor(at / SECTOR_SIZE));
      if (sector === null) continue;
      const from = at % SECTOR_SIZE;
      const to = Math.min(from + end - at, sector.length);
      for (let position = from; position < to; position++) if (sector[position] !== 0xff) return false;
    }
    return true;
  }

  program(offset: number, octets: Uint8Array): void {
    this.#check(offset, octets.length);
    const count = this.#begin(octets.length);
    for (let done = 0; done < count; ) {
      const at = offset + done;
      const index = Math.floor(at / SECTOR_SIZE);
      const from = at % SECTOR_SIZE;
      const part = Math.min(SECTOR_SIZE - from, count - done);
      const sector = this.#own(index, from + part);
      for (let position = 0; position < part; position++) sector[from + position]! &= octets[done + position]!;
      // Programmed to its end: the usual way in which a load is written, and no other part of a phone writes whole sectors.
      if (from + part === SECTOR_SIZE) this.#share(index, sector);
      done += part;
    }
    this.#end();
  }

  erase(offset: number): void {
    this.#check(offset, SECTOR_SIZE);
    if (offset % SECTOR_SIZE !== 0) throw new RangeError(`no sector begins at ${offset}`);
    const index = offset / SECTOR_SIZE;
    const count = this.#begin(SECTOR_SIZE);
    this.#wear ??= new Map();
    this.#wear.set(index, (this.#wear.get(index) ?? 0) + 1);
    if (count === SECTOR_SIZE) this.#replace(index, this.#base.sector(index) === null ? null : ERASED);
    else if (count > 0) this.#own(index, 0).fill(0xff, 0, count);
    this.#end();
  }

  /** Sectors in the range are shared first, so that each content is hashed once for all the parts on this base. */
  sha256(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    let contents = '';
    if (this.#sectors !== null && length > 0) {
      const last = Math.floor((offset + length - 1) / SECTOR_SIZE);
      for (let index = Math.floor(offset / SECTOR_SIZE); index <= last; index++) {
        let sector = this.#sectors.get(index);
        if (sector !== undefined && isOwn(sector)) sector = this.#share(index, sector);
        if (sector !== undefined) contents += `${index}=${sector.number},`;
      }
    }
    return this.#base.digest(`${offset}+${length}:${contents}`, () => this.read(offset, length));
  }

  #check(offset: number, length: number): void {
    if (this.#cut) throw new PowerCut();
    if (!(Number.isInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new RangeError(`${length} octets at ${offset} are not within a part of ${this.size}`);
    }
  }

  /** Counts an operation, and says how many of its octets still happen. */
  #begin(length: number): number {
    this.#operations++;
    if (this.#operations !== this.#cutAt) return length;
    this.#cut = true;
    return Math.min(length, this.#tornOctets);
  }

  #end(): void {
    if (this.#cut) throw new PowerCut();
  }

  /** Null: erased, as is what the octets leave out. */
  #octetsOf(index: number): Uint8Array | null {
    const sector = this.#sectors?.get(index);
    if (sector === undefined) return this.#base.sector(index);
    return isOwn(sector) ? sector : sector.octets;
  }

  /** The octets of a sector, to be changed, and no fewer than `needed`. */
  #own(index: number, needed: number): Uint8Array {
    const sector = this.#sectors?.get(index);
    if (sector !== undefined && isOwn(sector) && sector.length >= needed) return sector;
    const octets = this.#octetsOf(index);
    const length = Math.max(octets?.length ?? 0, Math.ceil(needed / OWN_OCTETS) * OWN_OCTETS);
    const own = new Uint8Array(length);
    copy(octets, 0, length, own, 0);
    this.#replace(index, own);
    return own;
  }

  /** Gives octets of our own up for shared ones; the result is undefined when the base has the same. */
  #share(index: number, own: Uint8Array): SharedSector | undefined {
    let octets = own;
    if (own.length < SECTOR_SIZE) {
      octets = new Uint8Array(SECTOR_SIZE);
      copy(own, 0, SECTOR_SIZE, octets, 0);
    }
    const shared = this.#base.hasAt(index, octets) ? null : this.#base.share(octets);
    this.#replace(index, shared);
    return shared ?? undefined;
  }

  /** Null: as in the base. */
  #replace(index: number, sector: Sector | null): void {
    const old = this.#sectors?.get(index);
    if (sector === null) {
      this.#sectors?.delete(index);
    } else {
      this.#sectors ??= new Map();
      this.#sectors.set(index, sector);
    }
    if (old !== undefined && !isOwn(old)) this.#base.unshare(old);
  }
}

/** Copies octets of a sector, of which those that are not kept are erased. */
function copy(sector: Uint8Array | null, from: number, count: number, into: Uint8Array, at: number): void {
  const kept = sector === null ? 0 : Math.min(Math.max(sector.length - from, 0), count);
  if (kept > FEW_OCTETS) into.set(sector!.subarray(from, from + kept), at);
  else for (let position = 0; position < kept; position++) into[at + position] = sector![from + position]!;
  if (kept < count) into.fill(0xff, at + kept, at + count);
}

/** What is shared carries a number; octets do not. */
function isOwn(sector: Sector): sector is Uint8Array {
  return !('number' in sector);
}
