/** SCCP frames out of captures whose streams lost nothing. */
import { FrameStream } from '../../firmware/wire/sccp/stream.ts';
import { sharedPackets } from './shared-pcap.ts';

const SCCP_PORT = 2000;

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
  const packets = sharedPackets(name);
  if (packets === null) return null;
  const next = new Map<string, number>();
  const segments: { from: number; to: number; payload: Uint8Array }[] = [];
  for (const { content } of packets) {
    if (content.kind !== 'tcp' || content.payload.length === 0) continue;
    const { sourcePort: from, destinationPort: to, segment, payload } = content;
    if (from !== port && to !== port) continue;
    const { sequence } = segment;
    if (sequence !== (next.get(`${from} ${to}`) ?? sequence)) continue; // a retransmission
    next.set(`${from} ${to}`, (sequence + payload.length) >>> 0);
    segments.push({ from, to, payload });
  }
  return segments;
}
