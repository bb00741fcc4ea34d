/**
 * Looks for others on a real wire before the lab answers anybody there, and as long as it does: another DHCP server, a switch, or somebody at
 * one of the lab's addresses. It listens to every frame, and asks: a DHCP DISCOVER, and an ARP probe for each address (RFC 5227 2.1.1: a probe
 * names no sender, so it spoils nobody's cache).
 */
import { isMalformed } from '../firmware/malformed.ts';
import { ipv4Text, macText } from '../firmware/wire/address.ts';
import * as arp from '../firmware/wire/arp.ts';
import * as cdp from '../firmware/wire/cdp.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import * as ethernet from '../firmware/wire/ethernet.ts';
import * as ipv4 from '../firmware/wire/ipv4.ts';
import * as lldp from '../firmware/wire/lldp.ts';
import { mac as macAt } from '../firmware/wire/octets.ts';
import * as udp from '../firmware/wire/udp.ts';
import { BROADCAST_MAC, type Ipv4, type Mac } from '../hal/nic.ts';
import { cdpPayload, lldpPayload } from './switch/announcements.ts';

export interface Conflict {
  readonly kind: 'dhcp-server' | 'address-in-use' | 'switch';
  /** Who and where, in words. */
  readonly detail: string;
}

export interface SurveyedNetwork {
  /** Null for untagged frames. */
  readonly vlan: number | null;
  readonly addresses: readonly Ipv4[];
}

export interface WireSurveyOptions {
  /** The lab's own stations: what comes from them is our own echo. */
  readonly isOwn: (mac: Mac) => boolean;
  /** The station that asks. */
  readonly mac: Mac;
  readonly networks: readonly SurveyedNetwork[];
  readonly found: (conflict: Conflict) => void;
}

const MAXIMUM_FRAME = 1518;

export class WireSurvey {
  readonly #options: WireSurveyOptions;
  readonly #addresses: ReadonlySet<Ipv4>;
  /** Said once each. */
  readonly #told = new Set<string>();

  constructor(options: WireSurveyOptions) {
    this.#options = options;
    this.#addresses = new Set(options.networks.flatMap(({ addresses }) => addresses));
  }

