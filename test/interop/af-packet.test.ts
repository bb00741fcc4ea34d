/** The af-packet driver on a veth pair, in a network namespace that only this process has. Needs root. */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AfPacketOptions, AfPacketWire } from '../../hal/host/af-packet.ts';
import { MachineLack } from '../../hal/host/machine-lack.ts';

const CLONE_NEWNET = 0x40000000;
const PHONE = 0x02005ec0ffee;
const OTHER = 0x02005ec0ffef;

const ip = (line: string): void => void execFileSync('ip', line.split(' '));
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** A frame from the other end, zeros behind what is given. */
function frame(destination: number, rest: string, length = 60): Uint8Array {
  const octets = new Uint8Array(length);
  octets.set(Buffer.from(`${destination.toString(16).padStart(12, '0')}0200000000aa${rest}`, 'hex'));
  return octets;
}

const open: AfPacketWire[] = [];
const links: boolean[] = [];

/** Opens an interface and keeps what it hears. */
function listen(options: AfPacketOptions): { wire: AfPacketWire; heard: Uint8Array[] } {
  const wire = AfPacketWire.open({ ringFrames: 1_024, ...options });
  open.push(wire);
  const heard: Uint8Array[] = [];
  links.length = 0;
  wire.attach({
    frame: (bytes, length) => heard.push(bytes.slice(0, length)),
    link: ({ up }) => links.push(up),
  });
  return { wire, heard };
}

/** Waits until it is so; a wire takes microseconds, a busy machine longer. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !isSo(); tries++) await sleep(10);
  expect(isSo()).toBe(true);
}

describe('af-packet', () => {
  beforeAll(() => {
    const unshare = koffi.load(null).func('int unshare(int flags)');
    if (unshare(CLONE_NEWNET) !== 0) throw new Error('needs root: no network namespace of its own');
    ip('link add left type veth peer name right');
    ip('link set left up');
    ip('link set right up');
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((wire) => wire.close()));
  });

  it('carries frames of every length, with their tag in its place', async () => {
    const { heard } = listen({ interface: 'left', macs: [PHONE] });
    const { wire } = listen({ interface: 'right', macs: [] });
    const frames = [
      frame(PHONE, '0800'),
      frame(PHONE, '8100a0680800cafe'),
      frame(PHONE, '81000000' /* priority only */, 64),
      frame(PHONE, '0800', 1_514),
      frame(PHONE, '8100a06888cc', 1_518),
    ];
    for (const one of frames) wire.transmit(one, one.length);
    await until(() => heard.length >= frames.length);
    expect(heard.map(toHex)).toEqual(frames.map(toHex));
  });

  it('hears its addresses, discovery groups and broadcast, and not itself', async () => {
    const left = listen({ interface: 'left', macs: [PHONE] });
    const right = listen({ interface: 'right', macs: [] });
    const send = (destination: number) => right.wire.transmit(frame(destination, '88b5'), 60);
    for (const destination of [OTHER, 0x01005e000001, 0x01000ccccccc, 0x0180c200000e, 0xffffffffffff, PHONE])
      send(destination);
    await until(() => left.heard.length >= 4);
    left.wire.setMacs([PHONE, OTHER]);
    send(OTHER);
    await until(() => left.heard.length >= 5);
    const destinations = left.heard.map((octets) => toHex(octets.subarray(0, 6)));
    expect(destinations).toEqual(['01000ccccccc', '0180c200000e', 'ffffffffffff', '02005ec0ffee', '02005ec0ffef']);
    expect(right.heard).toEqual([]);
  });

  it('loses nothing of a burst', async () => {
    const { wire: left, heard } = listen({ interface: 'left', macs: [PHONE], ringFrames: 16_384 });
    const { wire: right } = listen({ interface: 'right' });
    const octets = frame(PHONE, '88b5', 100);
    for (let sent = 0; sent < 10_000; sent++) right.transmit(octets, 100);
    await until(() => heard.length >= 10_000);
    expect(left.counters()).toMatchObject({ receivedFrames: 10_000, droppedFrames: 0, oversizedFrames: 0 });
    expect(right.counters()).toMatchObject({ sentFrames: 10_000, refusedFrames: 0 });
  });

  it('completes the checksum that a kernel peer left to a network card', async () => {
    ip('addr add 10.77.0.1/24 dev right');
    ip('neigh add 10.77.0.2 lladdr 02:00:5e:c0:ff:ee dev right');
    const { heard } = listen({ interface: 'left', macs: [PHONE] });
    const socket = createSocket('udp4');
    socket.send('odd', 69, '10.77.0.2');
    await until(() => heard.length >= 1);
    socket.close();
    const [datagram] = heard;
    let sum = 17 + 11;
    for (let at = 26; at < 34 + 10; at += 2) sum += (datagram![at]! << 8) | datagram![at + 1]!;
    sum += datagram![44]! << 8;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    expect(sum).toBe(0xffff);
  });

  it('says when the carrier goes and comes, and sends nothing meanwhile', async () => {
    const { wire, heard } = listen({ interface: 'left', macs: [PHONE] });
    expect(wire.link()).toEqual({ up: true, speed: 10_000, fullDuplex: true });
    ip('link set right down');
    await until(() => links.length >= 2);
    expect(wire.link()).toEqual({ up: false, speed: 0, fullDuplex: false });
    wire.transmit(frame(OTHER, '88b5'), 60);
    ip('link set right up');
    await until(() => links.length >= 3);
    expect(links).toEqual([true, false, true]);
    expect(wire.counters().sentFrames).toBe(0);
    const peer = listen({ interface: 'right' });
    peer.wire.transmit(frame(PHONE, '88b5'), 60);
    await until(() => heard.length === 1);
  });

  it('closes at once, while it waits and from within a delivery, and can be opened again', async () => {
    for (let round = 0; round < 3; round++) {
      const { wire } = listen({ interface: 'left', macs: [PHONE] });
      const peer = AfPacketWire.open({ interface: 'right' });
      let heard = 0;
      wire.attach({
        frame: () => {
          heard++;
          void wire.close();
        },
        link: () => {},
      });
      for (let sent = 0; sent < 100; sent++) peer.transmit(frame(PHONE, '88b5'), 60);
      await until(() => heard === 1);
      await Promise.all([wire.close(), peer.close()]);
      expect(heard).toBe(1);
      wire.transmit(frame(PHONE, '88b5'), 60);
    }
  });

  it('says in a sentence what is missing', () => {
    expect(() => AfPacketWire.open({ interface: 'nope0' })).toThrow(MachineLack);
    expect(() => AfPacketWire.open({ interface: 'nope0' })).toThrow(
      /no network interface "nope0" here; there are .*left/,
    );
  });
});
