/** Calls between two telephones of the lab, by the keys that a person would press. */
import { describe, expect, it } from 'vitest';
import type { Phone } from '../../device/phone.ts';
import type { Key } from '../../hal/panel.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const [CALLER, CALLEE] = ['2001', '2002'];

/** Registered telephones 2001, 2002, ... */
function world(count = 2, options: TestWorldOptions = {}): TestWorld {
  const made = new TestWorld({ count, ...options });
  for (let index = 0; index < count; index++) made.powerOn(index);
  made.run(60);
  expect(made.all('registration.accepted')).toHaveLength(count);
  return made;
}

function press(made: TestWorld, index: number, ...keys: readonly Key[]): void {
  for (const key of keys) {
    made.phones[index]!.press(key);
    made.run(0.2);
  }
}

function dial(made: TestWorld, index: number, number: string): void {
  press(made, index, 'hookOff', ...([...number] as Key[]));
}

/** Presses the soft key that the screen shows by that name. */
function pressSoftKey(made: TestWorld, index: number, label: string): void {
  const place = made.phones[index]!.panel.softKeys.indexOf(label);
  expect(made.phones[index]!.panel.softKeys).toContain(label);
  press(made, index, `softKey${(place + 1) as 1 | 2 | 3 | 4}`);
}

function of(made: TestWorld, phone: Phone, type: string): Record<string, unknown>[] {
  return made.events
    .filter((event) => event.type === type && event.phone === phone.board.deviceName)
    .map(({ fields }) => fields);
}

const statesOf = (made: TestWorld, index: number): unknown[] => {
  const states = of(made, made.phones[index]!, 'call.state').map(({ state }) => state);
  return states.filter((state, k) => state !== states[k - 1]);
};

describe.each(['7960', '7975', '8945'])('two %s phones', (model) => {
  it('talk, and count what they heard', () => {
    const made = world(2, { model });
    dial(made, 0, CALLEE!);
    const [one, two] = made.phones;
    expect(two!.panel.text).toContain('From 2001');
    expect(two!.panel.leds.message).toBe('flash');
    expect(one!.panel.text).toContain('Ring Out');
    press(made, 1, 'hookOff');
    expect([one, two].map((phone) => phone!.panel.text.at(-1))).toEqual(['Connected', 'Connected']);
    made.run(10);
    press(made, 0, 'hookOn');
    made.run(1);

    expect(statesOf(made, 0)).toEqual(['off-hook', 'proceeding', 'ring-out', 'connected', 'ended']);
    expect(statesOf(made, 1)).toEqual(['ring-in', 'off-hook', 'connected', 'ended']);
    expect(of(made, one!, 'call.state').at(-1)).toMatchObject({ direction: 'out', from: CALLER, to: CALLEE });
    expect(of(made, two!, 'call.state').at(-1)).toMatchObject({ direction: 'in', from: CALLER, to: CALLEE });
    const [a, b] = [one!, two!].map((phone) => of(made, phone, 'media.stop')[0]!);
    // Ten seconds and a bit of 50 packets a second; what is under way when one side closes is not heard.
    expect(a!.packetsSent).toBeGreaterThan(500);
    expect(b!.packetsReceived).toBeGreaterThan(500);
    for (const [sent, heard] of [
      [a!, b!],
      [b!, a!],
    ]) {
      expect(Math.abs(Number(sent!.packetsSent) - Number(heard!.packetsReceived))).toBeLessThanOrEqual(2);
      expect(heard).toMatchObject({ codec: 'PCMU', lost: 0 });
      expect(heard!.jitter).toBeLessThan(1);
    }
    expect(of(made, one!, 'media.start')[0]).toMatchObject({ codec: 'PCMU', ptime: 20, dscp: 46 });
    expect([one, two].map((phone) => phone!.panel.text.at(-1))).toEqual([
      'Your current options',
      'Your current options',
    ]);
  });

  it('dial before the handset is lifted, and hang up at the far end', () => {
    const made = world(2, { model });
    press(made, 0, '2', '0', '0', '2');
    expect(made.phones[0]!.panel.text.at(-1)).toBe('2002');
    press(made, 0, 'speaker');
    expect(made.phones[0]!.panel.text.at(-1)).toBe('Ring Out');
    expect(made.phones[0]!.panel.leds.speaker).toBe('on');
    pressSoftKey(made, 1, 'Answer');
    made.run(2);
    pressSoftKey(made, 1, 'EndCall');
    made.run(1);
    for (const index of [0, 1]) expect(statesOf(made, index).at(-1)).toBe('ended');
    expect(made.phones[0]!.panel.leds.speaker).toBe('off');
  });

  it('hold and resume: the audio stops, and begins anew', () => {
    const made = world(2, { model });
    dial(made, 0, CALLEE!);
    press(made, 1, 'hookOff');
    made.run(2);
    pressSoftKey(made, 0, 'Hold');
    made.run(5);
    expect(made.all('media.stop')).toHaveLength(2);
    expect(made.phones[0]!.panel.softKeys).toContain('Resume');
    pressSoftKey(made, 0, 'Resume');
    made.run(2);
    expect(made.all('media.start')).toHaveLength(4);
    press(made, 0, 'hookOn');
    made.run(1);
    expect(statesOf(made, 0).slice(3)).toEqual(['connected', 'hold', 'connected', 'ended']);
    const [, resumed] = of(made, made.phones[1]!, 'media.stop');
    expect(resumed!.packetsReceived).toBeGreaterThan(95);
    expect(resumed!.packetsReceived).toBeLessThan(150);
  });
});

