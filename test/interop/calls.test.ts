/** A call of the demo, over SCCP and over SIP, as tshark reads it from the caller's cable. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../images/public.ts';
import { complaints, readCapture } from './support/tshark.ts';

const SECONDS = 120;
const PACKET = 160;

describe.each([
  ['sccp', '7960'],
  ['sccp', '7975'],
  ['sccp', '8945'],
  ['sip', '7975'],
])('a call over %s of %s phones', (protocol, model) => {
  const folder = mkdtempSync(join(tmpdir(), 'sepia-call-'));
  const [capture, caller] = [join(folder, 'both.pcapng'), join(folder, 'caller.pcapng')];
  let events: Record<string, unknown>[] = [];

  beforeAll(() => {
    const options = ['--phones', '2', '--call', '--exit-when', 'registered', '--set', 'media.source=tone'];
    const kind = ['--model', model, '--protocol', protocol, '--seed', '7', '--json', '--quiet'];
    const program = join(projectRoot(), 'bin', 'sepia.js');
    const text = execFileSync(process.execPath, [program, 'demo', ...options, ...kind, '--pcap', capture], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    // Both cables are in the file; a packet of audio passes either.
    execFileSync('tshark', ['-r', capture, '-Y', 'frame.interface_id == 0', '-w', caller], { stdio: 'ignore' });
  }, SECONDS * 1000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has two streams of audio without a gap', async () => {
    const [sent, heard] = events.filter(({ type }) => type === 'media.stop');
    const ports = events.filter(({ type }) => type === 'media.start').map(({ local }) => String(local).split(':')[1]);
    const fields = ['udp.srcport', 'rtp.seq', 'rtp.timestamp', 'rtp.p_type', 'rtp.marker', 'rtp.ssrc', 'udp.length'];
    const decode = ports.map((port) => `udp.srcport == ${port}`).join(' || ');
    const packets = await readCapture(caller, `rtp && (${decode})`, [...fields, 'ip.dsfield.dscp', 'vlan.priority']);
    for (const port of ports) {
      const stream = packets.filter(([source]) => source === port);
      expect(stream.length).toBeGreaterThan(240);
      const [first] = stream;
      for (const [k, [, sequence, timestamp, type, marker, ssrc, length, dscp, priority]] of stream.entries()) {
        expect(Number(sequence)).toBe((Number(first![1]) + k) & 0xffff);
        expect(Number(timestamp)).toBe((Number(first![2]) + PACKET * k) >>> 0);
        expect([type, ssrc, length, dscp, priority]).toEqual(['0', first![5], String(PACKET + 20), '46', '5']);
        expect(['1', 'True'].includes(marker!)).toBe(k === 0);
      }
    }
    expect([sent!.lost, heard!.lost]).toEqual([0, 0]);
  });

  it('is one that tshark loses nothing of', () => {
    const text = execFileSync('tshark', ['-r', caller, '-q', '-z', 'rtp,streams'], { encoding: 'utf8' });
    const streams = text.split('\n').filter((line) => line.includes('g711U'));
    expect(streams).toHaveLength(2);
    for (const line of streams) expect(line).toContain(' 0 (0.0%)');
  });

  it('is dissected with nothing malformed, from registration to the end', async () => {
    expect(await complaints(caller)).toEqual([]);
    const signalling = await readCapture(caller, protocol === 'sccp' ? 'skinny' : 'sip', ['frame.number']);
    // REGISTER and its 200, INVITE, 100, 180, 200, ACK, BYE and its 200: the least that there is.
    expect(signalling.length).toBeGreaterThanOrEqual(9);
    const reports = await readCapture(caller, 'rtcp', ['rtcp.pt']);
    expect(reports.length).toBeGreaterThan(1);
    expect(reports.at(-1)!.join()).toContain('203');
  });
});
