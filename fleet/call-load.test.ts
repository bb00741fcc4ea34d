import { describe, expect, it } from 'vitest';
import { autoMac } from '../device/identity.ts';
import { modelNamed } from '../device/models.ts';
import { SECOND } from '../hal/timer.ts';
import { tunableValues } from '../hal/tunables.ts';
import { builtImages } from '../test/support/built-images.ts';
import { CallLoad } from './call-load.ts';
import { CallMeasurements } from './call-measurements.ts';
import { VirtualWorld } from './virtual-world.ts';

/** Six phones, of which pairs call each other for `seconds`. */
function figuresOf(
  name: string,
  protocol: 'sccp' | 'sip',
  seconds: number,
  { rate = 1, answer = 1, unplugged = [] as number[], community = true } = {},
) {
  const model = modelNamed(name)!;
  const measurements = new CallMeasurements();
  const load: { calls: CallLoad | null } = { calls: null };
  const world = new VirtualWorld({
    seed: 1,
    phones: Array.from({ length: 6 }, (_, index) => ({ model, mac: autoMac(0, 0, 0) + index, protocol })),
    tunables: tunableValues({ 'call.autoAnswer': answer }),
    realistic: false,
    powerSource: 'poe',
    epoch: Date.UTC(2026, 10, 22),
    images: builtImages(),
    sinks: { trace: (phone, _at, type, fields) => load.calls?.hear(phone.board.deviceName, type, fields) },
    lab: { protected: community ? 'pairs' : true },
  });
  const { timeline, phones } = world;
  const report = measurements.hear.bind(measurements);
  load.calls = new CallLoad({ timeline, phones, firstNumber: 2001, rate, talk: 10 * SECOND, report });
  for (const index of phones.keys()) if (!unplugged.includes(index)) world.powerOn(index);
  timeline.runUntil(seconds * SECOND);
  return measurements.figures();
}

describe('a load of calls', () => {
  it.each([
    ['7975', 'sccp'],
    ['8861', 'sip'],
  ] as const)('%s over %s: accounts for every call, and for its sound', (name, protocol) => {
    const calls = figuresOf(name, protocol, 120, { rate: 0.2 });
    expect(calls.attempted).toBeGreaterThanOrEqual(22);
    expect(calls.answered + calls.underWay).toBe(calls.attempted);
    expect(calls).toMatchObject({ failed: {}, notOffered: 0, rate: 0.2 });
    expect(calls.toRinging.count).toBe(calls.answered);
    expect(calls.toRinging.max).toBeLessThan(0.1);
    expect(calls.toConnected.p50).toBeGreaterThan(1);
    expect(calls.toConnected.max).toBeLessThan(1.2);
    const { media } = calls;
    // A call whose streams are over may have its last second to go.
    expect(media.streams).toBeGreaterThanOrEqual(2 * calls.answered);
    expect(media.streams).toBeLessThanOrEqual(2 * calls.attempted);
    expect(media).toMatchObject({ lost: 0, unheard: 0 });
    // Ten seconds at fifty packets each, each way.
    expect(media.packetsSent / media.streams).toBeGreaterThan(495);
    expect(media.packetsSent / media.streams).toBeLessThan(560);
    expect(media.packetsReceived).toBeGreaterThan(0.99 * media.packetsSent);
  });

  it('says how many calls were due when no pair was free', () => {
    const calls = figuresOf('7975', 'sccp', 60, { rate: 2 });
    expect(calls.notOffered).toBeGreaterThan(60);
    expect(calls.attempted + calls.notOffered).toBeGreaterThan(115);
    expect(calls.failed).toEqual({});
  });

  it('leaves out pairs that are not registered, and tells of calls that nobody answers', () => {
    const calls = figuresOf('7975', 'sccp', 200, { rate: 0.1, answer: 0, unplugged: [1] });
    expect(calls.answered).toBe(0);
    expect(calls.failed).toEqual({ 'no-answer': calls.attempted - calls.underWay });
    expect(calls.failed['no-answer']).toBeGreaterThan(2);
    expect(calls.toConnected.count).toBe(0);
  });

  it('hears nothing where the phones cannot reach each other, and says so', () => {
    const { media, answered } = figuresOf('7975', 'sccp', 60, { rate: 0.1, community: false });
    expect(answered).toBeGreaterThan(0);
    expect(media.unheard).toBe(media.streams);
  });
});
