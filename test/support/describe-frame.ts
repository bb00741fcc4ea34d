/** One line for a frame, as a packet sniffer would print it. */
import { isMalformed } from '../../firmware/malformed.ts';
import * as arp from '../../firmware/wire/arp.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as icmp from '../../firmware/wire/icmp.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import * as llc from '../../firmware/wire/llc.ts';
import * as tcp from '../../firmware/wire/tcp.ts';
import * as udp from '../../firmware/wire/udp.ts';

export function describeFrame(bytes: Uint8Array): string {
  const frame = ethernet.parse(bytes);
  if (isMalformed(frame)) return `malformed ${frame.protocol}: ${frame.reason}`;
  const tag = frame.tci === null ? '' : `[${ethernet.vlanIdOf(frame.tci)}/${ethernet.priorityOf(frame.tci)}] `;
  return tag + describePayload(frame, bytes);
}

function describePayload(frame: ethernet.Frame, bytes: Uint8Array): string {
  const { payloadOffset: offset, payloadLength: length } = frame;
  if (frame.lengthOrType === ethernet.ETHERTYPE.arp) return line(arp.parse(bytes, offset, length), arp.describe);
  if (frame.lengthOrType === ethernet.ETHERTYPE.lldp) return 'LLDP';
  if (frame.lengthOrType < 0x0600) return line(llc.parse(bytes, offset, length), llc.describe);
  if (frame.lengthOrType !== ethernet.ETHERTYPE.ipv4) return ethernet.describe(frame);
  const packet = ipv4.parse(bytes, offset, length);
  if (isMalformed(packet)) return `malformed ${packet.protocol}: ${packet.reason}`;
  const { payloadOffset, payloadLength } = packet;
  if (ipv4.isFragment(packet)) return ipv4.describe(packet);
  if (packet.protocol === ipv4.PROTOCOL.icmp)
    return line(icmp.parse(bytes, payloadOffset, payloadLength), icmp.describe);
  if (packet.protocol === ipv4.PROTOCOL.udp) return line(udp.parse(bytes, payloadOffset, payloadLength), udp.describe);
  if (packet.protocol !== ipv4.PROTOCOL.tcp) return ipv4.describe(packet);
  return line(
    tcp.parse(bytes, payloadOffset, payloadLength),
    (segment) => `${tcp.describe(segment)} length ${segment.payloadLength}`,
  );
}

function line<T>(value: T, describe: (value: Exclude<T, { protocol: string; reason: string }>) => string): string {
  if (isMalformed(value)) return `malformed ${value.protocol}: ${value.reason}`;
  return describe(value as Exclude<T, { protocol: string; reason: string }>);
}