describe('a call', () => {
  it('to nobody gets reorder tone', () => {
    const made = world();
    dial(made, 0, '5999');
    expect(statesOf(made, 0)).toEqual(['off-hook', 'proceeding', 'reorder']);
    expect(made.phones[0]!.panel.text.at(-1)).toBe('Unknown Number');
    press(made, 0, 'hookOn');
    expect(statesOf(made, 0).at(-1)).toBe('ended');
    expect(made.all('media.start')).toEqual([]);
  });

  it('to a telephone with two calls is busy; the second call of that one waits until it is answered', () => {
    const made = world(4);
    dial(made, 0, '2002');
    press(made, 1, 'hookOff');
    dial(made, 2, '2002');
    expect(statesOf(made, 1).at(-1)).toBe('ring-in');
    dial(made, 3, '2002');
    expect(statesOf(made, 3).at(-1)).toBe('busy');
    pressSoftKey(made, 1, 'Answer');
    made.run(2);
    expect(statesOf(made, 2).at(-1)).toBe('connected');
    press(made, 1, 'hookOn');
    made.run(1);
    expect(statesOf(made, 2).at(-1)).toBe('ended');
    pressSoftKey(made, 0, 'EndCall');
    made.run(1);
    expect(statesOf(made, 1).at(-1)).toBe('ended');
  });

  it('is made again by Redial', () => {
    const made = world();
    dial(made, 0, '2002');
    press(made, 0, 'hookOn');
    expect(statesOf(made, 1).at(-1)).toBe('ended');
    pressSoftKey(made, 0, 'Redial');
    expect(statesOf(made, 1).at(-1)).toBe('ring-in');
  });

  it('is transferred: the two others talk on', () => {
    const made = world(3);
    dial(made, 0, '2002');
    press(made, 1, 'hookOff');
    made.run(1);
    pressSoftKey(made, 1, 'Transfer');
    press(made, 1, '2', '0', '0', '3');
    press(made, 2, 'hookOff');
    made.run(1);
    pressSoftKey(made, 1, 'Transfer');
    made.run(5);
    expect(statesOf(made, 1).at(-1)).toBe('ended');
    expect(statesOf(made, 0).at(-1)).toBe('connected');
    expect(of(made, made.phones[0]!, 'call.state').at(-1)).toMatchObject({ state: 'connected', to: '2003' });
    press(made, 0, 'hookOn');
    made.run(1);
    const heard = of(made, made.phones[2]!, 'media.stop').at(-1)!;
    expect(heard.packetsReceived).toBeGreaterThan(240);
    expect(heard.lost).toBe(0);
  });

  it('is answered by the phone itself where it is told to, and it hangs up after it', () => {
    const made = world(2, { tunables: { 'call.autoAnswer': 2 } });
    for (let k = 0; k < 2; k++) {
      dial(made, 0, '2002');
      made.run(1);
      expect(statesOf(made, 1).at(-1)).toBe('ring-in');
      made.run(2);
      expect(statesOf(made, 1).at(-1)).toBe('connected');
      press(made, 0, 'hookOn');
      made.run(1);
      expect(statesOf(made, 1).at(-1)).toBe('ended');
    }
  });

  it('is over when the line goes dead, and leaves nothing behind', () => {
    const made = world();
    dial(made, 0, '2002');
    press(made, 1, 'hookOff');
    made.run(2);
    made.phones[0]!.powerOff();
    made.run(200);
    expect(statesOf(made, 1).at(-1)).toBe('ended');
    expect(of(made, made.phones[1]!, 'media.stop')).toHaveLength(1);
  });

  it('keeps a reset waiting until it is over', () => {
    const made = world();
    dial(made, 0, '2002');
    press(made, 1, 'hookOff');
    const name = made.phones[0]!.board.deviceName;
    expect(made.lab.callManagers[0]!.reset(name, 'restart')).toBe(true);
    made.run(5);
    expect(made.all('reset.requested')).toEqual([]);
    press(made, 0, 'hookOn');
    made.run(5);
    expect(made.all('reset.requested')).toHaveLength(1);
  });
});
