/**
 * The primary call manager dies at each message of the registration in turn: wherever that is, the phone ends registered with the second, says there
 * what it was that it lost, and goes back when the primary is there again.
 */
import { describe, expect, it } from 'vitest';
import { OUT_OF_SERVICE } from '../../firmware/wire/sccp/alarm.ts';
import { type Signal, signallingWorld } from '../support/signalling-world.ts';
import type { TestWorld } from '../support/test-world.ts';

const FIRST = '10.100.0.11';
const SECOND_NODE = '10.100.0.12';
const DEATHS = ['fin', 'rst', 'vanished', 'silent'] as const;
type Protocol = 'sccp' | 'sip';

interface Victim {
  readonly world: TestWorld;
  readonly signals: Signal[];
}

function start(protocol: Protocol): Victim {
  const victim = signallingWorld({ model: protocol === 'sip' ? '8861' : '7975', protocol });
  victim.world.powerOn(0);
  return victim;
}

/** Messages between the phone and the primary until five seconds after the phone is registered. */
function messagesOf(protocol: Protocol): number {
  const { world, signals } = start(protocol);
  world.runUntil('registration.accepted');
  world.run(5);
  return signals.filter(({ host }) => host === FIRST).length;
}

/** Runs until so many messages have passed between the phone and the primary; 0 is before there is a connection. */
function runToMessage({ world, signals }: Victim, count: number): void {
  world.runUntil('stage.enter');
  const passed = () => signals.filter(({ host }) => host === FIRST).length;
  const inStage = () => world.all('stage.enter').at(-1)?.stage === 'call-manager';
  while (!inStage() || passed() < count) world.timeline.step();
}

/** What tells no more than that the phone is there, on a connection that is no registration: keepalives, and the question for leave to come back. */
function isStandby(octets: Uint8Array): boolean {
  const text = String.fromCharCode(...octets.subarray(0, 2000));
  if (text.startsWith('REGISTER') || text.startsWith('REFER')) return /cisco-keep-alive|token-registration/.test(text);
  if (text.startsWith('SIP/2.0')) return true;
  const id = new DataView(octets.buffer, octets.byteOffset, octets.length).getUint32(8, true);
  return id === 0 || id === 0x29;
}

/** Whom the phone registers with, one after the other. */
function registrationsIn(signals: readonly Signal[]): string[] {
  const hosts = signals
    .filter(({ direction, octets }) => direction === 'out' && !isStandby(octets))
    .map(({ host }) => host);
  return hosts.filter((host, index) => host !== hosts[index - 1]);
}

/** The number and text with which the phone tells the second call manager why it comes, and the first why it is back. */
function reasons(signals: readonly Signal[], host: string): string[] {
  const text = signals
    .filter((signal) => signal.direction === 'out' && signal.host === host)
    .map(({ octets }) => String.fromCharCode(...octets))
    .join('');
  const sccp = [...text.matchAll(/(\d+): Name=SEP\w+ Load=[^\0]* Last=([\w-]+)/g)].map(
    (found) => `${found[1]} ${found[2]}`,
  );
  const sip = [...text.matchAll(/cisco-alarm:(\d+) Name=SEP\w+ .*?Last=([\w-]+)/g)].map(
    (found) => `${found[1]} ${found[2]}`,
  );
  return [...sccp, ...sip].map((reason) => reason.toLowerCase());
}

function reasonText(name: keyof typeof OUT_OF_SERVICE): string {
  return OUT_OF_SERVICE[name].join(' ').toLowerCase();
}

/** What the phone may say after such a death, by whether it had said anything to the primary at all. */
function expectedReasons(death: (typeof DEATHS)[number], hadBegun: boolean): string[] {
  if (!hadBegun && death !== 'silent') return [reasonText('initialized')];
  switch (death) {
    case 'fin':
      // What was on its way to a program that has gone is answered with a reset.
      return [reasonText('cm-closed-tcp'), reasonText('cm-reset-tcp')];
    case 'rst':
      return [reasonText('cm-reset-tcp')];
    case 'vanished':
      return [reasonText('tcp-timeout')];
    case 'silent':
      return [reasonText('registration-timeout'), reasonText('keepalive-timeout')];
  }
}

describe.each(['sccp', 'sip'] as const)('with %s, the primary dies', (protocol) => {
  const count = messagesOf(protocol);

  it(`at one of ${count} messages`, () => {
    expect(count).toBeGreaterThan(protocol === 'sccp' ? 15 : 2);
  });

  const cases = Array.from({ length: count + 1 }, (_, message) =>
    // A short dialogue is killed in every way at every message, a long one in one way after the other.
    (protocol === 'sip' ? DEATHS : [DEATHS[message % DEATHS.length]!]).map((death) => ({ message, death })),
  ).flat();

  it.each(cases)('at message $message by $death', ({ message, death }) => {
    const victim = start(protocol);
    const { world, signals } = victim;
    runToMessage(victim, message);
    const manager = protocol === 'sip' ? world.lab.sipCallManagers[0]! : world.lab.callManagers[0]!;
    const { cable } = world.lab.machine('cm1');
    if (death === 'vanished') cable.unplug();
    else manager.stop(death);

    while (world.all('registration.accepted').at(-1)?.host !== SECOND_NODE)
      world.runUntil('registration.accepted', 200);
    world.run(2);
    expect(registrationsIn(signals).at(-1)).toBe(SECOND_NODE);
    expect(expectedReasons(death, message > 0)).toContain(reasons(signals, SECOND_NODE)[0]);

    if (death === 'vanished') cable.plug();
    else manager.start();
    expect(world.runUntil('registration.accepted', 300).host).toBe(FIRST);
    world.run(30);
    expect(reasons(signals, FIRST).at(-1)).toBe(reasonText('failback'));
    expect(manager.isRegistered(world.phone.board.deviceName)).toBe(true);
    // Never two registrations at once: whom it speaks to changes twice.
    expect(registrationsIn(signals).slice(-3)).toEqual([
      ...(message > 0 || death === 'silent' ? [FIRST] : []),
      SECOND_NODE,
      FIRST,
    ]);
  });
});
