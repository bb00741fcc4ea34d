/** `sepia doctor --network` on a site of others' programs: what it says, how little it sends, and that it leaves nothing behind. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { ConfigurationFiles } from '../../lab/configuration-files.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { type Identity, selfSigned } from '../../lab/pki/lab-pki.ts';
import type { Finding } from '../../probe/finding.ts';
import { ctl, itl, labPki } from '../support/lab-trust.ts';
import { startNginx } from './support/nginx.ts';
import { startOpensslServer } from './support/openssl-server.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import {
  PHONE_INTERFACE,
  SERVER,
  SWITCH_PORT,
  startVoiceNetwork,
  VOICE_VLAN,
  type VoiceNetwork,
} from './support/voice-network.ts';

const MAC = '02:00:5e:00:d0:c1';
const OWN = `eth.src == ${MAC}`;
const CALL_MANAGERS = [{ name: 'cm1', processNodeName: 'cm1.lab.example', sccpPort: 2000, sipPort: 5060 }];
const DNS = [
  ...['port=53', 'domain=lab.example', `host-record=cm1.lab.example,${SERVER}`],
  ...[`host-record=CiscoCM1.lab.example,${SERVER}`, `dhcp-option=tag:voice,option:dns-server,${SERVER}`],
  'dhcp-option=tag:voice,option:domain-name,lab.example',
];

interface Look {
  readonly status: number | null;
  readonly findings: readonly Finding[];
  readonly errors: string;
}

/** Runs the command to its end; objects of the network part. */
async function doctor(...words: readonly string[]): Promise<Look> {
  const command = ['bin/sepia.js', 'doctor', '--nic', PHONE_INTERFACE, '--network', '--json', '--mac', MAC, ...words];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const all = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding);
  return { status, errors, findings: all.filter(({ facts }) => facts !== undefined) };
}

