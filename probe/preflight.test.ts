import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { autoMac, deviceName, serialNumber } from '../device/identity.ts';
import { modelNamed } from '../device/models.ts';
import { isMalformed } from '../firmware/malformed.ts';
import * as arp from '../firmware/wire/arp.ts';
import * as ethernet from '../firmware/wire/ethernet.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { SECOND } from '../hal/timer.ts';
import { createCable } from '../hal/virtual/cable.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { tap } from '../hal/virtual/tap.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { createLab } from '../lab/lab.ts';
import type { LabOptions } from '../lab/lab-options.ts';
import { describeFrame } from '../test/support/describe-frame.ts';
import { fuzzRuns } from '../test/support/fuzz-runs.ts';
import type { Finding } from './finding.ts';
import { Preflight, type PreflightOptions } from './preflight.ts';
import { GreetingReader } from './tls-greeting.ts';

const MAC = autoMac(4, 255, 1);
const SQUATTER = 0x0200_0000_0099;
const EPOCH = Date.UTC(2026, 10, 22, 8) / 1000;

/** A preflight at a port of the lab's switch, or at another wire. */
function world(
  lab: Partial<LabOptions> = {},
  { timeline = new VirtualTimeline(), ...options }: Partial<PreflightOptions> & { timeline?: VirtualTimeline } = {},
) {
  const site = createLab({ timeline, ...lab });
  const sent: string[] = [];
  const findings: Finding[] = [];
  const ends: string[] = [];
  const read: string[] = [];
  const wire: WireEnd = tap(options.wire ?? site.port(1), timeline, ({ direction, bytes }) => {
    if (direction === 'out') sent.push(describeFrame(bytes));
  });
  const secure = new HostSecureElement({
    timeline,
    bootKeys: [],
    complete: (operation, result) => preflight.complete(operation, result),
  });
  const preflight = new Preflight({
    timeline,
    rng: new SeededRng('preflight'),
    board: {
      model: modelNamed('7975')!,
      mac: MAC,
      serial: serialNumber(MAC),
      hardwareRevision: '1',
      deviceName: deviceName(MAC),
    },
    secure: { tls: secure.tls, certificate: (der) => secure.certificate(der) },
    vlan: null,
    address: null,
    tftp: [],
    borrows: true,
    listen: 2 * SECOND,
    epochSeconds: EPOCH,
    found: (finding) => findings.push(finding),
    over: (why) => ends.push(why),
    read: (name, octets) => {
      read.push(name);
      return { text: `${octets.length > 0}`, problem: null, facts: {} };
    },
    ...options,
    wire,
  });
  const run = async (seconds = 120): Promise<void> => {
    preflight.start();
    const until = timeline.now() + seconds * SECOND;
    while (!timeline.runUntil(until)) await new Promise<void>((released) => timeline.onRelease(released));
  };
  const finding = (check: string): Finding => findings.find((each) => each.check === check)!;
  return { site, preflight, sent, findings, ends, read, run, finding };
}

/** Somebody at the other end of a bare cable. */
function bareCable(timeline: VirtualTimeline) {
  const cable = createCable(timeline);
  cable.b.attach({ frame: () => {}, link: () => {} });
  return cable;
}

const TAGGED = '[100/';

