/** CRC-32 as in IEEE 802.3 (reflected, polynomial 0xEDB88320): finds torn and rotten records. */

/** Never written to. A typed array cannot be frozen, but is twice as fast as a frozen array. */
const TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param seed the result for the octets before these, or a number that a record is bound to. */
export function crc32(octets: Uint8Array, seed = 0, start = 0, end = octets.length): number {
  let value = ~seed;
  for (let index = start; index < end; index++) value = TABLE[(value ^ octets[index]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}
