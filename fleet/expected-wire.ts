import type { Ipv4, LinkState, ReceiveFilter } from '../hal/nic.ts';
import type { WireEnd, WireReceiver } from '../hal/wire-end.ts';
import type { AddressList } from './address-list.ts';

const TYPE_VLAN = 0x8100;
const TYPE_IPV4 = 0x0800;
const ETHERNET_HEADER = 14;
const TAG_OCTETS = 4;
const IPV4_HEADER = 20;
const UDP_HEADER = 8;
const PROTOCOL_UDP = 17;
const DHCP_CLIENT = 68;
/** RFC 2131 figure 1: the options begin behind the magic cookie. */
const DHCP_OPTIONS = 240;
const OPTION_PAD = 0;
const OPTION_SERVER_IDENTIFIER = 54;
const OPTION_END = 255;
/** 224.0.0.0 and above: multicast, and the limited broadcast. */
const FIRST_GROUP_ADDRESS: Ipv4 = 0xe000_0000;

/**
 * A wire end on which a phone meets only what its operator expects: answers of other DHCP servers do not come in, packets to other addresses do not
 * go out. Each is reported.
 */
export class ExpectedWire implements WireEnd {
  readonly #wire: WireEnd;
  readonly #expected: AddressList;
  readonly #unexpected: (what: 'dhcp-server' | 'destination', address: Ipv4) => void;

  constructor(
    wire: WireEnd,
    expected: AddressList,
    unexpected: (what: 'dhcp-server' | 'destination', address: Ipv4) => void,
  ) {
    this.#wire = wire;
    this.#expected = expected;
    this.#unexpected = unexpected;
  }

  transmit(bytes: Uint8Array, length: number): void {
    const ip = ipv4Offset(bytes, length);
    const destination = ip === null ? null : u32(bytes, ip + 16);
    if (destination !== null && destination < FIRST_GROUP_ADDRESS && !this.#expected.has(destination)) {
      this.#unexpected('destination', destination);
      return;
    }
    this.#wire.transmit(bytes, length);
  }

  attach(receiver: WireReceiver): void {
    this.#wire.attach({
      frame: (bytes, length) => {
        const server = dhcpServer(bytes, length);
        if (server === null || this.#expected.has(server)) receiver.frame(bytes, length);
        else this.#unexpected('dhcp-server', server);
      },
      link: (state) => receiver.link(state),
    });
  }

  link(): LinkState {
    return this.#wire.link();
  }

  phy(on: boolean): void {
    this.#wire.phy?.(on);
  }

  filter(filter: ReceiveFilter): void {
    this.#wire.filter?.(filter);
  }
}

/** Where the IPv4 header is; null where there is none. */
function ipv4Offset(bytes: Uint8Array, length: number): number | null {
  if (length < ETHERNET_HEADER + TAG_OCTETS) return null;
  const ip = ETHERNET_HEADER + (u16(bytes, ETHERNET_HEADER - 2) === TYPE_VLAN ? TAG_OCTETS : 0);
  return u16(bytes, ip - 2) === TYPE_IPV4 && length >= ip + IPV4_HEADER ? ip : null;
}

/** Whom a DHCP answer is from: its server identifier (RFC 2132 9.7), else its sender. Null for all that is none. */
function dhcpServer(bytes: Uint8Array, length: number): Ipv4 | null {
  const ip = ipv4Offset(bytes, length);
  if (ip === null || bytes[ip + 9] !== PROTOCOL_UDP) return null;
  const udp = ip + (bytes[ip]! & 0x0f) * 4;
  if (length < udp + UDP_HEADER || u16(bytes, udp + 2) !== DHCP_CLIENT) return null;
  for (let at = udp + UDP_HEADER + DHCP_OPTIONS; at + 1 < length; ) {
    const code = bytes[at]!;
    if (code === OPTION_END) break;
    if (code === OPTION_SERVER_IDENTIFIER && bytes[at + 1] === 4 && at + 6 <= length) return u32(bytes, at + 2);
    at += code === OPTION_PAD ? 1 : 2 + bytes[at + 1]!;
  }
  return u32(bytes, ip + 12);
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2);
}
