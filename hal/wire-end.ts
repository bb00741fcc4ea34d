import type { LinkState, ReceiveFilter } from './nic.ts';

/** Who is plugged into a wire: a NIC, a switch port. */
export interface WireReceiver {
  /** A frame without FCS. `bytes` may be longer than `length` and is only valid until the call returns. */
  frame(bytes: Uint8Array, length: number): void;
  link(state: LinkState): void;
}

/**
 * One end of something that carries Ethernet frames: a virtual cable, an af-packet socket, a UDP tunnel; or one of those behind an
 * impairment or a tap, which have the same shape.
 */
export interface WireEnd {
  /** Sends the first `length` octets. The wire copies what it has to keep before it returns. Silently lost while the link is down, as on copper. */
  transmit(bytes: Uint8Array, length: number): void;
  /** Plugs in the one receiver; it hears `link` at once with the present state and on every change. */
  attach(receiver: WireReceiver): void;
  link(): LinkState;
  /**
   * Switches the transceiver of this end on (as it is at first) or off: a board without power has no link, and its peer sees that.
   * Absent where the link is not ours to take down, as on an interface of the host.
   */
  phy?(on: boolean): void;
  /**
   * Told what the NIC at this end lets through, at each change. A wire that serves many NICs keeps an index of it, so that a broadcast
   * meant for one of them does not have to be offered to all.
   */
  filter?(filter: ReceiveFilter): void;
}
