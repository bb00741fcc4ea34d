/**
 * Big-endian fields in octets (network byte order, RFC 791 appendix B). The caller has checked the length; no bounds are looked at here.
 * A DataView would have to be created for each frame, which costs more than a frame's whole header.
 */
import type { Mac } from '../../hal/nic.ts';

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function mac(bytes: Uint8Array, at: number): Mac {
  return u16(bytes, at) * 0x1_0000_0000 + u32(bytes, at + 2);
}

export function putU16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >> 8;
  into[at + 1] = value;
}

export function putU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >> 24;
  into[at + 1] = value >> 16;
  into[at + 2] = value >> 8;
  into[at + 3] = value;
}

export function putMac(into: Uint8Array, at: number, value: Mac): void {
  putU16(into, at, Math.floor(value / 0x1_0000_0000));
  putU32(into, at + 2, value);
}
