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
  const segments = capturedSegments(name, SCCP_PORT);
  if (segments === null) return null;
  const frames: CapturedFrames = { fromPhone: [], fromServer: [] };
  const streams = new Map<string, FrameStream>();
  for (const { from, to, payload } of segments) {
    const stream = streams.get(`${from} ${to}`) ?? new FrameStream();
    streams.set(`${from} ${to}`, stream);
    stream.push(payload, (bytes, offset, length) => {
      (from === SCCP_PORT ? frames.fromServer : frames.fromPhone).push(bytes.slice(offset, offset + length));
      return true;
    });
  }
  return frames;
}

/** What TCP carried from and to a server's port, each octet once. Null when the capture is not there. */
export function capturedSegments(
  name: string,
  port: number,
): { readonly from: number; readonly to: number; readonly payload: Uint8Array }[] | null {
  const octets = sharedVector(`pcaps/${name}`);
  if (octets === null) return null;
  const next = new Map<string, number>();
  const segments: { from: number; to: number; payload: Uint8Array }[] = [];
  for (const packet of packets(octets)) {
    const segment = tcpSegment(packet, port);
    if (segment === null || segment.payload.length === 0) continue;
    const { from, to, sequence, payload } = segment;
    if (sequence !== (next.get(`${from} ${to}`) ?? sequence)) continue; // a retransmission
    next.set(`${from} ${to}`, (sequence + payload.length) >>> 0);
    segments.push({ from, to, payload });
  }
  return segments;
}

function* packets(octets: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  for (let at = 0; at + 12 <= octets.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== ENHANCED_PACKET) continue;
    const captured = view.getUint32(at + 20, true);
    yield octets.subarray(at + 28, at + 28 + captured);
  }
}

function tcpSegment(frame: Uint8Array, port: number) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const ip = view.getUint16(12) === ETHERTYPE_VLAN ? 18 : 14;
  if (view.getUint16(ip - 2) !== 0x0800 || frame[ip + 9] !== PROTOCOL_TCP) return null;
  const tcp = ip + (frame[ip]! & 15) * 4;
  const from = view.getUint16(tcp);
  const to = view.getUint16(tcp + 2);
  if (from !== port && to !== port) return null;
  const payload = frame.subarray(tcp + (frame[tcp + 12]! >> 4) * 4, ip + view.getUint16(ip + 2));
  return { from, to, sequence: view.getUint32(tcp + 4), payload };
}
