import { describe, expect, it } from 'vitest';
import { MILLISECOND, SECOND } from '../hal/timer.ts';
import { PowerCut } from '../hal/virtual/flash.ts';
import { readFaults } from '../storage/crash-log.ts';
import { TestBoards, testFlash } from '../test/support/test-board.ts';
import { Cpu } from './cpu.ts';
import { RESET_TIME } from './phone.ts';

/** A payload of which each test says the entry points it needs; the others do nothing. */
const payload = (members: string, start = ''): string => `(hal, record) => {
  'use strict';
  const say = (line) => hal.console.write(line);
  ${start}
  return { onFrame() {}, onAlarm() {}, onLink() {}, onPower() {}, onInput() {}, onCompletion() {}, ${members} };
}`;

function boardsWith(A: string, B?: string) {
  const boards = new TestBoards();
  const flash = testFlash(B === undefined ? { A } : { A, B });
  const phone = boards.add(flash);
  const run = (duration: number) => boards.timeline.runUntil(boards.timeline.now() + duration);
  /** The console without the bootloader's lines. */
  const said = () => boards.console.filter((line) => !line.startsWith('Boot: '));
  return { ...boards, boards, flash, phone, run, said, cable: boards.cables[0]! };
}

describe('power', () => {
  it('on: the bootloader hands off and the software is told the link once', () => {
    const { phone, run, said, boards } = boardsWith(
      payload('onLink(up) { say(`link ${up}`); }', 'say(`start ${record.slot} ${record.resetReason}`);'),
    );
    phone.powerOn();
    phone.powerOn();
    expect(phone.state).toBe('starting');
    run(SECOND);
    expect(phone.state).toBe('running');
    expect(said()).toEqual(['start A power-on', 'link true']);
    expect(boards.types()).toEqual([
      'stage.enter',
      'power.on',
      'stage.leave',
      'stage.enter',
      'boot.handoff',
      'stage.leave',
    ]);
    expect(boards.events[1]!.fields).toEqual({ source: 'poe', class: 3, allocatedMilliwatts: 15_400 });
  });

  it('off: nothing armed fires, nothing is sent, the face is dark, the peer loses its link', () => {
    const { phone, run, said, cable } = boardsWith(
      payload(
        `onAlarm() { say('alarm'); }`,
        `hal.timer.arm(hal.timer.now() + 500000);
         hal.panel.show({ leds: { headset: 'on', mute: 'on', speaker: 'on', message: 'on' }, text: ['hello'], softKeys: [] });`,
      ),
    );
    phone.powerOn();
    run(100 * MILLISECOND);
    expect(phone.panel.text).toEqual(['hello']);
    phone.powerOff();
    phone.powerOff();
    expect(phone.panel).toMatchObject({ text: [], leds: { mute: 'off' } });
    expect(cable.b.link().up).toBe(false);
    run(SECOND);
    expect(said()).toEqual([]);
    phone.powerOn();
    run(SECOND);
    expect(said()).toEqual(['alarm']);
  });

  it('external: no class, no allocation', () => {
    const boards = new TestBoards();
    boards.add(testFlash({ A: payload('') }), { powerSource: 'external' }).powerOn();
    expect(boards.events[1]!.fields).toEqual({ source: 'external', class: null, allocatedMilliwatts: null });
  });

  it('the supply allows another value: the software is told', () => {
    const { phone, run, said } = boardsWith(
      payload('onPower(event) { say(`${event.source} ${event.availableMilliwatts}`); }'),
    );
    phone.powerOn();
    run(SECOND);
    phone.allocate(12_000);
    phone.allocate(12_000);
    expect(said()).toEqual(['poe 12000']);
  });
});

