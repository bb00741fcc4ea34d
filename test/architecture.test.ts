import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf, roomOf, type Source, violationsIn } from './support/house-rules.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.cache', 'build']);

function sources(folder = ''): Source[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry): Source[] => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : sources(path);
    return entry.name.endsWith('.ts') ? [{ path, text: readFileSync(join(ROOT, path), 'utf8') }] : [];
  });
}

describe('the house', () => {
  it('keeps its rules', () => {
    const broken = violationsIn(sources()).map(({ rule, path, what }) => `${path}: ${rule}: ${what}`);
    expect(broken).toEqual([]);
  });

  it('was looked at: every room has files', () => {
    const rooms = new Set(sources().map(({ path }) => roomOf(path)?.name));
    for (const room of ['hal', 'hal/virtual', 'hal/host', 'storage', 'bootloader', 'device', 'images', 'lab', 'cli']) {
      expect(rooms).toContain(room);
    }
  });
});

describe('imports are found in', () => {
  it.each([
    [`import { a } from './a.ts';`, ['./a.ts']],
    [`import type { A } from "../a.ts"`, ['../a.ts']],
    [`import {\n  a,\n  b,\n} from './a.ts';`, ['./a.ts']],
    [`import * as dhcp from '../wire/dhcp.ts';`, ['../wire/dhcp.ts']],
    [`export { a } from './a.ts';\nexport * from './b.ts';`, ['./a.ts', './b.ts']],
    [`import './a.ts';`, ['./a.ts']],
    [`const a = await import('./a.ts');`, ['./a.ts']],
    [`// import { a } from './a.ts';`, []],
    [`/* import './a.ts'; */`, []],
    [`const text = 'taken from'; const other = './a.ts';`, []],
  ])('%j', (text, found) => {
    expect(importsOf(text)).toEqual(found);
  });
});

/** Each rule, broken once. */
const IMPORTS = 'imports follow the table';
const PORTABLE = 'portable rooms use no host, no clock, no chance, no promises';
const STATE = 'modules of the payload hold no state';
const NAMES = 'names say what is in a file';

