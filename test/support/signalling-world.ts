import { isMalformed } from '../../firmware/malformed.ts';
import { ipv4Text } from '../../firmware/wire/address.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import * as tcp from '../../firmware/wire/tcp.ts';
import { SECOND } from '../../hal/timer.ts';
import { type TappedFrame, tap } from '../../hal/virtual/tap.ts';
import { TestWorld, type TestWorldOptions } from './test-world.ts';

/** Octets on a TCP connection between a phone and a call manager. */
export interface Signal {
  /** Seconds. */
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly host: string;
  readonly ownPort: number;
  readonly octets: Uint8Array;
}

const SIGNALLING_PORTS: readonly number[] = [2000, 2443, 5060, 5061];

/** A world that writes down what its phones and the call managers say to each other over TCP; segments without octets are left out. */
export function signallingWorld(options: TestWorldOptions = {}): { world: TestWorld; signals: Signal[] } {
  const signals: Signal[] = [];
  const world = new TestWorld({
    ...options,
    wire: (wire, _phone, timeline) =>
      tap(wire, timeline, (frame) => {
        const signal = signalOf(frame);
        if (signal !== null) signals.push(signal);
      }),
  });
  return { world, signals };
}

function signalOf({ at, direction, bytes }: TappedFrame): Signal | null {
  const frame = ethernet.parse(bytes);
  if (isMalformed(frame) || frame.lengthOrType !== ethernet.ETHERTYPE.ipv4) return null;
  const packet = ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength, ipv4.blank());
  if (isMalformed(packet) || packet.protocol !== ipv4.PROTOCOL.tcp) return null;
  const segment = tcp.parse(bytes, packet.payloadOffset, packet.payloadLength, tcp.blank());
  if (isMalformed(segment) || segment.payloadLength === 0) return null;
  const isOut = direction === 'out';
  if (!SIGNALLING_PORTS.includes(isOut ? segment.destinationPort : segment.sourcePort)) return null;
  return {
    at: at / SECOND,
    direction,
    host: ipv4Text(isOut ? packet.destination : packet.source),
    ownPort: isOut ? segment.sourcePort : segment.destinationPort,
    octets: bytes.slice(segment.payloadOffset, segment.payloadOffset + segment.payloadLength),
  };
}