describe('doctor --network', () => {
  it('looks at a whole secure site with less than 60 frames, and takes nothing', async () => {
    const { run, findings, finding, sent, preflight, read, ends } = world({ security: 'encrypted' });
    await run();
    expect(ends).toEqual(['done']);
    expect(preflight.sent).toBe(sent.length);
    expect(sent.length).toBeLessThan(60);
    expect(sent.at(-1)).toBe('LLDP');
    expect(read).toEqual(['XMLDefault.cnf.xml', 'CTLFile.tlv', 'ITLFile.tlv']);
    expect(findings.filter(({ state }) => state !== 'ok').map(({ check }) => check)).toEqual([]);
    expect(finding('neighbor').found).toBe(
      'lab-switch GigabitEthernet1/0/1 by CDP and LLDP, native VLAN 1, voice VLAN 100 by CDP, 100 by LLDP-MED',
    );
    expect(finding('dhcp vlan 100').facts).toMatchObject({ option150: ['10.100.0.3'], routers: ['10.100.0.1'] });
    expect(finding('tls 2443').facts).toMatchObject({ state: 'open', version: '1.2' });
    expect(finding('tls 2445').found).toContain('CN=Sepia Lab TVS');
    // DISCOVER, once in each network, and no REQUEST.
    expect(sent.filter((line) => line.includes('UDP 68 > 67'))).toHaveLength(2);
  });

  it('asks in the VLAN that it was told where the switch names none', async () => {
    const { run, finding, sent } = world({ ports: { cdp: false, lldp: false } }, { vlan: 100 });
    await run();
    expect(finding('neighbor')).toMatchObject({ state: 'limited', found: 'nobody speaks CDP or LLDP here' });
    expect(finding('dhcp vlan 100').found).toContain('from 10.100.0.1');
    expect(sent.some((line) => line.startsWith(`${TAGGED}0] TCP`))).toBe(true);
  });

  it('says that nobody is there, and keeps silent about what needs an address', async () => {
    const timeline = new VirtualTimeline();
    const { run, findings, sent } = world({}, { wire: bareCable(timeline).a, timeline });
    await run();
    expect(findings.map(({ check, state }) => `${check} ${state}`)).toEqual([
      'link ok',
      'neighbor limited',
      'power ok',
      'dhcp untagged missing',
      'address limited',
    ]);
    expect(sent.some((line) => line.includes('ARP') || line.includes('TCP'))).toBe(false);
  });

  it('finds the cable unplugged', async () => {
    const timeline = new VirtualTimeline();
    const cable = createCable(timeline);
    cable.b.phy?.(false);
    const { run, findings, sent, ends } = world({}, { wire: cable.a, timeline });
    await run();
    expect(findings).toMatchObject([{ check: 'link', state: 'missing', found: 'no carrier' }]);
    expect([sent, ends]).toEqual([[], ['done']]);
  });

  it('leaves alone what needs an address, without one of its own and without borrowing', async () => {
    const { run, findings, sent } = world({}, { borrows: false });
    await run();
    expect(findings.at(-1)).toMatchObject({ check: 'address', found: expect.stringContaining('--no-borrow') });
    expect(sent.some((line) => line.includes('ARP'))).toBe(false);
  });

  it('uses an address of the operator, and the servers named with it', async () => {
    const address = { address: 0x0a64_c8fe, prefixLength: 16, router: 0x0a64_0001 };
    const { run, finding, sent } = world({}, { address, tftp: [0x0a64_0003] });
    await run();
    expect(finding('address').found).toBe('10.100.200.254/16, as written; nobody answers for it');
    expect(finding('tftp server').found).toBe('10.100.0.3, from --tftp');
    expect(sent.some((line) => line.includes('tell 10.100.200.254'))).toBe(true);
  });

  it('does not touch an offered address that somebody has', async () => {
    const lab = world();
    const squatter = lab.site.port(2);
    squatter.attach({
      link: () => {},
      frame: (bytes, length) => {
        const frame = ethernet.parse(bytes, 0, length);
        if (isMalformed(frame) || frame.lengthOrType !== ethernet.ETHERTYPE.arp) return;
        const probe = arp.parse(bytes, frame.payloadOffset, frame.payloadLength);
        if (isMalformed(probe) || probe.senderProtocol !== 0) return;
        const reply = new Uint8Array(60);
        const tci = ethernet.tciOf(0, 100);
        const offset = ethernet.emitHeader(probe.senderHardware, SQUATTER, tci, ethernet.ETHERTYPE.arp, reply, 0);
        const packet = { senderHardware: SQUATTER, senderProtocol: probe.targetProtocol };
        const target = { targetHardware: probe.senderHardware, targetProtocol: 0 };
        arp.emit({ operation: arp.OPERATION.reply, ...packet, ...target }, reply, offset);
        squatter.transmit(reply, reply.length);
      },
    });
    await lab.run();
    expect(lab.findings.at(-1)).toMatchObject({
      check: 'address',
      state: 'missing',
      found: expect.stringContaining('is in use by 02:00:00:00:00:99'),
    });
    expect(lab.sent.some((line) => line.includes('TCP') || line.includes('who-has'))).toBe(false);
  });

  it.each([
    ['while it listens', 1, 0],
    ['later', 4.5, 4],
  ])('is silent at once when it hears its own MAC address %s', async (_when, seconds, most) => {
    const timeline = new VirtualTimeline();
    const cable = bareCable(timeline);
    const { run, sent, ends } = world({}, { wire: cable.a, timeline });
    const frame = new Uint8Array(60);
    ethernet.emitHeader(0xffff_ffff_ffff, MAC, null, ethernet.ETHERTYPE.arp, frame, 0);
    timeline.createAlarm(() => cable.b.transmit(frame, frame.length)).arm(seconds * SECOND);
    let before = 0;
    timeline.createAlarm(() => (before = sent.length)).arm(seconds * SECOND);
    await run();
    expect(ends).toEqual(['own-mac']);
    expect(sent.length).toBe(before);
    expect(sent.length).toBeLessThanOrEqual(most);
    expect(sent.length > 0).toBe(most > 0);
  });
});

describe('what a TLS server says openly', () => {
  const certificate = Uint8Array.of(0x30, 0x03, 1, 2, 3);
  const hello = [2, 0, 0, 38, 3, 3, ...new Array(32).fill(7), 0, 0xc0, 0x30, 0];
  const list = [11, 0, 0, 11, 0, 0, 8, 0, 0, 5, ...certificate];
  const record = (...body: number[]) => [22, 3, 3, 0, body.length, ...body];

  it.each([
    ['in one record', [record(...hello, ...list)]],
    ['in two', [record(...hello), record(...list)]],
    ['a message over two records', [record(...hello, ...list.slice(0, 6)), record(...list.slice(6))]],
  ])('version and certificate, %s, however it is cut', (_how, records) => {
    const octets = Uint8Array.from(records.flat());
    fc.assert(
      fc.property(fc.array(fc.nat(octets.length)), (cuts) => {
        const reader = new GreetingReader();
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), octets.length]) {
          reader.feed(octets.subarray(from, to));
          from = to;
        }
        expect(reader.greeting).toEqual({ version: '1.2', certificate });
      }),
    );
  });

  it('TLS 1.3 by the extension, and nothing of what it encrypts', () => {
    const extensions = [0, 6, 0, 43, 0, 2, 3, 4];
    const reader = new GreetingReader();
    reader.feed(Uint8Array.from(record(2, 0, 0, 46, ...hello.slice(4), ...extensions)));
    reader.feed(Uint8Array.from(record(...list)));
    expect(reader.greeting).toEqual({ version: '1.3', certificate: null });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 })), (pieces) => {
        const reader = new GreetingReader();
        for (const piece of pieces) reader.feed(piece);
        for (const piece of pieces) reader.feed(Uint8Array.from([22, 3, 3, 0, Math.min(200, piece.length), ...piece]));
        expect(reader.greeting.certificate === null || reader.greeting.certificate.length > 0).toBe(true);
      }),
      { numRuns: fuzzRuns(0.1) },
    );
  });
});
