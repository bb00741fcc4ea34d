/** Two boots side by side, and what a capture says about the tunables. */
import { describe, expect, it } from 'vitest';
import { modelNamed } from '../../device/models.ts';
import { Calibration, calibrationText } from '../../explain/calibration.ts';
import { compareBoots } from '../../explain/compare.ts';
import { explainCapture } from '../../explain/explain-capture.ts';
import { memorySource } from '../../explain/octet-source.ts';
import type { SeenMessage } from '../../explain/story.ts';
import { capturedWorld } from '../support/captured-world.ts';
import type { TestWorldOptions } from '../support/test-world.ts';

/** A phone that is up for ten minutes. */
function captureOf(options: TestWorldOptions = {}, seconds = 600): Uint8Array {
  const { world, capture } = capturedWorld(options);
  world.powerOn(0);
  world.run(seconds);
  return capture();
}

function messagesOf(capture: Uint8Array): SeenMessage[] {
  const messages: SeenMessage[] = [];
  explainCapture(() => memorySource(capture), {
    event: () => {},
    message: (_phone, message) => messages.push(message),
  });
  return messages;
}

function calibrationOf(capture: Uint8Array, model: string): Calibration {
  const calibration = new Calibration(modelNamed(model)!);
  explainCapture(() => memorySource(capture), {
    event: (event) => calibration.hear(event),
    message: () => {},
    packet: (_phone, packet, fromPhone) => {
      if (fromPhone) calibration.take(packet);
    },
  });
  return calibration;
}

describe('--calibrate', () => {
  it.each(['7975', '7960', '8861'])('of our own %s gives back what it was made of', (model) => {
    const protocol = model === '8861' ? 'sip' : 'sccp';
    const calibration = calibrationOf(captureOf({ model, protocol }), model);
    const values = calibration.calibrated();
    expect(values.filter(({ isDefault }) => !isDefault)).toEqual([]);
    expect(values.map(({ name }) => name)).toContain('cdp.interval');
    expect(values.map(({ name }) => name)).toContain('dhcp.probeInterval');
    for (const { model: ours, seen } of calibration.observed()) if (ours !== null) expect(seen).toBe(ours);
  });

  it('finds the values of a phone that does otherwise', () => {
    const tunables = {
      'cdp.interval': 30,
      'cdp.ttl': 90,
      'lldp.interval': 20,
      'lldp.chassisId': 'mac',
      'dhcp.broadcastFlag': 'yes',
      'dhcp.maximumMessageSize': 1200,
      'dhcp.probeCount': 2,
      'dhcp.probeInterval': 0.5,
      'file.transport': 'http-first',
      'http.fallbackWait': 1.5,
      'tftp.blockSize': 1024,
    } as const;
    const values = calibrationOf(captureOf({ tunables }), '7975').calibrated();
    const found = Object.fromEntries(
      values.filter(({ isDefault }) => !isDefault).map(({ name, value }) => [name, value]),
    );
    expect(found).toEqual(tunables);
  });

  it('reads the first retry off a server that says nothing', () => {
    const { world, capture } = capturedWorld({ tunables: { 'tftp.firstRetry': 1.25 } });
    world.lab.tftp[0]!.stop();
    world.powerOn(0);
    world.run(30);
    const values = calibrationOf(capture(), '7975').calibrated();
    expect(values).toContainEqual({ name: 'tftp.firstRetry', value: 1.25, isDefault: false });
  });

  it('tells nobody whose phone it was', () => {
    const { world, capture } = capturedWorld();
    world.powerOn(0);
    world.run(60);
    const calibration = calibrationOf(capture(), '7975');
    const text = calibrationText(calibration.calibrated(), calibration.observed(), '7975');
    expect(text).toContain('CTLSEP<MAC>.tlv');
    expect(text).not.toMatch(/SEP[0-9A-F]{12}|\d+\.\d+\.\d+\.\d+|02:00/);
  });
});

describe('--against', () => {
  it('a boot and itself differ in nothing', () => {
    const messages = messagesOf(captureOf({}, 60));
    expect(messages.length).toBeGreaterThan(30);
    expect(compareBoots(messages, messages)).toEqual([]);
  });

  it('another phone in another network with the same habits differs in nothing', () => {
    const here = messagesOf(captureOf({ seed: 5 }, 60));
    const { world, capture } = capturedWorld({ seed: 6, count: 2, lab: { voiceVlan: 200 } });
    world.powerOn(1);
    world.run(60);
    const labels = compareBoots(here, messagesOf(capture())).flatMap((difference) =>
      'here' in difference ? [difference.here.label] : [difference.there.label],
    );
    expect(labels.filter((label) => /DHCP|TFTP RRQ|SCCP Register/.test(label))).toEqual([]);
  });

  it('a message that is missing, and one that says something else', () => {
    const here = messagesOf(captureOf({}, 60));
    const there = messagesOf(captureOf({ tunables: { 'dhcp.maximumMessageSize': 1200 }, model: '7960' }, 60));
    const differences = compareBoots(here, there);
    const of = (label: string) =>
      differences.find((difference) => ('here' in difference ? difference.here : difference.there).label === label);
    expect(of('TFTP RRQ ITLFile.tlv')).toMatchObject({ kind: 'only-here' });
    expect(of('DHCP DISCOVER')).toMatchObject({
      here: { text: expect.stringContaining('maximumMessageSize 1500') as string },
      there: { text: expect.stringContaining('maximumMessageSize 1200') as string },
    });
    expect(of('SCCP RegisterReq')).toMatchObject({ kind: 'differs' });
  });
});