describe('a broken wall is seen', () => {
  it.each<[rule: string, path: string, text: string]>([
    ['every file is in a room', 'attic/box.ts', ''],
    ['every file is in a room', 'firmware/new-room/box.ts', ''],
    [IMPORTS, 'hal/nic.ts', `import { x } from '../storage/flash-map.ts';`],
    [IMPORTS, 'storage/settings.ts', `import { x } from '../hal/virtual/flash.ts';`],
    [IMPORTS, 'storage/settings.ts', `import { readFileSync } from 'node:fs';`],
    [IMPORTS, 'bootloader/boot.ts', `import { x } from '../device/cpu.ts';`],
    [IMPORTS, 'firmware/machine.ts', `import { x } from './wire/arp.ts';`],
    [IMPORTS, 'firmware/wire/arp.ts', `import { x } from '../net/neighbor.ts';`],
    [IMPORTS, 'firmware/net/stack.ts', `import { x } from '../protocols/dhcp.ts';`],
    [IMPORTS, 'firmware/protocols/dhcp.ts', `import type { Sockets } from '../net/sockets.ts';`],
    [IMPORTS, 'firmware/protocols/dhcp.ts', `import { x } from '../phone/screen.ts';`],
    [IMPORTS, 'firmware/phone/screen.ts', `import { x } from '../startup/sequence.ts';`],
    [IMPORTS, 'firmware/phone/screen.ts', `import { x } from 'commander';`],
    [IMPORTS, 'firmware/startup/sequence.ts', `import { x } from '../../device/phone.ts';`],
    [IMPORTS, 'firmware/main.ts', `import { x } from '../bootloader/boot.ts';`],
    [IMPORTS, 'firmware/kernel.ts', `import { x } from '../hal/virtual/nic.ts';`],
    [IMPORTS, 'hal/virtual/nic.ts', `import { x } from '../host/entropy.ts';`],
    [IMPORTS, 'hal/virtual/nic.ts', `import { x } from 'node:crypto';`],
    [IMPORTS, 'hal/host/entropy.ts', `import { x } from '../../storage/settings.ts';`],
    [IMPORTS, 'device/phone.ts', `import { entry } from '../firmware/main.ts';`],
    [IMPORTS, 'device/phone.ts', `import { x } from '../lab/public.ts';`],
    [IMPORTS, 'images/build.ts', `import { entry } from '../firmware/main.ts';`],
    [IMPORTS, 'images/build.ts', `import { x } from '../device/phone.ts';`],
    [IMPORTS, 'images/hello/main.ts', `import { x } from 'node:fs';`],
    [IMPORTS, 'lab/dhcp-server.ts', `import { x } from '../firmware/protocols/dhcp.ts';`],
    [IMPORTS, 'lab/dhcp-server.ts', `import { x } from '../device/phone.ts';`],
    [IMPORTS, 'explain/story.ts', `import { x } from '../firmware/protocols/dhcp.ts';`],
    [IMPORTS, 'fleet/ramp.ts', `import { x } from '../firmware/machine.ts';`],
    [IMPORTS, 'fleet/ramp.ts', `import { x } from '../lab/dhcp-server.ts';`],
    [IMPORTS, 'cli/demo.ts', `import { x } from '../firmware/phone/screen.ts';`],
    [IMPORTS, 'cli/demo.ts', `import { x } from '../lab/dhcp-server.ts';`],
    ['node:vm is used in one file', 'device/phone.ts', `import vm from 'node:vm';`],
    ['node:vm is used in one file', 'cli/demo.ts', `import { Script } from 'node:vm';`],
    [PORTABLE, 'firmware/kernel.ts', 'const now = Date.now();'],
    [PORTABLE, 'firmware/kernel.ts', 'const chance = Math.random();'],
    [PORTABLE, 'firmware/kernel.ts', 'async function later() {}'],
    [PORTABLE, 'firmware/kernel.ts', 'const later = async () => {};'],
    [PORTABLE, 'firmware/kernel.ts', 'export function later(): Promise<void> {}'],
    [PORTABLE, 'storage/settings.ts', 'setTimeout(() => {}, 1);'],
    [PORTABLE, 'bootloader/boot.ts', `console.log('here');`],
    [PORTABLE, 'hal/virtual/nic.ts', `process.exit(1);`],
    [PORTABLE, 'hal/nic.ts', 'export const now = performance.now();'],
    [PORTABLE, 'firmware/wire/text.ts', 'const text = new TextDecoder().decode(octets);'],
    [PORTABLE, 'firmware/wire/text.ts', 'const text = `${Buffer.from(octets)}`;'],
    [PORTABLE, 'images/recovery/main.ts', 'names.sort((a, b) => a.localeCompare(b));'],
    [
      'software never asks whether octets are of its own realm',
      'storage/settings.ts',
      'if (x instanceof Uint8Array) y();',
    ],
    [STATE, 'firmware/kernel.ts', 'let count = 0;'],
    [STATE, 'storage/settings.ts', 'export let count = 0;'],
    [STATE, 'bootloader/boot.ts', 'const cache = new Map<string, number>();'],
    [STATE, 'firmware/kernel.ts', 'const seen: number[] = [];'],
    ['no default exports', 'cli/demo.ts', 'export default function demo() {}'],
    ['no default exports', 'cli/demo.ts', 'export { demo as default };'],
    ['no file is too long', 'cli/demo.ts', 'x();\n'.repeat(701)],
    [NAMES, 'cli/utils.ts', ''],
    [NAMES, 'lab/helpers.ts', ''],
    [NAMES, 'fleet/common.ts', ''],
    [NAMES, 'device/index.ts', ''],
    [NAMES, 'lab/session-manager.ts', ''],
    ['files are kebab-case', 'cli/bootScreen.ts', ''],
    ['nothing is left to do', 'cli/demo.ts', `// ${'TO'}${'DO'}: the rest`],
  ])('%s: %s', (rule, path, text) => {
    expect(violationsIn([{ path, text }]).map((violation) => violation.rule)).toEqual([rule]);
  });
});

describe('what is allowed passes', () => {
  it.each([
    ['firmware/kernel.ts', `import { entry } from './startup/sequence.ts';\nimport type { Hal } from '../hal/hal.ts';`],
    [
      'firmware/phone/read.ts',
      `import { utf8 } from '../wire/text.ts';\nhal.console.write('Date.now() is not called');`,
    ],
    ['firmware/protocols/dhcp.ts', 'class Dhcp { process(now: Instant) { this.process(now); } }\n// Promise, Date'],
    ['hal/hal.ts', 'export interface Hal { readonly console: Console; readonly process: Process }'],
    [
      'storage/settings.ts',
      'const NAMES: ReadonlySet<string> = new Set();\nconst KINDS = [1, 2];\nfunction f() {\n  let x = 0;\n}',
    ],
    ['firmware/wire/text.ts', 'const MARK = /setTimeout\\(async/;'],
    ['images/manifests.ts', `import { MODELS } from '../device/models.ts';`],
    ['lab/call-manager/call-manager.ts', `import * as sccp from '../../firmware/wire/sccp/message.ts';`],
    ['device/cpu.ts', `import vm from 'node:vm';`],
    ['cli/inspect.ts', `import { parse } from '../firmware/phone/trust/trust-list.ts';`],
    ['device/anything.test.ts', `import { entry } from '../firmware/main.ts';\nimport fc from 'fast-check';`],
    ['vitest.config.ts', 'export default {};'],
  ])('%s', (path, text) => {
    expect(violationsIn([{ path, text }])).toEqual([]);
  });
});
