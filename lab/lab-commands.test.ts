import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { modelNamed } from '../device/models.ts';
import { TestWorld, type TestWorldOptions } from '../test/support/test-world.ts';
import { LabApi } from './lab-api.ts';
import { CommandError, commandHelp, LabCommands } from './lab-commands.ts';

const NAME = 'SEP020000000000';

/** A registered phone, and the commands of its lab. */
function world(options: TestWorldOptions = {}) {
  const made = new TestWorld(options);
  made.powerOn(0);
  made.runUntil('registration.accepted');
  made.run(1);
  const commands = new LabCommands({ lab: made.lab, model: modelNamed });
  return { world: made, commands, run: (line: string) => commands.run(line).lines };
}

function errorOf(task: () => unknown): string {
  try {
    task();
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
  throw new Error('no error');
}

describe.each([
  ['7975', 'sccp'],
  ['8861', 'sip'],
] as const)('commands for a %s over %s', (model, protocol) => {
  const phone = () => world({ model, protocol });

  it('node stop and start: the phone is lost, registers on the second, and may come back', () => {
    const { world: made, run } = phone();
    expect(run('node stop 1')).toEqual(['node 1 is stopped (fin)']);
    expect(made.runUntil('registration.accepted').host).toBe('10.100.0.12');
    expect(run('nodes')[0]).toContain('stopped');
    expect(run(`devices ${NAME}`)[0]).toContain('registered on cm2');
    expect(run('node start 1')).toEqual(['node 1 is started']);
    expect(run('nodes')[0]).toContain('running');
    run('node stop 2 rst');
    expect(made.runUntil('registration.accepted').host).toBe('10.100.0.11');
  });

  it.each(['reset', 'restart', 'apply-config'])('%s', (type) => {
    const { world: made, run } = phone();
    made.lab.devices.change(NAME, { lines: [{ directoryNumber: '2999', label: '2999', displayName: '' }] });
    expect(run(`${type} ${NAME.toLowerCase()}`)).toEqual([`${type}: ${NAME}`]);
    expect(made.runUntil('registration.accepted').lines).toEqual(['2999']);
    expect(made.all('reset.requested')).toMatchObject([{ kind: type }]);
    expect(run(`${type} all`)).toEqual([`${type}: 1 phones`]);
  });

  it('reject, and let in again', () => {
    const { world: made, run } = phone();
    run(`reject ${NAME} Not today`);
    run(`restart ${NAME}`);
    expect(made.runUntil('registration.rejected').reason).toBe('Not today');
    run(`reject ${NAME} off`);
    made.runUntil('registration.accepted');
  });

  it('mwi', () => {
    const { world: made, run } = phone();
    run(`mwi ${NAME} on`);
    made.run(1);
    expect(made.phone.panel.leds.message).toBe('on');
    run(`mwi ${NAME} off`);
    made.run(1);
    expect(made.phone.panel.leds.message).toBe('off');
  });

  it('node slow: the phone registers later by as much as there are questions', () => {
    const { world: made, run } = phone();
    run('node slow 1 500');
    const before = made.timeline.now();
    run(`restart ${NAME}`);
    made.runUntil('registration.accepted');
    expect(made.timeline.now() - before).toBeGreaterThan(1_000_000);
    run('node slow 1 0');
  });

  it('node throttle: nobody is let in any more', () => {
    const { world: made, run } = phone();
    run('node throttle 1 0');
    run(`reset ${NAME}`);
    expect(made.runUntil('registration.accepted').host).toBe('10.100.0.12');
    expect(run('node throttle 1 off')).toEqual(['node 1 takes all registrations']);
  });

  it('delete and add', () => {
    const { world: made, run } = phone();
    run(`delete ${NAME}`);
    run(`add ${NAME} ${model} 2999`);
    made.phone.reset('keypad');
    expect(made.runUntil('registration.accepted').lines).toEqual(['2999']);
    expect(run('devices 2999')).toEqual([`${NAME}  ${model}  ${protocol}  2999  registered on cm1`]);
  });

  it('auto-register and taps', () => {
    const { world: made, run } = phone();
    run(`delete ${NAME}`);
    run(`auto-register 9000-9010 ${protocol}`);
    run(`add BAT000000000001 ${model} 2500`);
    made.phone.reset('keypad');
    made.runUntil('power.reset');
    expect(made.runUntil('registration.accepted').lines).not.toEqual([]);
    while (made.all('registration.accepted').at(-1)?.lines[0] !== '9000') made.runUntil('registration.accepted');
    expect(run(`taps ${NAME} 2500`)).toEqual([`${NAME} is 2500 now`]);
    expect(made.runUntil('registration.accepted').lines).toEqual(['2500']);
    expect(run('auto-register off')).toEqual(['phones that nobody wrote down are rejected']);
  });
});

describe('commands', () => {
  it('prompt puts words on the screen, and takes them away', () => {
    const { world: made, run } = world();
    run(`prompt ${NAME} Fire drill at noon`);
    made.run(1);
    expect(made.screen()).toContain('Fire drill at noon');
    run(`prompt ${NAME}`);
    made.run(1);
    expect(made.screen()).not.toContain('Fire drill at noon');
  });

  it('node strict and node tokens are seen in the list of nodes', () => {
    const { commands, run } = world();
    run('node strict 1 on');
    run('node tokens 2 60');
    expect(commands.run('nodes').data).toMatchObject([
      { node: 1, strict: true, tokens: 'grant', sccp: 1 },
      { node: 2, strict: false, tokens: 60, sccp: 0 },
    ]);
    run('node tokens 2 grant');
    expect(commands.run('nodes').data).toMatchObject([{}, { tokens: 'grant' }]);
  });

  it('ctl-client puts a cluster with keys into mixed mode', () => {
    const { run } = world();
    expect(errorOf(() => run('ctl-client'))).toBe('the CTL client needs a cluster with keys');
  });

  it('help has a line for each', () => {
    expect(commandHelp().find((line) => line.startsWith('node stop'))).toContain('N [fin|rst|silent]');
    expect(world().run('help')).toEqual(commandHelp());
  });

  it('wait until the lab serves, all but help', () => {
    const commands = new LabCommands({ lab: world().world.lab, model: modelNamed, serving: () => false });
    expect(errorOf(() => commands.run('nodes'))).toBe('the lab does not serve yet');
    expect(commands.run('help').lines).toEqual(commandHelp());
  });

  it('are all in docs/lab.md as help prints them', () => {
    const page = readFileSync(new URL('../docs/lab.md', import.meta.url), 'utf8');
    expect(page).toContain(`\n${commandHelp().join('\n')}\n`);
  });

  it('devices are listed up to a bound', () => {
    const { commands, run } = world();
    commands.run('delete SEP020000000000');
    for (let k = 0; k < 3; k++) commands.run(`add SEP02000000010${k} 7975 300${k}`);
    expect(run('devices 300')).toHaveLength(3);
  });

  it.each([
    ['nonsense', 'no command "nonsense"; help lists them'],
    ['node stop 3', 'the number of a node is a whole number from 1 to 2'],
    ['node stop', 'the number of a node is a whole number from 1 to 2'],
    ['node stop 1 gently', 'how a node stops is one of fin, rst, silent, not "gently"'],
    ['node slow 1 x', 'milliseconds is a whole number from 0 to 60000'],
    ['reset SEP000000000001', 'no device "SEP000000000001" in the database'],
    ['mwi SEP020000000000 maybe', 'the last word is one of on, off, not "maybe"'],
    ['reject SEP020000000000', 'reject takes the words to reject with, or off'],
    ['add SEP1 7975 2000', '"SEP1" is no device name: SEP and 12 hexadecimal digits'],
    ['add SEP020000000009 9999 2000', 'no model "9999"'],
    ['add SEP020000000009 8861 2000 sccp', 'the protocol is one of sip, not "sccp"'],
    ['add SEP020000000009 7975 2001', "2001 is SEP020000000000's"],
    ['add SEP020000000009', 'add takes NAME MODEL NUMBER [sccp|sip]'],
    ['auto-register 10-5', 'auto-register takes FIRST-LAST, two directory numbers, or off'],
    ['taps SEP020000000000 1', 'no device waits for its telephone with 1'],
  ])('%s: %s', (line, sentence) => {
    const { run } = world();
    expect(errorOf(() => run(line))).toBe(sentence);
  });

  it('a device that is not registered cannot be reset', () => {
    const { run } = world();
    run('add SEP020000000009 7975 2009');
    expect(errorOf(() => run('reset SEP020000000009'))).toBe('SEP020000000009 is not registered');
  });
});

describe('the API', () => {
  let api: LabApi | null = null;

  afterEach(() => api?.close());

  async function served() {
    const made = world();
    api = new LabApi(made.commands);
    const base = `http://127.0.0.1:${await api.listen(0)}`;
    const post = (body: string, type = 'application/json') =>
      fetch(`${base}/command`, { method: 'POST', headers: { 'content-type': type }, body });
    return { ...made, base, post };
  }

  it('lists nodes and devices, and does what the console does', async () => {
    const { base, post, world: made } = await served();
    expect(await (await fetch(`${base}/nodes`)).json()).toMatchObject([{ node: 1, sccp: 1 }, { node: 2 }]);
    expect(await (await fetch(`${base}/devices?text=2001`)).json()).toMatchObject([
      { name: NAME, registeredOn: 'cm1' },
    ]);
    const answer = await post('{"command": "node stop 1"}');
    expect([answer.status, await answer.json()]).toEqual([200, { done: 'node 1 is stopped (fin)' }]);
    expect(made.runUntil('registration.accepted').host).toBe('10.100.0.12');
  });

  it('says what is wrong, and takes nothing from a page in a browser', async () => {
    const { base, post } = await served();
    const wrong = await post('{"command": "node stop 7"}');
    expect([wrong.status, await wrong.json()]).toEqual([
      400,
      { error: 'the number of a node is a whole number from 1 to 2' },
    ]);
    expect((await post('nonsense')).status).toBe(400);
    expect((await post('{"command": "nodes"}', 'text/plain')).status).toBe(415);
    expect((await fetch(`${base}/`)).status).toBe(404);
    const { port } = new URL(base);
    const foreign = await new Promise<number | undefined>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/nodes', headers: { host: 'evil.example' } };
      get(options, (response) => resolve(response.resume().statusCode)).on('error', reject);
    });
    expect(foreign).toBe(403);
  });
});
