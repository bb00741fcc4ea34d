/**
 * Phones of one model and subnet pass on their load: `docs/loads.md`, "Peer firmware sharing". What is on the wire is Sepia's own.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { isMalformed } from '../../firmware/malformed.ts';
import type { TcpSink } from '../../firmware/net/sockets.ts';
import { httpAnswerHead } from '../../firmware/protocols/http-request.ts';
import * as sharing from '../../firmware/wire/peer-sharing.ts';
import { tap } from '../../hal/virtual/tap.ts';
import type { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import type { WireEnd } from '../../hal/wire-end.ts';
import { flashInfo } from '../../images/public.ts';
import { imageLoad, loadFiles } from '../../lab/public.ts';
import { addMachine } from '../support/lab-machine.ts';
import { testImageNamed } from '../support/test-images.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const PORT = 6977;
const ON = { 'peer.firmwareSharing': 'as-configured' } as const;
const LOAD = 'SCCPgood.9-5-1S';
/** 10.100.9.9, in the voice VLAN of the lab. */
const STRANGER = 0x0a64_0909;

let image: Uint8Array;

beforeAll(async () => {
  image = await testImageNamed('good', { load: LOAD });
});

interface Sharing {
  readonly world: TestWorld;
  /** How often the servers were asked for the image. */
  readonly served: () => number;
  /** Orders the load for one phone, resets it, and waits for what comes of it. */
  readonly upgrade: (index: number, seconds?: number) => void;
}

function sharing3(options: TestWorldOptions = {}): Sharing {
  let served = 0;
  const files = loadFiles([imageLoad(image)]);
  const world = new TestWorld({
    count: 3,
    tunables: ON,
    ...options,
    lab: {
      ...options.lab,
      files: (request) => {
        if (request.name === `${LOAD}.img`) served++;
        return files(request);
      },
    },
  });
  for (const index of world.phones.keys()) world.powerOn(index);
  world.run(30);
  const upgrade = (index: number, seconds = 60): void => {
    const { deviceName } = world.phones[index]!.board;
    world.lab.devices.change(deviceName, { load: LOAD });
    expect(world.lab.callManagers[0]!.reset(deviceName, 'reset')).toBe(true);
    world.run(seconds);
  };
  return { world, served: () => served, upgrade };
}

/** How the image came to a phone: by which ways it was tried, and how each ended. */
function ways(world: TestWorld, index: number): string[] {
  const name = world.phones[index]!.board.deviceName;
  return world.events
    .filter(({ type, phone, fields }) => type === 'file.done' && phone === name && fields.name === `${LOAD}.img`)
    .map(({ fields }) => `${fields.via} ${fields.outcome}`);
}

function runs(world: TestWorld, index: number): string | null {
  return (
    flashInfo(world.flash(index)).slots.find(({ state, load }) => state === 'confirmed' && load === LOAD)?.slot ?? null
  );
}

