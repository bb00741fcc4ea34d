/**
 * Calls as a phone's user and its media see them, whichever protocol sets them up: what `SccpClient` and `SipClient` share beside the registration
 * (`registration-client.ts`).
 *
 * A client hears the keys of the phone (`{kind: 'key', key}`), says what became of each call (`{kind: 'call', call}`), puts prompts and soft keys on the
 * display as ever, and gives its audio to the `CallMedia` it was made with: that is a port handed in, like the clock, so that a call manager's
 * order is answered with the port that was really bound before the next message is read. A client never sees a packet of audio.
 *
 *     open(now, call, PCMU 20 ms) -> {address, port}      we listen: the port for OpenReceiveChannelAck or the SDP
 *     send(now, call, to, PCMU 20 ms)                     we talk: 50 packets a second from that same port to `to`, RTCP to the port above
 *     stopSending(now, call), close(now, call)            hold or the end; `open` and `send` begin anew, with counters at zero
 *     report(now, call)                                   figures of the stream, also for a while after it was closed
 *
 * A client whose registration is lost says of connected calls nothing, and leaves their media as they are: they are the owner's to end from then on
 * (call preservation). All others end with it.
 *
 * `call` is any number of the client's own that names the call or the stream.
 */

import type { Ipv4 } from '../../hal/nic.ts';
import type { Instant } from '../../hal/timer.ts';
import type { TraceEvents } from '../../hal/trace.ts';

export interface MediaFormat {
  /** By the names of SDP; a codec that is not here is not spoken. */
  readonly codec: 'PCMU' | 'PCMA';
  /** Milliseconds of sound in a packet, as the other side wants to get them. */
  readonly ptime: number;
}

/** Static RTP payload types (RFC 3551 table 4). */
export const PAYLOAD_TYPE = { PCMU: 0, PCMA: 8 } as const satisfies Record<MediaFormat['codec'], number>;

export const DEFAULT_PTIME = 20;

/** Figures of one stream since it began. Octets are those of the payload. */
export interface MediaReport {
  readonly packetsSent: number;
  readonly octetsSent: number;
  readonly packetsReceived: number;
  readonly octetsReceived: number;
  /** RFC 3550 A.3: expected less received, never below zero here. */
  readonly packetsLost: number;
  /** RFC 3550 A.8, milliseconds. */
  readonly jitter: number;
  /** Half the round trip that RTCP measured, milliseconds; 0 while nothing was measured. */
  readonly latency: number;
}

export interface MediaAddress {
  readonly address: Ipv4;
  /** Of RTP; RTCP is the next one. */
  readonly port: number;
}

export interface CallMedia {
  /** Listens for the call's audio. The same call again keeps its port. Null when no port is left, or the phone has no address. */
  open(now: Instant, call: number, format: MediaFormat): MediaAddress | null;
  /**
   * Talks to `to`, from the port that `open` gave, or a new one where the call was never opened. A second `send` to the same place changes nothing.
   * Returns what is sent from; null as `open`.
   * @param dscp what the call manager wants audio to be marked with; null leaves it to the phone's own policy
   */
  send(now: Instant, call: number, to: MediaAddress, format: MediaFormat, dscp?: number | null): MediaAddress | null;
  stopSending(now: Instant, call: number): void;
  /** Ends listening and talking; harmless when neither. */
  close(now: Instant, call: number): void;
  /** Null for a call that never had media, or is long over. */
  report(now: Instant, call: number): MediaReport | null;
}

export type CallState = TraceEvents['call.state']['state'];

export interface CallView {
  /** Of the client's own; the same for all views of one call. */
  readonly call: number;
  /** 1-based. */
  readonly line: number;
  readonly state: CallState;
  readonly direction: 'in' | 'out';
  /** Numbers as far as they are known; empty else. */
  readonly from: string;
  readonly to: string;
}
