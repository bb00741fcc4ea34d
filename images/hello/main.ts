/**
 * The smallest useful payload: blinks the lamps and answers ping on its address, straight on the HAL. Start here to write an image of
 * your own; docs/write-your-own-image.md goes through it line by line.
 */

import type { EntryPoints, Payload } from '../../hal/entry-points.ts';
import type { Nic } from '../../hal/nic.ts';
import { DARK_PANEL } from '../../hal/panel.ts';
import { SECOND } from '../../hal/timer.ts';

/** 192.0.2.75 (RFC 5737): this payload speaks no DHCP. */
const ADDRESS = [192, 0, 2, 75] as const;
const ETHERNET = 14;
const ARP_LENGTH = 28;
const MIN_FRAME = 60;

export const entry: Payload = (hal, boot): EntryPoints => {
  let lit = false;
  const blink = (): void => {
    lit = !lit;
    const leds = { ...DARK_PANEL.leds, mute: lit ? 'on' : 'off' } as const;
    hal.panel.show({ leds, text: [`Hello from ${boot.load}`], softKeys: [] });
    hal.timer.arm(hal.timer.now() + SECOND);
  };
  hal.nic.setFilter({ groups: [], vlan: null, addresses: [ipv4Number(ADDRESS)], broadcastPorts: [] });
  hal.console.write(`Hello from ${hal.board.deviceName}, slot ${boot.slot}`);
  boot.services.confirm(); // Nothing to register with: that it runs is all it can prove.
  blink();
  return {
    onFrame: (bytes, length) => answer(hal.nic, bytes, length),
    onAlarm: blink,
    onLink: () => {},
    onPower: () => {},
    onInput: () => {},
    onCompletion: () => {},
  };
};

/** ARP requests (RFC 826) and ICMP echo requests (RFC 792) for our address; all else is not for us. */
function answer(nic: Nic, bytes: Uint8Array, length: number): void {
  const type = bytes[12]! * 256 + bytes[13]!;
  if (type === 0x0806 && length >= ETHERNET + ARP_LENGTH && bytes[21] === 1 && isOurs(bytes, 38)) {
    nic.transmit(MIN_FRAME, (frame) => {
      frame.set(bytes.subarray(0, 22), 0);
      turnRound(frame, bytes, nic.mac);
      frame[21] = 2; // reply
      frame.set(frame.subarray(6, 12), 22); // sender: ours
      frame.set(ADDRESS, 28);
      frame.set(bytes.subarray(22, 32), 32); // target: who asked
    });
  }
  const header = (bytes[14]! & 15) * 4;
  const icmp = ETHERNET + header;
  const isEcho = type === 0x0800 && bytes[23] === 1 && length >= icmp + 8 && bytes[icmp] === 8;
  if (isEcho && isOurs(bytes, 30)) {
    nic.transmit(length, (frame) => {
      frame.set(bytes.subarray(0, length), 0);
      turnRound(frame, bytes, nic.mac);
      frame.set(bytes.subarray(30, 34), 26);
      frame.set(bytes.subarray(26, 30), 30);
      frame[icmp] = 0; // echo reply: the type falls by 8, so the checksum's complement does as well
      const sum = bytes[icmp + 2]! * 256 + bytes[icmp + 3]! + 0x0800;
      const folded = (sum & 0xffff) + (sum >> 16);
      frame[icmp + 2] = folded >> 8;
      frame[icmp + 3] = folded & 0xff;
    });
  }
}

function isOurs(bytes: Uint8Array, offset: number): boolean {
  return ADDRESS.every((octet, index) => bytes[offset + index] === octet);
}

function turnRound(frame: Uint8Array, received: Uint8Array, mac: number): void {
  frame.set(received.subarray(6, 12), 0);
  for (let index = 0; index < 6; index++) frame[6 + index] = Math.floor(mac / 2 ** (40 - 8 * index)) & 0xff;
}

function ipv4Number(octets: readonly number[]): number {
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}