  /** Looks at a frame that came from the wire. */
  hear(bytes: Uint8Array, length: number): void {
    if (length < ethernet.HEADER_LENGTH || this.#options.isOwn(macAt(bytes, 6))) return;
    const frame = ethernet.parse(bytes, 0, length);
    if (isMalformed(frame)) return;
    if (frame.lengthOrType === ethernet.ETHERTYPE.arp) this.#hearArp(bytes, frame);
    else if (frame.lengthOrType === ethernet.ETHERTYPE.ipv4) this.#hearIpv4(bytes, frame);
    else if (frame.lengthOrType === ethernet.ETHERTYPE.lldp) this.#hearLldp(bytes, length);
    else if (frame.lengthOrType < 0x0600) this.#hearCdp(bytes, length);
  }

  /** Asks once in every network. */
  ask(transmit: (bytes: Uint8Array, length: number) => void): void {
    const frame = new Uint8Array(MAXIMUM_FRAME);
    for (const { vlan, addresses } of this.#options.networks) {
      for (const address of addresses) transmit(frame, this.#emitProbe(frame, vlan, address));
      transmit(frame, this.#emitDiscover(frame, vlan));
    }
  }

  #tell(kind: Conflict['kind'], detail: string): void {
    const key = `${kind} ${detail}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.found({ kind, detail });
  }

  #hearArp(bytes: Uint8Array, frame: ethernet.Frame): void {
    const packet = arp.parse(bytes, frame.payloadOffset, frame.payloadLength);
    if (isMalformed(packet) || !this.#addresses.has(packet.senderProtocol)) return;
    this.#tell('address-in-use', `${macText(packet.senderHardware)} has ${ipv4Text(packet.senderProtocol)}`);
  }

  #hearIpv4(bytes: Uint8Array, frame: ethernet.Frame): void {
    const packet = ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength);
    if (isMalformed(packet) || ipv4.isFragment(packet) || packet.protocol !== ipv4.PROTOCOL.udp) return;
    const datagram = udp.parse(bytes, packet.payloadOffset, packet.payloadLength);
    if (isMalformed(datagram) || datagram.sourcePort !== dhcp.SERVER_PORT) return;
    const message = dhcp.parse(bytes, datagram.payloadOffset, datagram.payloadLength);
    if (isMalformed(message) || message.op !== dhcp.BOOTREPLY) return;
    const server = message.options.serverIdentifier ?? packet.source;
    this.#tell('dhcp-server', `${ipv4Text(server)} at ${macText(frame.source)}`);
  }

  #hearCdp(bytes: Uint8Array, length: number): void {
    const payload = cdpPayload(bytes, length);
    const message = payload === null ? null : cdp.parse(bytes, payload.offset, payload.length);
    if (message === null || isMalformed(message)) return;
    const capabilities = cdp.numberOf(message, 'capabilities') ?? 0;
    const { router, transparentBridge, switch: bridge } = cdp.CAPABILITY;
    if ((capabilities & (router | transparentBridge | bridge)) === 0) return;
    const name = cdp.textOf(message, 'deviceId') ?? macText(macAt(bytes, 6));
    this.#tell('switch', `${name} by CDP, ${cdp.textOf(message, 'portId') ?? 'no port'}`);
  }

  #hearLldp(bytes: Uint8Array, length: number): void {
    const payload = lldpPayload(bytes, length);
    const message = payload === null ? null : lldp.parse(bytes, payload.offset, payload.length);
    if (message === null || isMalformed(message) || message.ttl === 0) return;
    const enabled = lldp.find(message, 'systemCapabilities')?.enabled ?? 0;
    const { bridge, router, telephone } = lldp.CAPABILITY;
    // A phone with a PC port is a bridge too.
    if ((enabled & (bridge | router)) === 0 || (enabled & telephone) !== 0) return;
    const name = message.tlvs.find((tlv) => tlv.kind === 'systemName');
    this.#tell('switch', `${name?.kind === 'systemName' ? name.text : macText(macAt(bytes, 6))} by LLDP`);
  }

  #emitProbe(frame: Uint8Array, vlan: number | null, address: Ipv4): number {
    frame.fill(0);
    const offset = this.#emitHeader(frame, vlan, ethernet.ETHERTYPE.arp);
    arp.emit(
      {
        operation: arp.OPERATION.request,
        senderHardware: this.#options.mac,
        senderProtocol: 0,
        targetHardware: 0,
        targetProtocol: address,
      },
      frame,
      offset,
    );
    return Math.max(offset + arp.PACKET_LENGTH, ethernet.MIN_FRAME_LENGTH);
  }

  #emitDiscover(frame: Uint8Array, vlan: number | null): number {
    frame.fill(0);
    const message: dhcp.Message = {
      op: dhcp.BOOTREQUEST,
      hops: 0,
      xid: this.#options.mac % 0x1_0000_0000,
      secs: 0,
      // By broadcast, so that the answer is heard whatever filter the interface has.
      flags: dhcp.BROADCAST_FLAG,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: this.#options.mac,
      sname: '',
      file: '',
      options: { messageType: dhcp.DISCOVER },
    };
    const ip = this.#emitHeader(frame, vlan, ethernet.ETHERTYPE.ipv4);
    const length = udp.HEADER_LENGTH + dhcp.lengthOf(message);
    const at = ip + emitIpv4Broadcast(length, frame, ip);
    udp.emit({ sourcePort: dhcp.CLIENT_PORT, destinationPort: dhcp.SERVER_PORT, length, checksum: 0 }, frame, at);
    dhcp.emit(message, frame, at + udp.HEADER_LENGTH);
    udp.seal(frame, at, length, ipv4.UNSPECIFIED, ipv4.BROADCAST);
    return at + length;
  }

  #emitHeader(frame: Uint8Array, vlan: number | null, etherType: number): number {
    const tci = vlan === null ? null : ethernet.tciOf(0, vlan);
    return ethernet.emitHeader(BROADCAST_MAC, this.#options.mac, tci, etherType, frame, 0);
  }
}
function emitIpv4Broadcast(payloadLength: number, frame: Uint8Array, offset: number): number {
  const header: ipv4.Header = {
    dscp: 0,
    ecn: 0,
    totalLength: ipv4.HEADER_LENGTH + payloadLength,
    identification: 0,
    flags: 0,
    fragmentOffset: 0,
    timeToLive: 64,
    protocol: ipv4.PROTOCOL.udp,
    source: ipv4.UNSPECIFIED,
    destination: ipv4.BROADCAST,
    options: new Uint8Array(0),
  };
  return ipv4.emit(header, frame, offset);
}
