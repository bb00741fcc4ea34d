/** What a call manager puts on a phone's face: the time, text, soft keys, lamps, the ringer. */
import { describe, expect, it } from 'vitest';
import type { Outgoing } from '../../firmware/wire/sccp/message.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NAME = 'SEP020000000000';

function registered(options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted');
  world.run(1);
  return world;
}

function say(world: TestWorld, ...messages: readonly Outgoing[]): void {
  for (const message of messages) expect(world.lab.callManagers[0]!.say(NAME, message)).toBe(true);
  world.run(1);
}

describe('the time', () => {
  it('comes in DefineTimeDate, local as it stands there, and goes on from minute to minute', () => {
    const epoch = Date.UTC(2026, 6, 1, 12);
    const world = registered({ lab: { callManager: { epoch, zoneMinutes: 330, dateTemplate: 'D/M/Y' } } });
    expect(world.screen()[0]).toBe('17:30 01/07/26  2001');
    world.run(60);
    expect(world.screen()[0]).toBe('17:31 01/07/26  2001');
  });

  it('is set anew by every DefineTimeDate', () => {
    const world = registered();
    const systemTime = Date.UTC(2030, 0, 2, 3, 4) / 1000;
    const date = { year: 2030, month: 1, dayOfWeek: 3, day: 2, hour: 3, minute: 4, second: 0, milliseconds: 0 };
    say(world, { type: 'DefineTimeDate', ...date, systemTime });
    expect(world.screen()[0]).toBe('03:04 01/02/30  2001');
  });

  it("comes in the Date of the 200 over SIP, in UTC: the zone is the configuration's", () => {
    const epoch = Date.UTC(2026, 0, 1, 12);
    const world = registered({ model: '8861', protocol: 'sip', lab: { sipCallManager: { epoch } } });
    expect(world.screen()[0]).toBe('13:00 01/01/26  2001');
  });
});

describe('text', () => {
  it('a prompt stands above the soft keys until it is cleared', () => {
    const world = registered();
    say(world, { type: 'DisplayPromptStatusDynamic', text: 'Enter number' });
    expect(world.screen().at(-1)).toBe('Enter number');
    say(world, { type: 'ClearPromptStatus' });
    expect(world.screen()).not.toContain('Enter number');
  });

  it('a notification lies over the prompt for as long as it says', () => {
    const world = registered();
    say(world, { type: 'DisplayPriNotifyDynamic', timeout: 10, priority: 5, text: 'Call parked' });
    expect(world.screen().at(-1)).toBe('Call parked');
    world.run(10);
    expect(world.screen().at(-1)).toBe('Your current options');
  });
});

describe('soft keys', () => {
  it('are those of the set that is selected, without those that the mask leaves out', () => {
    const world = registered();
    expect(world.phone.panel.softKeys).toEqual(['Redial', 'NewCall', 'CFwdAll']);
    say(world, { type: 'SelectSoftKeys', softKeySetIndex: 0, validKeyMask: 0b101 });
    expect(world.phone.panel.softKeys).toEqual(['Redial', 'CFwdAll']);
  });
});

describe('lamps', () => {
  it('of line keys shine, wink, flash and blink as they are told', () => {
    const world = registered();
    const line = (instance: number, mode: number): Outgoing => ({ type: 'SetLamp', stimulus: 9, instance, mode });
    say(world, line(1, 5));
    expect(world.phone.panel.lineLamps).toEqual(['blink']);
    say(world, line(3, 2), line(1, 3));
    expect(world.phone.panel.lineLamps).toEqual(['wink', 'off', 'on']);
    expect(world.all('panel').at(-1)?.lineLamps).toEqual(['wink', 'off', 'on']);
    say(world, line(1, 1), line(3, 1));
    expect(world.phone.panel.lineLamps).toBeUndefined();
  });

  it('the one in the handset says that a message waits', () => {
    const world = registered();
    say(world, { type: 'SetLamp', stimulus: 15, instance: 0, mode: 2 });
    expect(world.phone.panel.leds.message).toBe('on');
    say(world, { type: 'SetLamp', stimulus: 15, instance: 0, mode: 1 });
    expect(world.phone.panel.leds.message).toBe('off');
  });

  it('are dark again when the registration is lost', () => {
    const world = registered({ lab: { callManagers: 1 } });
    say(world, { type: 'SetLamp', stimulus: 9, instance: 1, mode: 2 });
    world.lab.stopNode(1, 'fin');
    world.runUntil('registration.lost');
    world.run(1);
    expect(world.phone.panel.lineLamps).toBeUndefined();
  });
});

describe('the ringer', () => {
  it('flashes the lamp in the handset while it rings', () => {
    const world = registered();
    say(world, { type: 'SetRinger', mode: 2 });
    expect(world.phone.panel.leds.message).toBe('flash');
    say(world, { type: 'SetRinger', mode: 1 });
    expect(world.phone.panel.leds.message).toBe('off');
  });

  it('leaves the loudspeaker to SetSpeakerMode', () => {
    const world = registered();
    say(world, { type: 'SetSpeakerMode', mode: 1 });
    expect(world.phone.panel.leds.speaker).toBe('on');
    say(world, { type: 'SetSpeakerMode', mode: 2 });
    expect(world.phone.panel.leds.speaker).toBe('off');
  });
});
