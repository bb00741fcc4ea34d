import { type Duration, MILLISECOND, SECOND } from '../../../hal/timer.ts';

/** What a stack's TCP may be tuned to; RFC 9293 section 3.8 and the RFCs named. */
export interface TcpSettings {
  /** Offered to every peer, always whole: received octets go to the sink at once. At most 65,535, since no window scale is sent. */
  readonly receiveWindow: number;
  /** Octets that `write` takes before the peer has acknowledged them. */
  readonly sendBuffer: number;
  /** RFC 9293 3.8.6.3: less than 0.5 s. */
  readonly delayedAck: Duration;
  /** RFC 6298 (2.4): "SHOULD be rounded up to 1 second". */
  readonly minimumRto: Duration;
  /** Default of `ConnectOptions.connectTimeout`: SYNs at 0, 1, 3, 7 and 15 seconds. */
  readonly connectTimeout: Duration;
  /** Default of `ConnectOptions.userTimeout`; RFC 9293 3.8.3 asks for at least 100 seconds. */
  readonly userTimeout: Duration;
  /** Twice the maximum segment lifetime. The RFC's 4 minutes were for 1981's Internet. */
  readonly timeWait: Duration;
  /** Connections in TIME-WAIT at most; the oldest goes first. */
  readonly timeWaitLimit: number;
  /** How long a half-closed connection may hear nothing from its peer in FIN-WAIT-2; more than two of a peer's longest retransmission waits. */
  readonly finWait2: Duration;
  /** Connections of one listener in SYN-RECEIVED at most; a further SYN is dropped. */
  readonly backlog: number;
}

export const DEFAULT_SETTINGS: TcpSettings = Object.freeze({
  receiveWindow: 32_768,
  sendBuffer: 65_536,
  delayedAck: 100 * MILLISECOND,
  minimumRto: 1 * SECOND,
  connectTimeout: 31 * SECOND,
  userTimeout: 100 * SECOND,
  timeWait: 30 * SECOND,
  timeWaitLimit: 16,
  finWait2: 180 * SECOND,
  backlog: 512,
});

/** Our maximum segment size: Ethernet's 1500 octets without the two headers (RFC 9293 3.7.1). */
export const OWN_MSS = 1460;
/** What a peer takes that did not say (RFC 9293 3.7.1). */
export const DEFAULT_MSS = 536;
/** Smallest MSS we honour, from IPv4's smallest MTU of 68: a peer that offers less would make us send headers only. */
export const MINIMUM_MSS = 28;
