import { isMalformed } from '../../firmware/malformed.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { TestWorld, type TestWorldOptions } from './test-world.ts';

export interface TappedFrame {
  /** Seconds. */
  readonly at: number;
  readonly direction: 'in' | 'out';
  /** Null: no tag. */
  readonly vlan: number | null;
  readonly priority: number | null;
  /** An EtherType, or a length for frames of CDP. */
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Of an IPv4 packet. */
  readonly dscp: number | null;
  readonly protocol: number | null;
}

/** A world that writes down what passes the wires of its phones. */
export function tappedWorld(options: TestWorldOptions = {}): { world: TestWorld; frames: TappedFrame[] } {
  const frames: TappedFrame[] = [];
  const world = new TestWorld({
    ...options,
    wire: (wire, _phone, timeline) =>
      tap(wire, timeline, ({ at, direction, bytes }) => {
        const frame = ethernet.parse(bytes);
        if (isMalformed(frame)) throw new Error('a malformed frame on the wire');
        const packet =
          frame.lengthOrType === ethernet.ETHERTYPE.ipv4
            ? ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength, ipv4.blank())
            : null;
        const isPacket = packet !== null && !isMalformed(packet);
        frames.push({
          at: at / 1e6,
          direction,
          vlan: frame.tci === null ? null : ethernet.vlanIdOf(frame.tci),
          priority: frame.tci === null ? null : frame.tci >> 13,
          type: frame.lengthOrType,
          bytes: bytes.slice(),
          dscp: isPacket ? packet.dscp : null,
          protocol: isPacket ? packet.protocol : null,
        });
      }),
  });
  return { world, frames };
}

/** CDP: an 802.3 length where others have a type. */
export function isCdp(frame: TappedFrame): boolean {
  return frame.type < 0x600;
}

export function isLldp(frame: TappedFrame): boolean {
  return frame.type === ethernet.ETHERTYPE.lldp;
}
