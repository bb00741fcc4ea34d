/** Little-endian numbers in octets. By index, since octets from the HAL may belong to another realm. */

export function u16le(octets: Uint8Array, offset: number): number {
  return octets[offset]! | (octets[offset + 1]! << 8);
}

export function u32le(octets: Uint8Array, offset: number): number {
  return (u16le(octets, offset) | (u16le(octets, offset + 2) << 16)) >>> 0;
}

export function putU16le(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value & 0xff;
  into[offset + 1] = (value >>> 8) & 0xff;
}

export function putU32le(into: Uint8Array, offset: number, value: number): void {
  putU16le(into, offset, value & 0xffff);
  putU16le(into, offset + 2, value >>> 16);
}
