/** SCCP frames out of pcapng captures: enough of pcapng, 802.1Q, IPv4 and TCP to read streams that lost nothing. */
import { FrameStream } from '../../firmware/wire/sccp/stream.ts';
import { sharedVector } from './shared-vectors.ts';

const ENHANCED_PACKET = 6;
const SCCP_PORT = 2000;
const ETHERTYPE_VLAN = 0x8100;
const PROTOCOL_TCP = 6;

export interface CapturedFrames {
  readonly fromPhone: Uint8Array[];
  readonly fromServer: Uint8Array[];
}

/** Null when the capture is not there. */
export function sccpCapture(name: string): CapturedFrames | null {
  const octets = sharedVector(`pcaps/${name}`);
  if (octets === null) return null;
  const frames: CapturedFrames = { fromPhone: [], fromServer: [] };
  const streams = new Map<string, { stream: FrameStream; next: number }>();
  for (const packet of packets(octets)) {
    const segment = tcpSegment(packet);
    if (segment === null || segment.payload.length === 0) continue;
    const { from, to, sequence, payload } = segment;
    const held = streams.get(`${from} ${to}`) ?? { stream: new FrameStream(), next: sequence };
    streams.set(`${from} ${to}`, held);
    if (sequence !== held.next) continue; // a retransmission
    held.next = (sequence + payload.length) >>> 0;
    held.stream.push(payload, (bytes, offset, length) => {
      (from === SCCP_PORT ? frames.fromServer : frames.fromPhone).push(bytes.slice(offset, offset + length));
      return true;
    });
  }
  return frames;
}

function* packets(octets: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  for (let at = 0; at + 12 <= octets.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== ENHANCED_PACKET) continue;
    const captured = view.getUint32(at + 20, true);
    yield octets.subarray(at + 28, at + 28 + captured);
  }
}

function tcpSegment(frame: Uint8Array) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const ip = view.getUint16(12) === ETHERTYPE_VLAN ? 18 : 14;
  if (view.getUint16(ip - 2) !== 0x0800 || frame[ip + 9] !== PROTOCOL_TCP) return null;
  const tcp = ip + (frame[ip]! & 15) * 4;
  const from = view.getUint16(tcp);
  const to = view.getUint16(tcp + 2);
  if (from !== SCCP_PORT && to !== SCCP_PORT) return null;
  const payload = frame.subarray(tcp + (frame[tcp + 12]! >> 4) * 4, ip + view.getUint16(ip + 2));
  return { from, to, sequence: view.getUint32(tcp + 4), payload };
}
