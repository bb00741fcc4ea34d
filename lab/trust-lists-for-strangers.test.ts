/** Rule 7 of a lab on a real wire: phones that are not Sepia's are given no trust lists unless that is asked for. */
import { describe, expect, it } from 'vitest';
import { isMalformed } from '../firmware/malformed.ts';
import * as tftp from '../firmware/wire/tftp.ts';
import { SECOND } from '../hal/timer.ts';
import { createCable } from '../hal/virtual/cable.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { LabHost } from './lab-host.ts';
import { networkOf } from './networks.ts';
import { createLabPki } from './pki/lab-pki.ts';
import { RealWireLab, type RealWireOptions } from './real-wire.ts';

const OURS = 0x02005e000001;
const REAL = 0x001122334455;
const NOW = Date.UTC(2026, 10, 22);
const pki = createLabPki({ host: 'cm1', keyKind: 'rsa-1024', now: NOW / 1_000 });

/** What a station on the wire gets from TFTP: `file`, or `none`. */
function served(mac: number, name: string, options: Partial<RealWireOptions> = {}): 'file' | 'none' {
  const timeline = new VirtualTimeline();
  const cable = createCable(timeline);
  const security = { security: 'encrypted', pki, callManager: { epoch: NOW } } as const;
  const real = new RealWireLab({
    timeline,
    wire: cable.a,
    macRanges: [],
    serveAny: true,
    voiceVlan: 'none',
    outcome: () => {},
    ...security,
    ...options,
  });
  real.start();
  timeline.runUntil(10 * SECOND);
  const network = networkOf(1);
  const address = network.base + 0xfe01;
  const rng = new SeededRng(1);
  const station = new LabHost({ timeline, rng, wire: cable.b, mac, address, prefixLength: network.prefixLength });
  const heard: string[] = [];
  const socket = station.udp(0, (_now, payload) => {
    const message = tftp.parse(payload);
    heard.push(isMalformed(message) ? 'malformed' : message.kind);
  })!;
  const request = { kind: 'RRQ', filename: name, mode: 'octet', options: [] } as const;
  const octets = new Uint8Array(tftp.lengthOf(request));
  tftp.emit(request, octets);
  const { address: server } = real.lab.machine('tftp1').host;
  socket.send(timeline.now(), { address: server, port: tftp.SERVER_PORT }, octets);
  timeline.runUntil(11 * SECOND);
  expect(heard.length, 'an answer').toBeGreaterThan(0);
  return heard[0] === 'DATA' ? 'file' : 'none';
}

const device = (mac: number): string => `SEP${mac.toString(16).toUpperCase().padStart(12, '0')}`;

describe('a secure lab on a real wire', () => {
  it.each(['CTL', 'ITL'])('gives %s files to phones of Sepia and to no other', (list) => {
    expect(served(OURS, `${list}${device(OURS)}.tlv`)).toBe('file');
    expect(served(REAL, `${list}${device(REAL)}.tlv`)).toBe('none');
  });

  it('gives the lists that have one name for all to nobody whom it does not know', () => {
    expect(served(REAL, 'ITLFile.tlv')).toBe('none');
    expect(served(REAL, 'CTLFile.tlv')).toBe('none');
  });

  it('gives them to everybody with --serve-trust-to-real-phones', () => {
    const all = { trustedStations: () => true };
    expect(served(REAL, `CTL${device(REAL)}.tlv`, all)).toBe('file');
    expect(served(REAL, `ITL${device(REAL)}.tlv`, all)).toBe('file');
  });
});
