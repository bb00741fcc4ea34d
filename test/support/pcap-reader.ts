/** Reads classic pcap files (draft-ietf-opsawg-pcap), which is what the shared vectors are in; the tap writes pcapng. */
import { existsSync, readFileSync } from 'node:fs';

/** Where vectors lie that are not part of the project; tests that need one are skipped, visibly, where they do not. */
const SHARED_PCAPS = new URL('../../../shared/vectors/pcaps/', import.meta.url);

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** The file's frames, or null when it is not there. */
export function sharedPcap(name: string): Uint8Array[] | null {
  const url = new URL(name, SHARED_PCAPS);
  return existsSync(url) ? readPcap(new Uint8Array(readFileSync(url))) : null;
}

export function readPcap(octets: Uint8Array): Uint8Array[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const littleEndian = view.getUint32(0, true) === MAGIC_MICROSECONDS;
  if (!littleEndian && view.getUint32(0) !== MAGIC_MICROSECONDS) throw new Error('not a classic pcap file');
  const frames: Uint8Array[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= octets.length; ) {
    const length = view.getUint32(at + 8, littleEndian);
    at += RECORD_HEADER;
    frames.push(octets.subarray(at, at + length));
    at += length;
  }
  return frames;
}
