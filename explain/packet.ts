/** What a frame carries, as far as a telephone's conversations need it. */
import { isMalformed } from '../firmware/malformed.ts';
import * as arp from '../firmware/wire/arp.ts';
import * as cdp from '../firmware/wire/cdp.ts';
import * as ethernet from '../firmware/wire/ethernet.ts';
import * as ipv4 from '../firmware/wire/ipv4.ts';
import * as llc from '../firmware/wire/llc.ts';
import * as lldp from '../firmware/wire/lldp.ts';
import * as tcp from '../firmware/wire/tcp.ts';
import * as udp from '../firmware/wire/udp.ts';
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { CapturedFrame } from './capture-reader.ts';

interface Between {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly dscp: number;
  /** A view of the frame, or of a reassembled packet. */
  readonly payload: Uint8Array;
}

export type Content =
  | { readonly kind: 'cdp'; readonly message: cdp.Message }
  | { readonly kind: 'lldp'; readonly message: lldp.Message }
  | { readonly kind: 'arp'; readonly message: arp.Packet }
  | ({ readonly kind: 'udp' } & Between)
  | ({ readonly kind: 'tcp'; readonly segment: tcp.Segment } & Between);

/** Valid as long as the frame is. */
export interface Packet {
  /** The frame's number. */
  readonly number: number;
  /** Microseconds since 1970. */
  readonly at: number;
  readonly interface: number;
  readonly source: Mac;
  readonly destination: Mac;
  /** Null without a tag, and with one that only carries a priority. */
  readonly vlan: number | null;
  /** 802.1p; 0 without a tag. */
  readonly priority: number;
  readonly content: Content;
}

/** Packets being put together; a sender has few at once, and the oldest gives way. */
const MAX_REASSEMBLIES = 64;

export class PacketReader {
  readonly #reassemblies = new Map<string, Reassembly>();

  /** Null for what is of no interest here, or not what it claims to be. */
  read(frame: CapturedFrame): Packet | null {
    const header = ethernet.parse(frame.bytes);
    if (isMalformed(header)) return null;
    const content = this.#content(frame.bytes, header);
    if (content === null) return null;
    const { tci } = header;
    return {
      number: frame.number,
      at: frame.at,
      interface: frame.interface,
      source: header.source,
      destination: header.destination,
      vlan: tci === null || ethernet.vlanIdOf(tci) === 0 ? null : ethernet.vlanIdOf(tci),
      priority: tci === null ? 0 : ethernet.priorityOf(tci),
      content,
    };
  }

  #content(bytes: Uint8Array, header: ethernet.Frame): Content | null {
    const { lengthOrType, payloadOffset, payloadLength } = header;
    if (lengthOrType < 0x0600) return cdpOf(bytes, payloadOffset, payloadLength);
    switch (lengthOrType) {
      case ethernet.ETHERTYPE.lldp: {
        const message = lldp.parse(bytes, payloadOffset, payloadLength);
        return isMalformed(message) ? null : { kind: 'lldp', message };
      }
      case ethernet.ETHERTYPE.arp: {
        const message = arp.parse(bytes, payloadOffset, payloadLength);
        return isMalformed(message) ? null : { kind: 'arp', message };
      }
      case ethernet.ETHERTYPE.ipv4:
        return this.#packet(bytes, payloadOffset, payloadLength);
      default:
        return null;
    }
  }

  #packet(bytes: Uint8Array, offset: number, length: number): Content | null {
    const packet = ipv4.parse(bytes, offset, length);
    if (isMalformed(packet)) return null;
    const payload = bytes.subarray(packet.payloadOffset, packet.payloadOffset + packet.payloadLength);
    if (!ipv4.isFragment(packet)) return transportOf(packet, payload);
    const whole = this.#reassemble(packet, payload);
    return whole === null ? null : transportOf(packet, whole);
  }

  #reassemble(packet: ipv4.Packet, payload: Uint8Array): Uint8Array | null {
    const { source, destination, protocol, identification } = packet;
    const key = `${source} ${destination} ${protocol} ${identification}`;
    const reassembly = this.#reassemblies.get(key) ?? new Reassembly();
    this.#reassemblies.delete(key);
    const more = (packet.flags & ipv4.FLAG.moreFragments) !== 0;
    const whole = reassembly.add(packet.fragmentOffset, payload, more);
    if (whole !== null) return whole;
    this.#reassemblies.set(key, reassembly);
    if (this.#reassemblies.size > MAX_REASSEMBLIES) {
      for (const oldest of this.#reassemblies.keys()) {
        this.#reassemblies.delete(oldest);
        break;
      }
    }
    return null;
  }
}

/** Fragments of one packet (RFC 791 section 3.2), in any order. */
class Reassembly {
  readonly #pieces = new Map<number, Uint8Array>();
  #length: number | null = null;

  /** A packet has at most 8,192 offsets, so this is bounded. */
  add(offset: number, payload: Uint8Array, more: boolean): Uint8Array | null {
    this.#pieces.set(offset, payload.slice());
    if (!more) this.#length = offset + payload.length;
    if (this.#length === null) return null;
    const whole = new Uint8Array(this.#length);
    let at = 0;
    while (at < this.#length) {
      const piece = this.#pieces.get(at);
      if (piece === undefined || piece.length === 0 || at + piece.length > this.#length) return null;
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}

function cdpOf(bytes: Uint8Array, offset: number, length: number): Content | null {
  const header = llc.parse(bytes, offset, length);
  if (isMalformed(header) || !llc.isCdp(header)) return null;
  const taken = llc.lengthOf(header);
  const message = cdp.parse(bytes, offset + taken, length - taken);
  return isMalformed(message) ? null : { kind: 'cdp', message };
}

/** Checksums are not looked at: those of a capture's own machine are filled in behind the tap. */
function transportOf({ source, destination, dscp, protocol }: ipv4.Packet, octets: Uint8Array): Content | null {
  if (protocol === ipv4.PROTOCOL.udp) {
    const datagram = udp.parse(octets);
    if (isMalformed(datagram)) return null;
    const { sourcePort, destinationPort, payloadOffset, payloadLength } = datagram;
    const payload = octets.subarray(payloadOffset, payloadOffset + payloadLength);
    return { kind: 'udp', source, destination, sourcePort, destinationPort, dscp, payload };
  }
  if (protocol === ipv4.PROTOCOL.tcp) {
    const segment = tcp.parse(octets);
    if (isMalformed(segment)) return null;
    const { sourcePort, destinationPort, payloadOffset, payloadLength } = segment;
    const payload = octets.subarray(payloadOffset, payloadOffset + payloadLength);
    return { kind: 'tcp', source, destination, sourcePort, destinationPort, dscp, payload, segment };
  }
  return null;
}
