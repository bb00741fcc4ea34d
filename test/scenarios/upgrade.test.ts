import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tap } from '../../hal/virtual/tap.ts';
import type { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import type { WireEnd } from '../../hal/wire-end.ts';
import { flashInfo } from '../../images/public.ts';
import { firmwareFile, imageLoad, type Load, loadFiles, loadsFile, vendorLoad } from '../../lab/public.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { parse } from '../../storage/image-format.ts';
import { isMalformed } from '../../storage/malformed-image.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { builtImages } from '../support/built-images.ts';
import { testImageNamed } from '../support/test-images.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const FACTORY = 'SCCP75.9-4-2SR3-1S';

/** What a run of events comes to, without what happens at every boot. */
const TOLD = ['load.update', 'power.reset', 'boot.handoff', 'boot.rejected', 'boot.confirmed', 'fault'] as const;

function loadOf(image: Uint8Array): string {
  const parsed = parse(image);
  if (isMalformed(parsed)) throw new Error(parsed.malformed);
  return parsed.load;
}

/** A phone that is registered and whose administrator has just entered a load and reset it. */
function worldTold(load: string, loads: readonly Load[], options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld({ ...options, lab: { files: loadFiles(loads), ...options.lab } });
  world.powerOn(0);
  world.runUntil('registration.accepted');
  const { deviceName } = world.phone.board;
  world.lab.devices.change(deviceName, { load });
  expect(world.lab.callManagers[0]!.reset(deviceName, 'reset')).toBe(true);
  world.runUntil('power.reset');
  world.events.length = 0;
  return world;
}

async function worldWith(name: string, options?: TestWorldOptions): Promise<{ world: TestWorld; load: string }> {
  const image = await testImageNamed(name);
  const load = loadOf(image);
  return { world: worldTold(load, [imageLoad(image)], options), load };
}

/** The last word of each event: outcome, reason, slot. */
function story(world: TestWorld): string[] {
  const lines: string[] = [];
  for (const { type, fields } of world.events) {
    if (type === 'registration.accepted') lines.push('registered');
    if (!(TOLD as readonly string[]).includes(type)) continue;
    const { outcome, reason, slot, trial } = fields as Record<string, unknown>;
    const words = [type, outcome, slot, trial === true ? 'on trial' : undefined, reason];
    lines.push(words.filter((word) => word !== undefined).join(' '));
  }
  return lines;
}

/** The phone stays what it was, says why in its own words, and is registered. */
function expectRefused(world: TestWorld, status: string, reason: string): void {
  world.run(120);
  expect(story(world)).toEqual(['boot.handoff A', `load.update rejected ${reason}`, 'registered']);
  expect(world.statuses()).toContain(status);
  expect(flashInfo(world.flash(0)).slots[0]).toMatchObject({ state: 'confirmed', load: FACTORY });
}

describe('an upgrade', () => {
  it('fetches, installs, tries and confirms a newer load, and shows it everywhere', async () => {
    const said = new Map<string, string>();
    const alarms: string[] = [];
    const image = await testImageNamed('newer');
    const load = loadOf(image);
    const world = worldTold(load, [imageLoad(image)], {
      wire: (wire: WireEnd, _phone, timeline: VirtualTimeline) =>
        tap(wire, timeline, ({ direction, bytes }) => {
          if (direction === 'out')
            said.set(Buffer.from(bytes).toString('hex', 0, 6), Buffer.from(bytes).toString('latin1'));
        }),
      lab: {
        events: (_at, event) => void (event.type === 'alarm' && alarms.push(event.text)),
        files: loadFiles([imageLoad(image)]),
      },
    });
    world.run(120);
    expect(story(world)).toEqual([
      'boot.handoff A',
      'load.update installed',
      'power.reset load-update',
      'boot.handoff B on trial',
      'boot.confirmed B',
      'registered',
    ]);
    expect(world.all('load.update')).toEqual([{ from: FACTORY, to: load, outcome: 'installed' }]);
    expect(world.all('load.progress').map(({ bytes }) => Math.floor((10 * bytes) / image.length))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    expect(world.all('file.done')).toContainEqual(
      expect.objectContaining({ name: `${load}.img`, outcome: 'received', bytes: image.length }),
    );
    const screens = world.all('panel').map(({ text }) => text[1]);
    expect(screens).toEqual(expect.arrayContaining(['Upgrading', 'Upgrading 50%', 'Upgrading 100%']));
    expect(said.get('01000ccccccc')).toContain(load); // CDP
    expect(said.get('0180c200000e')).toContain(load); // LLDP
    expect(alarms.at(-1)).toContain('Load= 9.5(1S) Last=Reset-Reset');
    const info = flashInfo(world.flash(0));
    expect(info.securityCounter).toBe(2);
    expect(info.slots.slice(0, 2).map(({ slot, state, load: name }) => [slot, state, name])).toEqual([
      ['A', 'invalid', null], // below the counter now
      ['B', 'confirmed', load],
    ]);
    world.phone.reset('keypad');
    world.run(60);
    expect(world.all('boot.handoff').at(-1)).toMatchObject({ slot: 'B', load, trial: false });
  });

  it('keeps a good load', async () => {
    const { world } = await worldWith('good');
    world.run(120);
    expect(story(world).slice(-3)).toEqual(['boot.handoff B on trial', 'boot.confirmed B', 'registered']);
  });

  it('runs a compressed image: a third of the octets', async () => {
    const plain = await testImageNamed('good');
    const image = await testImageNamed('good', { compress: true });
    expect(image.length).toBeLessThan(plain.length / 2.5);
    const world = worldTold(loadOf(image), [imageLoad(image)]);
    world.run(120);
    expect(story(world).slice(-3)).toEqual(['boot.handoff B on trial', 'boot.confirmed B', 'registered']);
    expect(story(world)).not.toContain('fault exception');
  });

  it('reverts a load that never registers, and does not try it again', async () => {
    const { world, load } = await worldWith('never-registers');
    world.run(1200);
    expect(story(world)).toEqual([
      'boot.handoff A',
      'load.update installed',
      'power.reset load-update',
      'boot.handoff B on trial',
      'fault watchdog',
      'boot.rejected B it was not confirmed on its trial boot',
      'boot.handoff A',
      'load.update rejected load.reverted',
      'registered',
    ]);
    expect(world.all('fault')[0]?.detail).toBe('not confirmed within 900 s of its trial boot');
    expect(world.statuses()).toContain('Version error');
    expect(flashInfo(world.flash(0)).slots[1]).toMatchObject({ state: 'reverted', load });
  });

  it('tries a repaired image of the same name', async () => {
    const broken = await testImageNamed('crashes-at-boot');
    const load = loadOf(broken);
    const repaired = await testImageNamed('good', { load });
    let served = imageLoad(broken);
    const world = worldTold(load, [], { lab: { files: ({ name }) => served.files.get(name) ?? null } });
    world.run(120);
    served = imageLoad(repaired);
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'restart');
    world.run(120);
    expect(story(world).slice(-5)).toEqual([
      'load.update installed',
      'power.reset load-update',
      'boot.handoff B on trial',
      'boot.confirmed B',
      'registered',
    ]);
  });

  it('reverts a load that crashes at boot', async () => {
    const { world } = await worldWith('crashes-at-boot');
    world.run(120);
    expect(story(world)).toEqual([
      'boot.handoff A',
      'load.update installed',
      'power.reset load-update',
      'boot.handoff B on trial',
      'fault exception',
      'boot.rejected B it was not confirmed on its trial boot',
      'boot.handoff A',
      'load.update rejected load.reverted',
      'registered',
    ]);
    expect(flashInfo(world.flash(0)).faults[0]).toMatchObject({ slot: 'B', reason: 'exception' });
  });

  it('reverts a load that never gives the processor back', async () => {
    const { world } = await worldWith('loops');
    const slice = (): void => world.run(120);
    expect(world.cpu.runGuarded(slice, 3_000)).toBe(false);
    world.timeline.interrupted();
    expect(world.cpu.runGuarded(slice, 60_000)).toBe(true);
    expect(story(world)).toContain('fault watchdog');
    expect(story(world).at(-1)).toBe('registered');
    expect(world.all('boot.handoff').at(-1)).toMatchObject({ slot: 'A', load: FACTORY });
  });

  it('lives with a load that crashes once an hour: the fault is told, the phone comes back', async () => {
    const { world, load } = await worldWith('crashes-after-an-hour');
    world.run(2.5 * 3600);
    expect(world.all('fault').map(({ reason }) => reason)).toEqual(['exception', 'exception']);
    expect(world.all('boot.handoff').at(-1)).toMatchObject({ slot: 'B', load, trial: false });
    expect(world.outcomes()['call-manager']).toBe('done');
  });
});

describe('rot', () => {
  /** A phone that runs its new load, confirmed, with the old one beside it. */
  async function upgraded(): Promise<TestWorld> {
    const image = await testImageNamed('good');
    const world = worldTold(loadOf(image), [imageLoad(image), imageLoad(builtImages()(FACTORY))]);
    world.run(120);
    expect(flashInfo(world.flash(0)).slots.slice(0, 2)).toMatchObject([{ state: 'confirmed' }, { state: 'confirmed' }]);
    return world;
  }

  function rots(world: TestWorld, slot: 'A' | 'B'): void {
    const at = FLASH_MAP[slot].offset + 9_000;
    world.flash(0).program(at, Uint8Array.of(world.flash(0).read(at, 1)[0]! & 0xaa));
  }

  it('in the slot that runs: the other one is as good as ever, and the load is fetched again', async () => {
    const world = await upgraded();
    rots(world, 'B');
    world.phone.reset('keypad');
    world.events.length = 0;
    world.run(120);
    expect(story(world)).toEqual([
      'boot.rejected B the digest does not match: the image is damaged',
      'boot.handoff A',
      'load.update installed',
      'power.reset load-update',
      'boot.handoff B on trial',
      'boot.confirmed B',
      'registered',
    ]);
  });

  it('in the slot that does not run changes nothing', async () => {
    const world = await upgraded();
    rots(world, 'A');
    world.phone.reset('keypad');
    world.events.length = 0;
    world.run(60);
    expect(story(world).at(-1)).toBe('registered');
    expect(world.all('boot.handoff')).toMatchObject([{ slot: 'B', trial: false }]);
  });

  it('in both: recovery fetches the default load, and the phone comes back', async () => {
    const world = await upgraded();
    rots(world, 'A');
    rots(world, 'B');
    world.phone.reset('keypad');
    world.events.length = 0;
    world.run(300);
    expect(world.all('boot.handoff')[0]).toMatchObject({ slot: 'recovery' });
    expect(story(world).at(-1)).toBe('registered');
  });
});

describe('a load is refused, and the old one goes on', () => {
  it('for another model: the call manager is told as well', async () => {
    const alarms: string[] = [];
    const image = await testImageNamed('wrong-model');
    const world = worldTold(loadOf(image), [], {
      lab: {
        files: loadFiles([imageLoad(image)]),
        events: (_at, event) => void (event.type === 'alarm' && alarms.push(event.text)),
      },
    });
    expectRefused(world, 'Load rejected HC', 'load.incompatible');
    expect(alarms.at(-1)).toContain('Last=Load Rejected HC');
  });

  it('unsigned', async () => {
    const { world } = await worldWith('unsigned');
    expectRefused(world, 'Auth Fail', 'load.signature');
  });

  it('signed by a stranger', async () => {
    const { world } = await worldWith('wrongly-signed');
    expectRefused(world, 'Auth Fail', 'load.signature');
  });

  it('below the security counter', async () => {
    const { world } = await worldWith('older');
    expectRefused(world, 'Version error', 'load.counter');
  });

  it('not there, or one of its files is not there', async () => {
    expectRefused(worldTold('SCCP75.9-9-9S', []), 'File Not Found: SCCP75.9-9-9S.loads', 'load.not-found');
    const load: Load = {
      name: 'X.1-0-0',
      files: new Map([['X.1-0-0.loads', loadsFile('X.1-0-0', [{ name: 'x.img' }])]]),
    };
    expectRefused(worldTold('X.1-0-0', [load]), 'File Not Found: x.img', 'load.not-found');
  });

  it('damaged, truncated, too large, or another load than its name says', async () => {
    const image = await testImageNamed('good');
    const name = loadOf(image);
    const served = (octets: Uint8Array, size: number | null, load = name): TestWorld => {
      const line = { name: 'it.img', ...(size === null ? {} : { size }) };
      const files = new Map([
        [`${load}.loads`, loadsFile(load, [line])],
        ['it.img', octets],
      ]);
      return worldTold(load, [{ name: load, files }]);
    };
    const damaged = image.slice();
    damaged[5_000]! ^= 1;
    expectRefused(served(damaged, image.length), 'Checksum Error', 'load.damaged');
    expectRefused(served(image.subarray(0, 100_000), image.length), 'Checksum Error', 'load.malformed');
    expectRefused(served(image.subarray(0, 100_000), null), 'Checksum Error', 'load.malformed');
    expectRefused(served(image, 9_000), 'Load rejected HC', 'load.size');
    expectRefused(served(image, 9_000_000), 'Load rejected HC', 'load.size');
    expectRefused(served(Buffer.concat([image, new Uint8Array(2_000_000)]), null), 'Load rejected HC', 'load.size');
    expectRefused(served(image, image.length, 'Y.1-0-0'), 'Version error', 'load.load');
    expectRefused(served(Buffer.from('no image'), null), 'Checksum Error', 'load.malformed');
  });

  it('a .loads file that is none, is empty, is plain text, or has another name within', async () => {
    const load = 'SCCP75.9-9-9S';
    const served = (octets: Uint8Array): TestWorld =>
      worldTold(load, [{ name: load, files: new Map([[`${load}.loads`, octets]]) }]);
    expectRefused(served(new Uint8Array(0)), 'Version error', 'load.empty-file');
    expectRefused(served(Buffer.from('a.sbn\r\n')), 'Auth Fail', 'load.not-signed');
    expectRefused(served(loadsFile('OTHER', [{ name: 'a.sbn' }])), 'Version error', 'load.wrong-name');
    expectRefused(served(loadsFile(load, [])), 'Version error', 'load.malformed');
  });

  it('wrongly signed, on a phone that was told the firmware key', async () => {
    const pair = (): { publicKey: KeyObject; privateKey: KeyObject } =>
      generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [own, stranger] = [pair(), pair()];
    const firmwareKey = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const image = await testImageNamed('good');
    const told = (key?: KeyObject): TestWorld =>
      worldTold(loadOf(image), [imageLoad(image, key === undefined ? {} : { key })], { settings: { firmwareKey } });
    expectRefused(told(stranger.privateKey), 'Auth Fail', 'load.signature-mismatch');
    expectRefused(told(), 'Auth Fail', 'load.signature-mismatch');
    const good = told(own.privateKey);
    good.run(120);
    expect(story(good).at(-2)).toBe('boot.confirmed B');
  });

  it('a file of a vendor wrongly signed, on a phone that was told the firmware key', () => {
    const pair = (): { publicKey: KeyObject; privateKey: KeyObject } =>
      generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [own, stranger] = [pair(), pair()];
    const firmwareKey = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const load = 'SCCP75.9-9-9S';
    const name = 'jar75sccp.9-9-9S.sbn';
    const told = (key: KeyObject, change: (file: Uint8Array) => void = () => {}): TestWorld => {
      const file = firmwareFile(name, Buffer.alloc(5_000, 'CNU_File_Archive_3.0'), key);
      change(file);
      return worldTold(load, [vendorLoad(load, new Map([[name, file]]), { key: own.privateKey })], {
        settings: { firmwareKey },
      });
    };
    expectRefused(told(stranger.privateKey), 'Auth Fail', 'load.signature-mismatch');
    const flipsLast = (file: Uint8Array): void => {
      file[file.length - 1]! ^= 1;
    };
    expectRefused(told(own.privateKey, flipsLast), 'Auth Fail', 'load.signature-mismatch');
    const good = told(own.privateKey);
    good.run(120);
    expect(story(good)).toContain('load.update stored');
  });

  it("unless the tunable says that loads are nobody else's business", async () => {
    const world = worldTold('SCCP75.9-9-9S', [], { tunables: { 'load.update': 'ignore' } });
    world.run(60);
    expect(story(world)).toEqual(['boot.handoff A', 'registered']);
  });
});

describe('a load of a vendor', () => {
  const load = 'SCCP75.9-9-9S';
  const names = ['jar75sccp.9-9-9S.sbn', 'cnu75.9-9-9S.sbn'] as const;
  const files = new Map(names.map((name) => [name, firmwareFile(name, new Uint8Array(50_000).fill(name.length))]));

  it('is fetched, kept by its digests, and shown while the same image runs', () => {
    const world = worldTold(load, [vendorLoad(load, files)]);
    world.run(120);
    expect(story(world)).toEqual([
      'boot.handoff A',
      'load.update stored',
      'power.reset load-update',
      'boot.handoff A',
      'registered',
    ]);
    const stored = JSON.parse(
      Buffer.from(RecordStore.open(world.flash(0), FLASH_MAP.settings).get('state/load')!).toString(),
    );
    expect(stored).toEqual({
      load,
      image: world.all('boot.handoff')[0]!.digest,
      components: names.map((name) => ({
        name,
        size: files.get(name)!.length,
        sha256: createHash('sha256').update(files.get(name)!).digest('hex'),
      })),
    });
    // The slots are as they were, and nothing is fetched a second time.
    expect(flashInfo(world.flash(0)).slots[1]).toMatchObject({ state: 'empty' });
    const asked = world.all('file.request').length;
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'restart');
    world.run(60);
    expect(world.all('file.request').length - asked).toBe(4); // CTL, ITL twice, configuration
  });

  it('gives way to the image when the configuration names that again', () => {
    const world = worldTold(load, [vendorLoad(load, files)]);
    world.run(120);
    const { deviceName } = world.phone.board;
    world.lab.devices.change(deviceName, { load: FACTORY });
    world.lab.callManagers[0]!.reset(deviceName, 'reset');
    world.run(120);
    expect(world.all('load.update').at(-1)).toEqual({ from: load, to: FACTORY, outcome: 'installed' });
    expect(world.all('registration.accepted').length).toBe(2);
  });

  it('is refused when a file has no header, another name, or is not there', () => {
    const [first, second] = names;
    const complete = vendorLoad(load, files).files;
    const told = (octets: Uint8Array): TestWorld =>
      worldTold(load, [{ name: load, files: new Map([...complete, [second, octets]]) }]);
    expectRefused(told(new Uint8Array(5_000)), 'Auth Fail', 'load.not-signed');
    expectRefused(told(files.get(first)!), 'Version error', 'load.wrong-name');
    expectRefused(told(files.get(second)!.subarray(0, 100)), 'Version error', 'load.malformed');
    const some = new Map([...complete].filter(([name]) => name !== second));
    expectRefused(worldTold(load, [{ name: load, files: some }]), `File Not Found: ${second}`, 'load.not-found');
  });
});

describe('the load server', () => {
  it('is asked instead of the TFTP server, and nobody else', async () => {
    const image = await testImageNamed('good');
    const load = imageLoad(image);
    const configuration = { vendorConfig: { loadServer: 'tftp2.lab.example' } };
    const asked = (answering: string): TestWorld =>
      worldTold(load.name, [], {
        lab: {
          tftpServers: 2,
          configuration,
          files: (request) => (request.server === world2(answering) ? (load.files.get(request.name) ?? null) : null),
        },
      });
    const world2 = (name: string): number => (name === 'second' ? 0x0a640004 : 0x0a640003);
    const good = asked('second');
    good.run(120);
    expect(story(good).at(-2)).toBe('boot.confirmed B');
    expectRefused(asked('first'), `File Not Found: ${load.name}.loads`, 'load.not-found');
  });

  it('that has no address means no upgrade', async () => {
    const configuration = { vendorConfig: { loadServer: 'nowhere.lab.example' } };
    const world = worldTold('SCCP75.9-9-9S', [], { lab: { configuration } });
    expectRefused(world, 'DNS unknown host', 'load.server-unknown');
  });
});
