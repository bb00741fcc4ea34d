import { isMalformed } from '../../firmware/malformed.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import * as tcp from '../../firmware/wire/tcp.ts';

/** What TCP carries in a frame: the server's port, a key for the direction of the connection, and the octets. Null for any other frame. */
export function tcpPayload(bytes: Uint8Array): { port: number; key: string; payload: Uint8Array } | null {
  const frame = ethernet.parse(bytes);
  if (isMalformed(frame) || frame.lengthOrType !== ethernet.ETHERTYPE.ipv4) return null;
  const packet = ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength);
  if (isMalformed(packet) || packet.protocol !== ipv4.PROTOCOL.tcp) return null;
  const segment = tcp.parse(bytes, packet.payloadOffset, packet.payloadLength);
  if (isMalformed(segment) || segment.payloadLength === 0) return null;
  const { payloadOffset, payloadLength, sourcePort, destinationPort } = segment;
  const payload = bytes.slice(payloadOffset, payloadOffset + payloadLength);
  return { port: Math.min(sourcePort, destinationPort), key: `${sourcePort} ${destinationPort}`, payload };
}
