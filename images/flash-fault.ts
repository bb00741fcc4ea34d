import { type Flash, SECTOR_SIZE } from '../hal/flash.ts';
import { FLASH_MAP, type RegionName } from '../storage/flash-map.ts';

/** What age and power cuts do to a part. */
export type FlashFault =
  /** One bit is the other one. */
  | { readonly kind: 'flip'; readonly offset: number; readonly bit: number }
  /** A program was cut off: from here to the end of its sector nothing was written. */
  | { readonly kind: 'cut-program'; readonly offset: number }
  /** An erase was cut off: its sector is erased up to here, and as it was behind. */
  | { readonly kind: 'cut-erase'; readonly offset: number };

const FORM = /^(flip|cut-program|cut-erase):(?:([A-Za-z]+)\+)?(0x[0-9a-fA-F]+|\d+)(?::([0-7]))?$/;

/**
 * `flip:0x80010:3`, `cut-program:trust+64`, `cut-erase:A+4096`: what, where (from the beginning of the part, or of a region of the map), and for a flip
 * which bit, 0 unless given. Returns a sentence for anything else.
 */
export function parseFault(text: string, flashSize: number): FlashFault | string {
  const [, kind, region, place, bit] = FORM.exec(text) ?? [];
  if (kind === undefined) {
    return `"${text}" is no fault; faults are flip:OFFSET:BIT, cut-program:OFFSET and cut-erase:OFFSET, OFFSET as 0x80010 or A+16.`;
  }
  if (region !== undefined && !Object.hasOwn(FLASH_MAP, region)) {
    return `The flash map has no region "${region}"; it has ${Object.keys(FLASH_MAP).join(', ')}.`;
  }
  const { offset: begin, size } =
    region === undefined ? { offset: 0, size: flashSize } : FLASH_MAP[region as RegionName];
  const within = Number(place);
  if (within >= size) return `${place} is not within ${region ?? 'the part'}, which has ${size} octets.`;
  const offset = begin + within;
  if (kind === 'flip') return { kind, offset, bit: Number(bit ?? 0) };
  if (bit !== undefined) return `Only a flip has a bit: "${text}".`;
  return { kind: kind as 'cut-program' | 'cut-erase', offset };
}

/** Damages a part. The sector is rewritten for it, as a workbench's programmer does, which costs it one erase. */
export function injectFault(flash: Flash, fault: FlashFault): void {
  const sector = fault.offset - (fault.offset % SECTOR_SIZE);
  const within = fault.offset - sector;
  const octets = flash.read(sector, SECTOR_SIZE);
  if (fault.kind === 'flip') octets[within]! ^= 1 << fault.bit;
  else if (fault.kind === 'cut-program') octets.fill(0xff, within);
  else octets.fill(0xff, 0, within);
  flash.erase(sector);
  flash.program(sector, octets);
}