describe('doctor --network', () => {
  let network: VoiceNetwork;
  let recorder: Recorder;
  let capture: string;
  let look: Look;
  let identity: Identity;

  const finding = (check: string, { findings } = look): Finding | undefined =>
    findings.find((each) => each.check === check);

  beforeAll(async () => {
    const now = Math.floor(Date.now() / 1_000);
    identity = selfSigned({ commonName: 'cm1.lab.example', keyKind: 'rsa-2048', now });
    const pki = labPki();
    const defaults = new ConfigurationFiles({ table: new DeviceTable(), callManagers: CALL_MANAGERS });
    network = await startVoiceNetwork('doctor', {
      devices: [{ name: deviceName(autoMac(0, 0, 0)), model: '7975', deviceType: 437, lines: [] }],
      files: {
        'XMLDefault.cnf.xml': defaults.read('XMLDefault.cnf.xml')!,
        'CTLFile.tlv': ctl(pki),
        'ITLFile.tlv': itl(pki),
      },
      tftp: 'tftpd-hpa',
      dnsmasq: DNS,
    });
    const { peers, files } = network;
    await startNginx(peers, SERVER, files);
    await startOpensslServer(peers, SERVER, 2443, identity, ['-tls1_3']);
    // As a call manager: shows itself, and lets in who has a certificate.
    await startOpensslServer(peers, SERVER, 5061, identity, ['-tls1_2', '-Verify', '1']);
    await startOpensslServer(peers, SERVER, 2445, identity, ['-tls1', '-cipher', 'ALL:@SECLEVEL=0']);
    capture = peers.path('doctor.pcapng');
    recorder = await Recorder.start(peers, SWITCH_PORT, capture);
    look = await doctor();
    await recorder.stop();
  }, 120_000);
  afterAll(() => network?.peers.close());

  it('finds the switch, the leases, the servers and the files', () => {
    expect(look.status, look.errors).toBe(0);
    expect(finding('neighbor')).toMatchObject({
      state: 'ok',
      facts: { lldp: { port: 'Gi1/0/1', voiceVlan: VOICE_VLAN, priority: 5, dscp: 46 } },
    });
    expect(finding('dhcp untagged')?.found).toContain('option 150 none');
    expect(finding(`dhcp vlan ${VOICE_VLAN}`)).toMatchObject({
      state: 'ok',
      facts: { server: SERVER, option150: [SERVER], routers: [SERVER], dns: [SERVER], domain: 'lab.example' },
    });
    expect(finding('gateway')).toMatchObject({ state: 'ok' });
    expect(finding('dns')).toMatchObject({ state: 'ok', facts: { addresses: [SERVER] } });
    expect(finding('tftp server')).toMatchObject({ facts: { servers: [SERVER], source: 'option150' } });
    for (const via of ['http 6970', 'tftp']) {
      for (const name of ['XMLDefault.cnf.xml', 'CTLFile.tlv', 'ITLFile.tlv']) {
        expect(finding(`${via} ${name}`), `${via} ${name}`).toMatchObject({ state: 'ok' });
      }
    }
    expect(finding('http 6970 CTLFile.tlv')?.found).toMatch(/ctl, \d+ octets, first-use, \d records: 3 SAST/);
  });

  it('finds which ports are open, and says what TLS shows there', () => {
    expect(finding('tcp 2000')).toMatchObject({ state: 'ok' });
    expect(finding('tcp 5060')).toMatchObject({ state: 'limited', remedy: 'SIP phones cannot register here' });
    const subject = expect.stringContaining('CN=cm1.lab.example');
    expect(finding('tls 2443')?.facts).toMatchObject({ version: '1.3', certificate: { subject } });
    expect(finding('tls 5061')?.facts).toMatchObject({ version: '1.2', certificate: { subject } });
    expect(finding('tls 2445')).toMatchObject({
      state: 'limited',
      remedy: 'models of today refuse TLS 1.0',
      facts: { version: '1.0' },
    });
    expect(finding('tls 3804')).toMatchObject({ state: 'limited', facts: { state: 'refused' } });
  });

  it('sends less than 60 frames, all as they should be', async () => {
    const sent = await readCapture(capture, OWN, ['frame.protocols']);
    expect(sent.length).toBeGreaterThan(20);
    expect(sent.length).toBeLessThan(60);
    expect(look.errors).toContain(`${sent.length} frames sent`);
    expect(await complaints(capture)).toEqual([]);
  });

  it('takes no lease and registers nothing', async () => {
    const messages = await readCapture(capture, `${OWN} && dhcp`, ['dhcp.option.dhcp']);
    expect(messages).toEqual([['1'], ['1']]);
    expect(readFileSync(network.peers.path('dnsmasq.leases'), 'utf8')).not.toContain(MAC);
    expect(await readCapture(capture, 'skinny || sip', ['frame.number'])).toEqual([]);
    expect(network.events().filter(({ type }) => type === 'registration')).toEqual([]);
    // LLDP is told that the station is gone.
    const goodBye = await readCapture(capture, `${OWN} && lldp`, ['lldp.time_to_live']);
    expect(goodBye.at(-1)).toEqual(['0']);
  });

  it('leaves out what needs an address when it may not borrow one', async () => {
    const { findings, status, errors } = await doctor('--no-borrow');
    expect(status, errors).toBe(0);
    expect(findings.some(({ check }) => check.startsWith('t'))).toBe(false);
  });

  it('refuses an interface that this machine uses', async () => {
    execFileSync('ip', ['addr', 'add', '192.0.2.77/24', 'dev', PHONE_INTERFACE]);
    try {
      const { status, errors } = await doctor();
      expect(status, errors).toBe(5);
      expect(errors).toContain('has the address 192.0.2.77 of this machine; --nic-in-use-ok allows it');
    } finally {
      execFileSync('ip', ['addr', 'del', '192.0.2.77/24', 'dev', PHONE_INTERFACE]);
    }
  });
});