describe('phones that share their firmware', () => {
  it('fetch it from the server once, however many they are', () => {
    const { world, served, upgrade } = sharing3();
    for (const index of [0, 1, 2]) upgrade(index);
    expect([0, 1, 2].map((index) => ways(world, index))).toEqual([
      ['tftp received'],
      ['peer received'],
      ['peer received'],
    ]);
    expect(served()).toBe(1);
    expect([0, 1, 2].map((index) => runs(world, index))).toEqual(['B', 'B', 'B']);
    expect(world.lab.callManagers[0]!.counters.registered).toBe(3);
  });

  it('go to the server when the peer vanishes in the middle', () => {
    const { world, served, upgrade } = sharing3();
    upgrade(0);
    const from = world.events.length;
    upgrade(1, 0);
    world.runUntil('load.progress');
    world.phones[0]!.powerOff();
    world.run(90);
    expect(world.events.slice(from).some(({ fields }) => fields.via === 'peer')).toBe(true);
    expect(ways(world, 1)).toEqual(['peer timeout', 'tftp received']);
    expect(served()).toBe(2);
    expect(runs(world, 1)).toBe('B');
  });

  it('give it to one at a time: another one goes to the server', () => {
    const { world, served, upgrade } = sharing3();
    upgrade(0);
    upgrade(1, 0);
    upgrade(2, 60);
    // Both asked before either was given anything: the second is told when it comes for the image.
    expect([ways(world, 1), ways(world, 2)].sort()).toEqual([['peer error', 'tftp received'], ['peer received']]);
    expect(served()).toBe(2);
    expect([1, 2].map((index) => runs(world, index))).toEqual(['B', 'B']);
  });

  it('of another model, or with another load, do not answer', () => {
    const { world, upgrade } = sharing3();
    upgrade(0);
    const heard: sharing.Message[] = [];
    const host = addMachine(world, STRANGER);
    const socket = host.udp(0, (_now, payload) => {
      const message = sharing.parse(payload);
      if (!isMalformed(message)) heard.push(message);
    })!;
    const ask = (model: string, load: string): number => {
      const question: sharing.Message = { kind: 'question', port: 0, id: 1, model, load };
      const octets = new Uint8Array(sharing.lengthOf(question));
      sharing.emit(question, octets);
      socket.send(world.timeline.now(), { address: 0xffff_ffff, port: PORT }, octets);
      world.run(2);
      return heard.length;
    };
    expect(ask('7945', LOAD)).toBe(0);
    expect(ask('7975', 'SCCPother.1-0-0S')).toBe(0);
    expect(ask('7975', LOAD)).toBe(1);
    expect(heard[0]).toMatchObject({ kind: 'answer', id: 1, port: PORT, model: '7975', load: LOAD });
  });

  it.each([
    ['another image', (octets: Uint8Array) => octets.fill(0x55)],
    ['the image with one bit flipped', (octets: Uint8Array) => octets.fill(octets[9_000]! ^ 1, 9_000, 9_001)],
    ['half of it', (octets: Uint8Array) => octets.subarray(0, octets.length / 2)],
  ])('refuse what a lying peer gives them: %s', (_what, change) => {
    const { world, served, upgrade } = sharing3({ count: 1 });
    lyingPeer(world, change(image.slice()));
    upgrade(0);
    expect(ways(world, 0).map((way) => way.split(' ')[0])).toEqual(['peer', 'tftp']);
    expect(served()).toBe(1);
    expect(runs(world, 0)).toBe('B');
    expect(world.all('load.update')).toMatchObject([{ outcome: 'installed' }]);
  });
});

describe('phones that do not share it', () => {
  it.each([
    ['unless the tunable says so', {}],
    [
      'when the configuration says no',
      { tunables: ON, lab: { configuration: { vendorConfig: { peerFirmwareSharing: '0' } } } },
    ],
  ])('%s: they ask nobody, and hear nobody', (_when, options: TestWorldOptions) => {
    let asked = 0;
    const wire = (end: WireEnd, _phone: unknown, timeline: VirtualTimeline): WireEnd =>
      tap(end, timeline, ({ bytes }) => {
        if (Buffer.from(bytes).includes('SPFS')) asked++;
      });
    const { world, served, upgrade } = sharing3({ tunables: {}, ...options, wire });
    upgrade(0);
    upgrade(1);
    expect(asked).toBe(0);
    expect(served()).toBe(2);
    // The question of another phone does not even pass the NIC's receive filter.
    const before = world.phones.map(({ nic }) => nic.counters());
    const socket = addMachine(world, STRANGER).udp(0, () => {})!;
    socket.send(world.timeline.now(), { address: 0xffff_ffff, port: PORT }, new Uint8Array(40));
    world.run(0.01);
    for (const [index, { nic }] of world.phones.entries()) {
      expect(nic.counters().filteredFrames).toBe(before[index]!.filteredFrames + 1);
    }
  });
});

/** Says yes to everybody, and gives them something of its own. */
function lyingPeer(world: TestWorld, octets: Uint8Array): void {
  const host = addMachine(world, STRANGER);
  const socket = host.udp(PORT, (now, payload, from) => {
    const question = sharing.parse(payload);
    if (isMalformed(question)) return;
    const answer = payload.slice();
    sharing.emit({ ...question, kind: 'answer', port: PORT }, answer);
    socket.send(now, from, answer);
  })!;
  host.listen(PORT, (_accepted, connection): TcpSink => {
    let left = Buffer.concat([httpAnswerHead(200, octets.length), octets]);
    const write = (now: number): void => {
      left = left.subarray(connection.write(now, left));
      if (left.length === 0) connection.close(now);
    };
    return {
      connected: () => {},
      data: write,
      ended: (now) => connection.close(now),
      writable: write,
      gone: () => {},
    };
  });
}
