import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, sepia, type ToldEvent } from '../support/built-program.ts';
import { testImageNamed } from '../support/test-images.ts';

const FACTORY = 'SCCP75.9-4-2SR3-1S';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sepia-upgrade-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function imageFile(name: string): Promise<string> {
  const path = join(folder, `${name}.img`);
  writeFileSync(path, await testImageNamed(name));
  return path;
}

async function upgrade(
  name: string,
  ...args: readonly string[]
): Promise<Omit<Ended, 'events'> & { readonly events: readonly ToldEvent[] }> {
  const image = await imageFile(name);
  const fixed = ['--upgrade', image, '--json', '--quiet', '--exit-when', 'registered', '--timeout', '60'];
  const ended = await sepia('demo', ...fixed, ...args);
  const events = ended.events();
  return { ...ended, events };
}

const TOLD = [
  'load.update',
  'power.reset',
  'boot.handoff',
  'boot.rejected',
  'boot.confirmed',
  'registration.accepted',
  'verdict',
];

/** What one phone has said of its loads, in order. */
function story(events: readonly ToldEvent[], phone: unknown): string[] {
  return events
    .filter((event) => event.phone === phone && TOLD.includes(String(event.type)))
    .map(({ type, outcome, load, trial, reason }) =>
      [type, outcome, load, trial === true ? 'on trial' : undefined, type === 'boot.rejected' ? undefined : reason]
        .filter((word) => word !== undefined)
        .join(' '),
    );
}

describe('demo --upgrade', () => {
  it('ends when all phones run the new load, confirmed', async () => {
    const { code, events } = await upgrade('newer', '--phones', '3');
    expect(code).toBe(0);
    const phones = [...new Set(events.map(({ phone }) => phone))];
    expect(phones).toHaveLength(3);
    for (const phone of phones) {
      expect(story(events, phone)).toEqual([
        `boot.handoff ${FACTORY}`,
        'load.update installed',
        'power.reset load-update',
        'boot.handoff SCCPnewer.9-5-1S on trial',
        'boot.confirmed SCCPnewer.9-5-1S',
        'registration.accepted',
        'verdict registered SCCPnewer.9-5-1S',
      ]);
    }
  });

  it('ends when a phone whose new load never registers has gone back to the old one', async () => {
    const { code, events } = await upgrade('never-registers');
    expect(code).toBe(0);
    expect(story(events, events[0]!.phone).slice(3)).toEqual([
      'boot.handoff SCCPneverregisters.9-5-1S on trial',
      'boot.rejected',
      `boot.handoff ${FACTORY}`,
      'load.update rejected load.reverted',
      'registration.accepted',
      `verdict registered ${FACTORY}`,
    ]);
    expect(events.at(-1)!.text).toContain('it has not taken SCCPneverregisters.9-5-1S (load.reverted)');
  });

  it('runs what nobody has signed only with --allow-unsigned, which says so', async () => {
    const refused = await upgrade('unsigned');
    expect(refused.events.at(-1)).toMatchObject({ type: 'verdict', load: FACTORY });
    expect(refused.events.find(({ type }) => type === 'load.update')).toMatchObject({ reason: 'load.signature' });
    const allowed = await upgrade('unsigned', '--allow-unsigned');
    expect(allowed.err).toContain('no boot key vouches for');
    expect(allowed.events.at(-1)).toMatchObject({ type: 'verdict', load: 'SCCPunsigned.9-5-1S' });
    const signatures = allowed.events.filter(({ type }) => type === 'boot.handoff').map(({ signature }) => signature);
    expect(signatures).toEqual(['development', 'unsigned']);
  });

  it('refuses a file that is no image', async () => {
    const { code, err } = await sepia('demo', '--upgrade', 'package.json');
    expect(code).toBe(2);
    expect(err).toMatch(/^package\.json: this is no image: .*\.\n$/m);
  });
});

describe('demo --protocol', () => {
  const registered = async (...args: readonly string[]): Promise<Event | undefined> => {
    const { out } = await sepia('demo', '--json', '--quiet', '--exit-when', 'registered', '--timeout', '60', ...args);
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    return events.find(({ type }) => type === 'registration.accepted');
  };

  it('is what the model leaves the factory with unless given', async () => {
    expect(await registered('--model', '8861')).toMatchObject({ protocol: 'sip', port: 5060 });
    expect(await registered('--model', '7975')).toMatchObject({ protocol: 'sccp', port: 2000 });
    expect(await registered('--model', '7975', '--protocol', 'sip')).toMatchObject({ protocol: 'sip' });
  });

  it('is refused when the model does not speak it', async () => {
    const { code, err } = await sepia('demo', '--model', '8861', '--protocol', 'sccp');
    expect(code).toBe(2);
    expect(err).toContain('The 8861 speaks SIP only, not SCCP.');
  });
});

describe('image and flash files', () => {
  it('image loads writes what a TFTP server needs beside the image', async () => {
    const image = await imageFile('good');
    expect((await sepia('image', 'loads', image)).code).toBe(0);
    expect(readFileSync(join(folder, 'SCCPgood.9-5-1S.img'))).toEqual(readFileSync(image));
    const list = readFileSync(join(folder, 'SCCPgood.9-5-1S.loads'), 'latin1');
    expect(list).toContain(`SCCPgood.9-5-1S.img ${readFileSync(image).length} `);
    expect((await sepia('image', 'loads', image)).code).toBe(2);
    expect((await sepia('image', 'loads', image, '--force')).code).toBe(0);
  });

  it('image build --compress makes a third of it', async () => {
    const out = join(folder, 'built');
    await sepia('image', 'build', FACTORY, '--out', out);
    const plain = readFileSync(join(out, `${FACTORY}.img`)).length;
    await sepia('image', 'build', FACTORY, '--out', out, '--compress');
    expect(readFileSync(join(out, `${FACTORY}.img`)).length).toBeLessThan(plain / 2.5);
    expect((await sepia('image', 'verify', join(out, `${FACTORY}.img`))).code).toBe(0);
  });

  it('flash fault damages a part, flash restore mends it, flash revoke takes a key out of use', async () => {
    const file = join(folder, 'phone.flash');
    const dump = join(folder, 'phone.raw');
    expect((await sepia('flash', 'create', file, '--model', '7975')).code).toBe(0);
    await sepia('flash', 'dump', file, '--out', dump);
    const state = async (): Promise<Event> => {
      const { slots } = JSON.parse((await sepia('flash', 'info', file, '--json')).out) as { slots: Event[] };
      return slots[0]!;
    };
    expect(await state()).toMatchObject({ state: 'confirmed', load: FACTORY });
    const { out } = await sepia('flash', 'fault', file, 'flip:A+5000:3', '--json');
    expect(JSON.parse(out)).toMatchObject({ kind: 'flip', bit: 3 });
    expect(await state()).toMatchObject({ state: 'invalid' });
    expect((await sepia('flash', 'restore', file, dump)).code).toBe(0);
    expect(await state()).toMatchObject({ state: 'confirmed' });
    expect((await sepia('flash', 'revoke', file, 'development')).code).toBe(0);
    expect(await state()).toMatchObject({ state: 'invalid' });
    expect((await sepia('flash', 'fault', file, 'melt:0')).code).toBe(2);
  });
});
