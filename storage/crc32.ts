/** CRC-32 as in IEEE 802.3 (reflected, polynomial 0xEDB88320): finds torn and rotten records. */

const TABLE: readonly number[] = Object.freeze(
  Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value | 0; // signed, so that the engine keeps the table as small integers
  }),
);

/** @param seed the result for the octets before these, or a number that a record is bound to. */
export function crc32(octets: Uint8Array, seed = 0): number {
  let value = ~seed;
  for (let index = 0; index < octets.length; index++) value = TABLE[(value ^ octets[index]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}
