import { type Flash, SECTOR_SIZE } from '../hal/flash.ts';
import { FLASH_MAP, type RegionName } from './flash-map.ts';

/** Erases what is not erased yet, from the end: a slot loses its trailer first, a record store its header last. */
export function eraseRegionOf(flash: Flash, name: RegionName): void {
  const { offset, size } = FLASH_MAP[name];
  for (let at = offset + size - SECTOR_SIZE; at >= offset; at -= SECTOR_SIZE) eraseSector(flash, at);
}

/** Spares a sector that is erased the wear. */
export function eraseSector(flash: Flash, offset: number): void {
  if (!isSectorErased(flash, offset)) flash.erase(offset);
}

export function isSectorErased(flash: Flash, offset: number): boolean {
  return flash.isErased(offset, SECTOR_SIZE);
}
