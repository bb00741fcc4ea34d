/**
 * The network interface: whole Ethernet frames without FCS, 802.1Q tag in place when there is one.
 *
 * A NIC must
 *  - deliver a frame at most once, in the order of arrival, and only from `EntryPoints.onFrame`;
 *  - keep the frame's memory valid until `onFrame` returns, and no longer: what the software wants to keep it copies;
 *  - drop, and count, what its receive filter refuses or its ring cannot hold;
 *  - send what `transmit` filled in, in order, and nothing else. It never pads below the length given: the minimum of
 *    60 octets is the software's business, since a real phone's padding is visible on the wire.
 */

/** A MAC address as a 48-bit number: 02:00:5e:c0:ff:ee is 0x02005ec0ffee. */
export type Mac = number;

/** An IPv4 address as an unsigned 32-bit number: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number;

export const BROADCAST_MAC: Mac = 0xffff_ffff_ffff;

/** What the NIC lets through besides unicast to its own MAC. It works as the offload of a real NIC does. */
export interface ReceiveFilter {
  /** Group addresses that the software subscribed to. */
  readonly groups: readonly Mac[];
  /**
   * VLAN identifier whose tagged frames are wanted; null wants none. Frames without a tag, and those tagged with
   * VID 0 (priority only), pass the VLAN check always.
   */
  readonly vlan: number | null;
  /**
   * Own IPv4 address, 0 while there is none. A broadcast ARP frame passes only when its target or its sender protocol address
   * is one of `addresses`, or when that list is empty it never passes.
   */
  readonly addresses: readonly Ipv4[];
  /** Addresses of others whose gratuitous ARP (sender and target address are the same) is wanted too: the routers'. */
  readonly gratuitous?: readonly Ipv4[];
  /** Broadcast IPv4 passes only when it is UDP to one of these ports; to port 68 only with the own MAC in `chaddr`. */
  readonly broadcastPorts: readonly number[];
}

/** Refuses all but unicast to the own MAC without a tag: the state after reset. */
export const CLOSED_FILTER: ReceiveFilter = { groups: [], vlan: null, addresses: [], broadcastPorts: [] };

export interface LinkState {
  readonly up: boolean;
  /** Megabits a second; 0 while the link is down. */
  readonly speed: number;
  readonly fullDuplex: boolean;
}

export interface NicCounters {
  readonly transmittedFrames: number;
  readonly transmittedOctets: number;
  readonly receivedFrames: number;
  readonly receivedOctets: number;
  /** Frames that arrived and were refused by the receive filter. */
  readonly filteredFrames: number;
  /** Frames lost because the receive ring was full. */
  readonly ringDrops: number;
}

export interface Nic {
  readonly mac: Mac;
  link(): LinkState;
  /**
   * Sends one frame of `length` octets (14 .. 1518). `fill` writes straight into the NIC's buffer, which holds zeros on entry, and must
   * not keep it. Returns false, and does not call `fill`, when the link is down.
   */
  transmit(length: number, fill: (frame: Uint8Array) => void): boolean;
  setFilter(filter: ReceiveFilter): void;
  counters(): NicCounters;
}
