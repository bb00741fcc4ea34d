/** Addresses as people write them. Inside they are numbers (a MAC of 48 bits, an IPv4 address of 32), text only here at the edge. */
import type { Ipv4, Mac } from '../../hal/nic.ts';

/** `10.0.0.5`. */
export function ipv4Text(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Four decimal octets with dots and nothing else; null when `text` is something other, such as a host name. */
export function parseIpv4(text: string): Ipv4 | null {
  const parts = text.split('.', 5);
  if (parts.length !== 4) return null;
  let address = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part)) return null;
    const octet = Number(part);
    if (octet > 255) return null;
    address = address * 256 + octet;
  }
  return address;
}

/** `02:00:5e:c0:ff:ee`. */
export function macText(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:');
}