describe('entry points', () => {
  it('run to completion: what comes meanwhile waits, in order', () => {
    const { phone, run, said, boards } = boardsWith(
      payload(`onInput(key) { say('begin ' + key); hal.trace.event('status', { message: key }); say('end ' + key); }`),
    );
    phone.powerOn();
    run(SECOND);
    const listen = boards.events.push.bind(boards.events);
    boards.events.push = (...events) => {
      const first = events[0]!.fields as { message?: string };
      if (first.message === '1') {
        phone.press('2');
        phone.press('3');
      }
      return listen(...events);
    };
    phone.press('1');
    expect(said()).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  it('a frame for the own MAC arrives, one for another does not', () => {
    const { phone, run, said, cable } = boardsWith(
      payload('onFrame(bytes, length) { say(`${length} ${bytes[14]}`); }'),
    );
    phone.powerOn();
    run(SECOND);
    const frame = new Uint8Array(60);
    frame.set([0x02, 0, 0, 0, 0, 0], 0);
    frame[14] = 7;
    cable.b.transmit(frame, 60);
    frame[5] = 1;
    cable.b.transmit(frame, 60);
    run(SECOND);
    expect(said()).toEqual(['60 7']);
  });

  it('a completion comes after the time stood still for it', async () => {
    const { phone, run, said, timeline } = boardsWith(
      payload(
        'onCompletion(operation, result) { say(`${operation} ${result.ok}`); }',
        `hal.secure.generateKey('ec-p256');`,
      ),
    );
    phone.powerOn();
    run(SECOND);
    expect(timeline.held).toBe(true);
    await new Promise<void>((resolve) => timeline.onRelease(resolve));
    run(SECOND);
    expect(said()).toEqual(['1 true']);
  });

  it('a completion of before a reset is not delivered after it', async () => {
    const { phone, run, said, timeline } = boardsWith(
      payload(
        'onCompletion(operation) { say(`completed ${operation}`); }',
        `if (record.resetReason === 'power-on') { hal.secure.generateKey('ec-p256'); hal.power.reset('reset'); }`,
      ),
    );
    phone.powerOn();
    run(SECOND);
    await new Promise<void>((resolve) => timeline.onRelease(resolve));
    run(SECOND);
    expect(phone.state).toBe('running');
    expect(said()).toEqual([]);
  });

  it('switched off from within: the entry point ends, nothing follows', () => {
    const { phone, run, said, boards } = boardsWith(
      payload(
        `onInput() { hal.trace.event('status', { message: 'off' }); say('still here'); hal.timer.arm(0); }, onAlarm() { say('alarm'); }`,
      ),
    );
    phone.powerOn();
    run(SECOND);
    const listen = boards.events.push.bind(boards.events);
    boards.events.push = (...events) => {
      if (events[0]!.type === 'status') phone.powerOff();
      return listen(...events);
    };
    phone.press('1');
    run(SECOND);
    expect(said()).toEqual(['still here']);
    expect(phone.state).toBe('off');
  });
});

describe('reset', () => {
  it('happens when the entry point returns, and its reason survives', () => {
    const { phone, run, said, boards } = boardsWith(
      payload(
        `onInput() { hal.power.reset('restart'); hal.power.reset('keypad'); say('after'); }, onAlarm() { say('alarm'); }`,
        'say(record.resetReason); hal.timer.arm(hal.timer.now() + 5000000);',
      ),
    );
    phone.powerOn();
    run(SECOND);
    phone.press('1');
    phone.press('2');
    expect(phone.state).toBe('starting');
    run(RESET_TIME);
    expect(said()).toEqual(['power-on', 'after', 'restart']);
    expect(boards.types().filter((type) => !type.startsWith('stage.'))).toEqual([
      'power.on',
      'boot.handoff',
      'power.reset',
      'boot.handoff',
    ]);
    expect(boards.events.find(({ type }) => type === 'power.reset')!.fields).toEqual({ reason: 'restart' });
  });

  it('closes the receive filter', () => {
    const { phone, run, said, cable } = boardsWith(
      payload(
        `onFrame(bytes) { say('frame ' + bytes[0]); }`,
        `if (record.resetReason === 'power-on') hal.nic.setFilter({ groups: [0x01000ccccccc], vlan: null, addresses: [], broadcastPorts: [] });`,
      ),
    );
    const cdp = new Uint8Array(60);
    cdp.set([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc]);
    phone.powerOn();
    run(SECOND);
    cable.b.transmit(cdp, 60);
    run(SECOND);
    phone.reset('reset');
    run(SECOND);
    cable.b.transmit(cdp, 60);
    run(SECOND);
    expect(said()).toEqual(['frame 1']);
  });
});

describe('CPU fault', () => {
  const faulty = payload('onInput() { const nothing = null; nothing.field; }', 'say(record.resetReason);');

  it('is told, written into the crash log, and resets', () => {
    const { phone, run, said, boards, flash } = boardsWith(faulty);
    phone.powerOn();
    run(SECOND);
    phone.press('1');
    run(SECOND);
    expect(said()).toEqual(['power-on', 'fault']);
    const { fields } = boards.events.find(({ type }) => type === 'fault')!;
    expect(fields).toMatchObject({
      reason: 'exception',
      detail: expect.stringMatching(/^TypeError: .*\nat .*payload-\w+\.js:\d+:\d+/),
    });
    expect(readFaults(flash)).toEqual([{ slot: 'A', load: 'TEST-A.1-0-0', at: SECOND, ...fields }]);
  });

  it('of a load that never starts: the other slot takes over, with time passing', () => {
    const { phone, run, said, timeline } = boardsWith(
      '() => { throw new Error("stillborn"); }',
      payload('', 'say(`${record.slot} ${record.resetReason}`);'),
    );
    phone.powerOn();
    run(SECOND);
    expect(said()).toEqual(['B fault']);
    expect(phone.state).toBe('running');
    expect(timeline.now()).toBeGreaterThan(3 * RESET_TIME);
  });

  it('of a body that is no function', () => {
    const { phone, run, flash } = boardsWith('"no function"');
    phone.powerOn();
    run(RESET_TIME / 2);
    expect(phone.state).toBe('starting');
    expect(readFaults(flash).at(-1)!.detail).toBe('the image body is not a function expression');
  });

  it('does not stop the world: the next phone goes on', () => {
    const boards = new TestBoards();
    const bad = boards.add(testFlash({ A: faulty }));
    const good = boards.add(testFlash({ A: payload(`onInput() { say('fine'); }`) }));
    bad.powerOn();
    good.powerOn();
    boards.timeline.runUntil(SECOND);
    bad.press('1');
    good.press('1');
    expect(boards.console.at(-1)).toBe('fine');
  });
});

describe('watchdog', () => {
  it('stops an endless loop, names the phone, and the world goes on', () => {
    const { phone, boards, flash, timeline, cpu, said } = boardsWith(
      payload(
        'onInput() { for (;;); }, onAlarm() { for (;;); }',
        `say(record.resetReason); if (record.resetReason === 'power-on') hal.timer.arm(1000000);`,
      ),
    );
    const other = boards.add(testFlash({ A: payload('onInput(key) { say(key); }') }));
    phone.powerOn();
    other.powerOn();
    expect(cpu.runGuarded(() => timeline.runUntil(2 * SECOND), 50)).toBe(false);
    timeline.interrupted();
    expect(boards.events.at(-1)).toMatchObject({
      type: 'fault',
      phone: phone.board.deviceName,
      fields: { reason: 'watchdog' },
    });
    expect(cpu.runGuarded(() => timeline.runUntil(2 * SECOND), 1_000)).toBe(true);
    other.press('5');
    expect(said()).toEqual(['power-on', 'watchdog', '5']);
    expect(readFaults(flash)[0]!.reason).toBe('watchdog');
  });
});

describe('flash', () => {
  it('a power cut in the middle of a program switches the phone off', () => {
    const { phone, run, boards, flash, said } = boardsWith(
      payload(`onInput() { hal.flash.program(0x3f0000, new Uint8Array(4)); say('never'); }`),
    );
    phone.powerOn();
    run(SECOND);
    flash.cutPowerAt(flash.operations + 1, 2);
    phone.press('1');
    expect(phone.state).toBe('off');
    expect(boards.types().at(-1)).toBe('power.off');
    expect(said()).toEqual([]);
    expect(() => flash.erase(0)).toThrow(PowerCut);
    flash.restorePower();
    phone.powerOn();
    run(SECOND);
    expect(phone.state).toBe('running');
  });

  it('nothing in it: the phone halts and says why', () => {
    const boards = new TestBoards();
    const phone = boards.add(testFlash({}));
    phone.powerOn();
    boards.timeline.runUntil(SECOND);
    expect(phone.state).toBe('halted');
    expect(boards.events.at(-1)).toMatchObject({ type: 'fault', fields: { reason: 'nothing-to-run' } });
    phone.powerOff();
    expect(phone.state).toBe('off');
  });
});

describe('shared code', () => {
  const body = payload(
    'onInput(key) { say(hal.board.deviceName + " " + key + " " + ++count + " " + hal.rng.u32()); }',
    'let count = 0;',
  );

  function transcript(cpus: readonly [Cpu, Cpu]): string[] {
    const boards = new TestBoards();
    const phones = cpus.map((cpu) => boards.add(testFlash({ A: body }), { cpu }));
    for (const phone of phones) phone.powerOn();
    boards.timeline.runUntil(SECOND);
    for (const key of ['1', '2', '3'] as const) for (const phone of phones) phone.press(key);
    return boards.console;
  }

  it('two phones in one context and in two do the same', () => {
    const cpu = new Cpu();
    const together = transcript([cpu, cpu]);
    const apart = transcript([new Cpu(), new Cpu()]);
    expect(cpu.payloadCount).toBe(1);
    expect(together).toEqual(apart);
    expect(together.filter((line) => line.startsWith('SEP'))).toHaveLength(6);
  });
});
