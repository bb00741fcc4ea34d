/**
 * What a telephone of each SCCP family and its call manager say from Register to the end of a call, one message a line: the layout by the negotiated version, the
 * length of the body, and the values that tell. The texts stand beside this file; `UPDATE_GOLDEN=1` writes them anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isMalformed } from '../../firmware/malformed.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { FrameStream } from '../../firmware/wire/sccp/stream.ts';
import * as tcp from '../../firmware/wire/tcp.ts';
import type { Key } from '../../hal/panel.ts';
import { type TappedFrame, tappedWorld } from '../support/tapped-world.ts';

/** The version that both sides settle on, and the text. A 7975 offers 22 and takes less. */
const FAMILIES = [
  ['7960', 11, 'golden-sccp-7960.txt'],
  ['7975', 20, 'golden-sccp-7975-at-20.txt'],
  ['7975', 22, 'golden-sccp-7975.txt'],
  ['8945', 22, 'golden-sccp-8945.txt'],
] as const;

const SCCP_PORT = 2000;
/** Ports are chance, and how long a start takes is no matter of SCCP. */
const LEFT_OUT = new Set(['type', 'headerVersion', 'bodyLength', 'rtpMediaPort', 'port', 'remotePort', 'milliseconds']);

function told(m: sccp.Message): string {
  const values = Object.entries(m)
    .filter(([name, value]) => !LEFT_OUT.has(name) && typeof value !== 'object' && value !== 0 && value !== '')
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [`${m.type} v${m.headerVersion} ${m.bodyLength}`, ...values].join(' ');
}

/** What TCP carried between a telephone and its first call manager; retransmissions are none in this world. */
function conversation(frames: readonly TappedFrame[], phone: number, version: number): string[] {
  const lines: string[] = [];
  const streams = { in: new FrameStream(), out: new FrameStream() };
  for (const { bytes, direction, protocol } of frames) {
    if (protocol !== ipv4.PROTOCOL.tcp) continue;
    const frame = ethernet.parse(bytes);
    if (isMalformed(frame)) continue;
    const packet = ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength, ipv4.blank());
    if (isMalformed(packet)) continue;
    const segment = tcp.parse(bytes, packet.payloadOffset, packet.payloadLength, tcp.blank());
    if (isMalformed(segment) || segment.payloadLength === 0) continue;
    const [own, server] =
      direction === 'out' ? [packet.source, segment.destinationPort] : [packet.destination, segment.sourcePort];
    if (own !== phone || server !== SCCP_PORT) continue;
    const { payloadOffset, payloadLength } = segment;
    streams[direction].push(bytes.slice(payloadOffset, payloadOffset + payloadLength), (octets, offset, length) => {
      const m = sccp.parse(octets, offset, length, version);
      if (!isMalformed(m)) lines.push(`${direction === 'out' ? '->' : '<-'} ${told(m)}`);
      return true;
    });
  }
  return lines;
}

it.each(FAMILIES)('a %s registers, calls and hangs up at version %i as it always did', (model, version, text) => {
  const { world, frames } = tappedWorld({
    model,
    count: 2,
    tunables: { 'callmanager.standby': 'none' },
    lab: { callManager: { version } },
  });
  const press = (index: number, ...keys: readonly Key[]) => {
    for (const key of keys) {
      world.phones[index]!.press(key);
      world.run(0.2);
    }
  };
  world.powerOn(0);
  world.powerOn(1);
  world.run(10);
  press(0, 'hookOff', '2', '0', '0', '2');
  press(1, 'hookOff');
  world.run(5);
  press(0, 'hookOn');
  world.run(1);
  const [bound] = world.all('dhcp.bound');
  const phone = bound!.address
    .split('/')[0]!
    .split('.')
    .reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const said = `${conversation(frames, phone, version).join('\n')}\n`;
  const file = join(import.meta.dirname, text);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, said);
  expect(said).toBe(readFileSync(file, 'utf8'));
});
