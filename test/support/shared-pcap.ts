import { CaptureReader } from '../../explain/capture-reader.ts';
import { memorySource } from '../../explain/octet-source.ts';
import { type Packet, PacketReader } from '../../explain/packet.ts';
import { sharedVector } from './shared-vectors.ts';

/** Frames of a capture among the shared vectors; null when it is not there. */
export function sharedPcap(name: string): Uint8Array[] | null {
  const octets = sharedVector(`pcaps/${name}`);
  return octets === null ? null : framesOf(octets).map((frame) => frame.bytes);
}

/** What its frames carry. */
export function sharedPackets(name: string): Packet[] | null {
  const octets = sharedVector(`pcaps/${name}`);
  if (octets === null) return null;
  const packets = new PacketReader();
  return framesOf(octets).flatMap((frame) => packets.read(frame) ?? []);
}

function framesOf(octets: Uint8Array) {
  const reader = new CaptureReader(memorySource(octets));
  const frames = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) {
    frames.push({ ...frame, bytes: frame.bytes.slice() });
  }
  return frames;
}
