import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDeviceFile, readLabPlan, stationsOf } from './lab-plan.ts';
import { UsageError } from './usage-error.ts';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sepia-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, 'plan.yaml');
  writeFileSync(path, text);
  return path;
}

/** The complaint about a plan, without the folder. */
function complaint(text: string, read: (name: string) => unknown = readLabPlan): string {
  try {
    read(file(text));
  } catch (error) {
    if (error instanceof UsageError) return error.message.slice(directory.length + 1);
    throw error;
  }
  throw new Error('nothing is wrong with it');
}

const WHOLE = `
voiceVlan: 200
dataVlan: 10
callManagers: 3
autoRegistration: {first: 9000, last: 9999, protocol: sip}
release: 8.6
keepaliveSeconds: 20
strictCapabilities: true
connectionMonitorDuration: 30
macs: [001122334455, 020000000000-0200000000FF]
devices:
  - name: sep02005ec0ffee
    model: 7975
    description: Reception
    security: none
    load: SCCP75.9-4-2SR3-1S
    callManagers: [2, 1]
    lines:
      - {number: 0100, label: Front, displayName: Front desk}
      - {number: "*21"}
    speedDials: [{number: 600, label: Echo}]
  - {firstMac: 020050000000, count: 100, firstNumber: 3000, model: 8861, lineCount: 2}
`;

describe('a plan of the lab', () => {
  it('says all that can be said', () => {
    const plan = readLabPlan(file(WHOLE));
    expect(plan).toEqual({
      voiceVlan: 200,
      dataVlan: 10,
      callManagers: 3,
      autoRegistration: { firstNumber: 9000, lastNumber: 9999, protocol: 'sip' },
      release: '8.6',
      keepaliveSeconds: 20,
      strictCapabilities: true,
      connectionMonitorDuration: 30,
      macs: [
        { first: 0x001122334455, last: 0x001122334455 },
        { first: 0x020000000000, last: 0x0200000000ff },
      ],
      devices: [
        {
          name: 'SEP02005EC0FFEE',
          model: '7975',
          deviceType: 437,
          protocol: 'sccp',
          description: 'Reception',
          security: 'none',
          load: 'SCCP75.9-4-2SR3-1S',
          callManagers: [1, 0],
          lines: [
            { directoryNumber: '0100', label: 'Front', displayName: 'Front desk' },
            { directoryNumber: '*21', label: '*21', displayName: '' },
          ],
          speedDials: [{ number: '600', label: 'Echo' }],
        },
        {
          firstMac: 0x020050000000,
          count: 100,
          firstNumber: 3000,
          lineCount: 2,
          model: '8861',
          deviceType: 685,
          protocol: 'sip',
        },
      ],
    });
    expect(stationsOf(plan.devices)).toEqual([
      { first: 0x02005ec0ffee, last: 0x02005ec0ffee },
      { first: 0x020050000000, last: 0x020050000063 },
    ]);
  });

  it('stands in docs/lab.md', () => {
    const page = readFileSync(new URL('../docs/lab.md', import.meta.url), 'utf8');
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(page)!;
    const { devices, release } = readLabPlan(file(example!));
    expect(devices).toHaveLength(2);
    expect(release).toBe('14.0');
  });

  it('may say nothing', () => {
    expect(readLabPlan(file('{}'))).toEqual({ macs: [], devices: [] });
    expect(readLabPlan(file('voiceVlan: none'))).toMatchObject({ voiceVlan: 'none' });
  });

  it.each([
    ['voiceVlan: 5000', 'plan.yaml:1: voiceVlan takes a whole number from 1 to 4094, not "5000".'],
    ['\n\nvoice: 1', /^plan\.yaml:3: voice is not known; there are voiceVlan, /],
    ['- 1', /^plan\.yaml:1: it has to be a mapping of voiceVlan, /],
    ['', /^plan\.yaml:1: it has to be a mapping/],
    ['voiceVlan: [1', /^plan\.yaml:1: /],
    ['voiceVlan: 1\nvoiceVlan: 2', /^plan\.yaml:2: Map keys must be unique/],
    ['voiceVlan: [1]', 'plan.yaml:1: voiceVlan has to be one value.'],
    ['strictCapabilities: maybe', 'plan.yaml:1: strictCapabilities takes true, false, not "maybe".'],
    ['autoRegistration: {first: 10}', 'plan.yaml:1: autoRegistration has no last.'],
    [
      'autoRegistration: {first: 10, last: 5}',
      'plan.yaml:1: autoRegistration.last takes a whole number from 10 to 999999999, not "5".',
    ],
    ['release: new', 'plan.yaml:1: release takes a release as 8.6 or 14.0, not "new".'],
    ['macs: [xyz]', /^plan\.yaml:1: macs\[0\] is no MAC address/],
    ['macs: [020000000002-020000000001]', 'plan.yaml:1: macs[0] takes FIRST-LAST, or one address.'],
    ['devices: 3', 'plan.yaml:1: devices has to be a list.'],
    [
      'devices:\n  - name: SEP1\n    model: 7975',
      'plan.yaml:2: devices[0].name takes SEP and 12 hexadecimal digits, not "SEP1".',
    ],
    ['devices:\n  - model: 7975', 'plan.yaml:2: devices[0] has no name.'],
    [
      'devices:\n  - name: SEP000000000001\n    model: 1',
      /^plan\.yaml:3: devices\[0\]\.model "1" is not known; there are 7975/,
    ],
    [
      'devices:\n  - name: SEP000000000001\n    model: 8861\n    protocol: sccp',
      'plan.yaml:4: devices[0].protocol takes sip, not "sccp".',
    ],
    [
      'devices:\n  - {name: SEP000000000001, model: 7975}\n  - {name: SEP000000000001, model: 7975}',
      'plan.yaml:3: devices[1] is the second SEP000000000001.',
    ],
    [
      'devices:\n  - {firstMac: 020000000000, model: 7975, firstNumber: 1, count: 70000}',
      'plan.yaml:2: devices[0].count takes a whole number from 1 to 65000, not "70000".',
    ],
    [
      'devices:\n  - {firstMac: 020000000000, model: 7975, firstNumber: 1, count: 1, lines: []}',
      'plan.yaml:2: devices[0].lines does not go with firstMac.',
    ],
    [
      'devices:\n  - {name: SEP000000000001, model: 7975, count: 3}',
      'plan.yaml:2: devices[0].count goes with firstMac only.',
    ],
    [
      'devices:\n  - {name: SEP000000000001, model: 7975, lines: [{number: me}]}',
      'plan.yaml:2: devices[0].lines[0].number takes a directory number, not "me".',
    ],
  ])('%j', (text, sentence) => {
    const said = complaint(text);
    if (typeof sentence === 'string') expect(said).toBe(sentence);
    else expect(said).toMatch(sentence);
  });

  it('that is not there is one sentence too', () => {
    expect(() => readLabPlan('/nowhere/plan.yaml')).toThrow('/nowhere/plan.yaml cannot be read: ENOENT.');
  });
});

describe('a file of devices', () => {
  it('has devices and nothing else', () => {
    expect(readDeviceFile(file('devices: [{name: SIP000000000001, model: 7960}]'))).toMatchObject([
      { name: 'SIP000000000001', protocol: 'sccp', lines: [] },
    ]);
    expect(complaint('voiceVlan: 1', readDeviceFile)).toBe('plan.yaml:1: voiceVlan is not known; there are devices.');
    expect(complaint('{}', readDeviceFile)).toBe('plan.yaml:1: it has no devices.');
  });
});
