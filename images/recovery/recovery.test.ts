import { beforeAll, describe, expect, it } from 'vitest';
import type { Phone } from '../../device/phone.ts';
import { SECOND } from '../../hal/timer.ts';
import { createLab } from '../../lab/lab.ts';
import { blankFlash } from '../../test/support/flash-bench.ts';
import { TestBoards } from '../../test/support/test-board.ts';
import { createFlash, flashInfo } from '../flash-tool.ts';
import { developmentKey } from '../key.ts';
import { allManifests, HELLO, RECOVERY } from '../manifests.ts';
import { packImage } from '../pack.ts';
import { bundlePayload } from '../payload.ts';

const IDENTITY = { model: '7975', mac: 0x020000000000, serial: 'FCH1402A1B2', hardwareRevision: '1' };
const LOADS = ['SCCP75.9-4-2SR3-1S.img', 'SIP75.9-4-2SR3-1S.img'] as const;

let recovery: Uint8Array;
/** A load that runs on a 7975, confirms itself and nothing else. */
let load: Uint8Array;

async function build(name: string): Promise<Uint8Array> {
  const manifest = allManifests().find((each) => each.name === name)!;
  return packImage(await bundlePayload(manifest.entry), manifest, developmentKey());
}

beforeAll(async () => {
  recovery = await build(RECOVERY);
  load = await build(HELLO);
});

/** A phone with nothing but recovery in its flash, in a lab whose TFTP server has these files. */
function world(files: Record<string, Uint8Array>) {
  const boards = new TestBoards();
  const asked: string[] = [];
  const lab = createLab({
    timeline: boards.timeline,
    files: ({ name }) => {
      asked.push(name);
      return files[name] ?? null;
    },
  });
  const flash = blankFlash();
  createFlash(flash, { identity: IDENTITY, bootKeys: [developmentKey().bootKey], recovery });
  const phone: Phone = boards.add(flash, { wire: lab.port(1) });
  const run = (seconds: number) => boards.timeline.runUntil(boards.timeline.now() + seconds * SECOND);
  const events = (type: string) => boards.events.filter((event) => event.type === type).map((event) => event.fields);
  return { boards, flash, phone, asked, run, events };
}

describe('recovery', () => {
  it('fetches the default load in the voice VLAN, installs it and starts it', () => {
    const { phone, flash, run, events } = world({ [LOADS[0]]: load });
    phone.powerOn();
    run(60);
    expect(events('boot.handoff').map((fields) => (fields as { slot: string }).slot)).toEqual(['recovery', 'A']);
    const done = events('stage.leave').filter((fields) => (fields as { outcome: string }).outcome === 'done');
    expect(done.map((fields) => (fields as { stage: string }).stage)).toEqual([
      ...['power', 'image'], // the board's, before the recovery payload runs
      ...['voice-vlan', 'address', 'tftp-server', 'image'],
      'image', // the board's again: the new load stands
    ]);
    expect(events('power.reset')).toEqual([{ reason: 'recovery' }]);
    expect(flashInfo(flash).slots[0]).toMatchObject({ slot: 'A', state: 'confirmed', load: 'sepia-hello.1-0-0' });
  });

  it('takes the load of the other protocol when there is none of the first, and refuses a damaged one', () => {
    const damaged = load.slice();
    damaged[100]! ^= 1;
    const { phone, asked, run, events, flash } = world({ [LOADS[0]]: damaged, [LOADS[1]]: load });
    phone.powerOn();
    run(60);
    expect(asked).toEqual(LOADS);
    expect(events('load.update')).toMatchObject([
      { outcome: 'rejected', reason: 'load.damaged', detail: 'the digest does not match: the image is damaged' },
      { outcome: 'installed' },
    ]);
    expect(events('status')).toContainEqual({ message: 'Checksum Error' });
    expect(flashInfo(flash).slots[0]?.state).toBe('confirmed');
  });

  it('asks again for as long as there is nothing', () => {
    const files: Record<string, Uint8Array> = {};
    const { phone, asked, run, events } = world(files);
    phone.powerOn();
    run(150);
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(events('status')).toContainEqual({ message: `File Not Found: ${LOADS[0]}` });
    files[LOADS[0]] = load;
    run(60);
    expect(events('boot.handoff')).toHaveLength(2);
  });
});
