/**
 * Old phones ask the call manager for their load, and fetch the one that it names: `docs/loads.md`, "A load that the call manager names".
 */
import { describe, expect, it } from 'vitest';
import { imageLoad, loadFiles } from '../../lab/public.ts';
import type { FileProvider } from '../../lab/tftp-server.ts';
import { testImageNamed } from '../support/test-images.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const FACTORY = 'P0030801SR02';
const NAMED = 'P00309000000';

/** A 7960 whose call manager names another load than it has, in a cluster whose files name `inFile` or nothing. */
async function worldNaming(options: TestWorldOptions & { readonly image?: string; readonly inFile?: string } = {}) {
  const { image = 'good', inFile = '', ...others } = options;
  const load = imageLoad(await testImageNamed(image, { load: NAMED }));
  const loads = loadFiles([load]);
  const files: FileProvider = (request) => {
    if (!request.name.startsWith('SEP')) return loads(request);
    const whole = world.lab.configurationFiles.read(request.name);
    if (whole === null) return null;
    const text = Buffer.from(whole).toString();
    return Buffer.from(text.replace(/(?<=<loadInformation>).*?(?=<)/, inFile));
  };
  const world: TestWorld = new TestWorld({ model: '7960', ...others, lab: { files } });
  world.lab.devices.change(world.phone.board.deviceName, { load: NAMED });
  world.powerOn(0);
  return world;
}

function loads(world: TestWorld): unknown[] {
  return world.all('load.update').map(({ outcome, reason }) => reason ?? outcome);
}

describe('a load that the call manager names', () => {
  it('is fetched from TFTP, tried, and confirmed when the phone has registered with it', async () => {
    const world = await worldNaming();
    world.run(120);
    expect(world.all('load.update')).toEqual([{ from: FACTORY, to: NAMED, outcome: 'installed' }]);
    expect(world.all('boot.handoff').map(({ load, trial }) => [load, trial])).toEqual([
      [FACTORY, false],
      [NAMED, true],
    ]);
    expect(world.all('boot.confirmed')).toMatchObject([{ load: NAMED }]);
    expect(world.all('registration.accepted').length).toBe(1);
  });

  it('is told from a configuration file that names another: the file counts', async () => {
    const world = await worldNaming({ inFile: FACTORY });
    const call = world.lab.callManagers[0]!;
    world.run(60);
    expect(call.isRegistered(world.phone.board.deviceName)).toBe(true);
    expect(loads(world)).toEqual([]);
  });

  it.each([
    ['wrong-model', 'load.incompatible', 'Load rejected HC'],
    ['unsigned', 'load.signature', 'Auth Fail'],
  ])('is refused once (%s), and the phone registers as it is', async (image, reason, status) => {
    const world = await worldNaming({ image });
    world.run(120);
    expect(loads(world)).toEqual([reason]);
    expect(world.statuses()).toContain(status);
    expect(world.outcomes()['call-manager']).toBe('done');
  });

  it('is fetched though the cable is pulled in the middle: the phone begins anew and is told again', async () => {
    const world = await worldNaming();
    world.runUntil('load.progress');
    world.lab.unplug(0);
    world.run(10);
    world.lab.plug(0);
    world.run(120);
    expect(loads(world)).toEqual(['installed']);
    expect(world.all('boot.handoff').at(-1)).toMatchObject({ load: NAMED, trial: true });
    expect(world.all('registration.accepted').length).toBe(1);
  });

  it('is tried again when the phone reads its configuration again', async () => {
    const world = await worldNaming({ image: 'unsigned' });
    world.run(60);
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'restart');
    world.run(60);
    expect(loads(world)).toEqual(['load.signature', 'load.signature']);
    expect(world.all('registration.accepted').length).toBe(2);
  });

  it.each([{ 'sccp.namedLoad': 'ignore' } as const, { 'load.update': 'ignore' } as const])(
    'is nothing to a phone set so: %j',
    async (tunables) => {
      const world = await worldNaming({ tunables });
      world.run(60);
      expect(loads(world)).toEqual([]);
      expect(world.all('registration.accepted').length).toBe(1);
    },
  );
});

it('a newer phone does not ask', async () => {
  const world = await worldNaming({ model: '7975' });
  world.run(60);
  expect(loads(world)).toEqual([]);
  expect(world.all('registration.accepted').length).toBe(1);
});
