/** `sepia lab --security encrypted` and `sepia phone`, two processes on one wire: the phone's certificate is from the PKI folder that the lab serves with. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtProgram } from './support/built-program.ts';
import { Daemon } from './support/daemon.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { complaints, readCapture } from './support/tshark.ts';

const PHONE = 'phone0';
const LAB = 'lab0';
const RUN = '77';

describe.each(['authenticated', 'encrypted'])('a lab that is %s on a real wire', (security) => {
  let peers: PeerNamespace;
  let events: readonly Record<string, unknown>[] = [];
  let capture = '';

  beforeAll(async () => {
    peers = new PeerNamespace(`secure-${security}`);
    peers.link(PHONE, LAB);
    const at = (name: string): string => peers.path(name);
    const sepia = builtProgram('sepia-process.ts');
    capture = at('phone.pcapng');
    const tool = async (...args: readonly string[]): Promise<string> => {
      const run = new Daemon('sepia', [process.execPath, sepia, ...args]);
      expect(await run.ended(60), run.log).toBe(0);
      return run.log;
    };
    await tool('lab', 'pki', 'create', at('pki'), '--node', 'cm1,10.100.0.11', '--quiet');
    const whose = ['--run', RUN, '--pki', at('pki')];
    const lab = peers.startNode(
      'lab',
      'sepia-process.ts',
      'lab',
      '--nic',
      LAB,
      ...whose,
      '--security',
      security,
      '--json',
    );
    await lab.ready('serves', () => (lab.log.includes('"lab.serving"') ? true : null), 30);
    const phone = ['phone', '--nic', PHONE, '--model', '7975', ...whose, '--json', '--exit-when', 'registered'];
    const log = await tool(...phone, '--timeout', '60', '--pcap', capture);
    events = log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }, 120_000);

  afterAll(() => peers?.close());

  const of = (type: string) => events.filter((event) => event.type === type);

  it('gives the phone its lists, and takes it over TLS with its certificate', () => {
    expect(of('trust.list')).toMatchObject([
      { list: 'ctl', outcome: 'installed' },
      { list: 'itl', outcome: 'installed' },
    ]);
    expect(of('config.applied')).toMatchObject([{ signature: 'verified', security }]);
    expect(of('tls.handshake')[0]).toMatchObject({ role: 'CCM', outcome: 'complete', own: 'mic' });
    expect(of('registration.accepted')).toMatchObject([{ transport: 'tls', port: 2443 }]);
  });

  it('is seen by tshark to do so, with the certificates of both sides', async () => {
    expect(await complaints(capture)).toEqual([]);
    const names = ['x509sat.uTF8String', 'x509sat.printableString'];
    const rows = await readCapture(capture, 'tls.handshake.type == 11', ['tcp.dstport', ...names]);
    const toServer = rows.filter(([port]) => port === '2443');
    expect(toServer.some((row) => row.join().includes('CP-7975G-SEP'))).toBe(true);
    expect(rows.length).toBeGreaterThan(toServer.length);
  });
});
