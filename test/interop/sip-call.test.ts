/** Calls over SIP with programs that others wrote: two phones through Kamailio, a phone with SIPp as caller and as called; tshark reads signalling and audio. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import type { Key } from '../../hal/panel.ts';
import { ConfigurationFiles } from '../../lab/configuration-files.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { KAMAILIO_PRESENT, startKamailio } from './support/kamailio.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { SIPP_PRESENT, startSipp } from './support/sipp.ts';
import { startTftpd } from './support/tftpd.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { WirePhone } from './support/wire-phone.ts';

const run = promisify(execFile);

const SERVER = '10.86.0.1';
/** Where SIPp plays the call manager. */
const SIPP = '10.86.0.2';
const PASSWORD = 'correct horse';
const TUNABLES = { 'vlan.totalWait': 0, 'lldp.bootWait': 0, 'dhcp.probeCount': 0 };

describe.skipIf(!KAMAILIO_PRESENT || !SIPP_PRESENT)('calls over SIP', () => {
  let peers: PeerNamespace;
  let folder: string;

  beforeAll(async () => {
    peers = new PeerNamespace('sip-call');
    peers.link('sc0', 'kernel0', { addresses: [`${SERVER}/24`, `${SIPP}/24`] });
    peers.link('sc1', 'kernel1', {});
    peers.run('ip', 'link', 'add', 'bridge0', 'type', 'bridge');
    folder = peers.path('tftp');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    for (const port of ['kernel0', 'kernel1']) peers.run('ip', 'link', 'set', port, 'master', 'bridge0');
    peers.run('ip', 'addr', 'flush', 'dev', 'kernel0');
    for (const address of [SERVER, SIPP]) peers.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'bridge0');
    peers.run('ip', 'link', 'set', 'bridge0', 'up');
    const lines = [
      'interface=bridge0',
      'dhcp-range=10.86.0.50,10.86.0.99,255.255.255.0,1h',
      `dhcp-option=150,${SERVER}`,
    ];
    await startDnsmasq(peers, [...lines, 'dhcp-authoritative'], 'DHCP with option 150');
    await startTftpd(peers, SERVER, folder);
    await startKamailio(peers, SERVER, { password: PASSWORD, maxExpires: 60 });
  });
  afterAll(() => peers?.close());

  function phone(index: number, number: number, callManager: string, transportLayerProtocol = '2'): WirePhone {
    const mac = autoMac(0, 1, number);
    const table = new DeviceTable();
    const line = { directoryNumber: `${number}`, label: `${number}`, displayName: 'Zoë' };
    table.add({
      name: deviceName(mac),
      model: '8861',
      deviceType: modelNamed('8861')!.deviceType,
      protocol: 'sip',
      lines: [{ ...line, authName: `${number}`, authPassword: PASSWORD }],
    });
    const node = { name: 'peer', processNodeName: callManager, sccpPort: 2000, sipPort: 5060 };
    const files = new ConfigurationFiles({ table, callManagers: [node], transportLayerProtocol });
    const name = `${deviceName(mac)}.cnf.xml`;
    writeFileSync(`${folder}/${name}`, files.read(name)!, { mode: 0o644 });
    return new WirePhone({ interface: `sc${index}`, mac, model: '8861', tunables: TUNABLES });
  }

  async function registered(one: WirePhone): Promise<void> {
    one.phone.powerOn();
    await one.next('registration.accepted', 30);
  }

  function press(one: WirePhone, keys: readonly Key[]): void {
    for (const key of keys) one.phone.press(key);
  }

  async function reaches(one: WirePhone, state: string): Promise<void> {
    await one.until(`call ${state}`, 10, () => (one.all('call.state').at(-1)?.state === state ? true : null));
  }

  /** What tshark makes of the audio: a line a stream. */
  async function streams(file: string): Promise<string[][]> {
    const { stdout } = await run('tshark', [
      '-n',
      '-r',
      file,
      '-o',
      'rtp.heuristic_rtp:TRUE',
      '-q',
      '-z',
      'rtp,streams',
    ]);
    return stdout
      .split('\n')
      .filter((line) => /g711/i.test(line))
      .map((line) => line.trim().split(/\s+/));
  }

  it('two phones through Kamailio over UDP with digest: every packet of the audio arrives, in order', async () => {
    const file = peers.path('kamailio-call.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', file);
    const ann = phone(0, 4001, SERVER);
    const bob = phone(1, 4002, SERVER);
    try {
      await Promise.all([registered(ann), registered(bob)]);
      press(ann, ['hookOff', '4', '0', '0', '2', '#']);
      await reaches(bob, 'ring-in');
      press(bob, ['hookOff']);
      await reaches(ann, 'connected');
      // Four seconds of audio: nothing else tells that they have passed.
      await sleep(4000);
      press(ann, ['hookOn']);
      await Promise.all([reaches(ann, 'ended'), reaches(bob, 'ended')]);
      for (const one of [ann, bob]) {
        const stop = await one.next('media.stop');
        expect(stop.packetsReceived).toBeGreaterThan(190);
        expect(stop.lost).toBe(0);
      }
    } finally {
      await Promise.all([ann.close(), bob.close()]);
      await recorder.stop();
    }
    expect(await complaints(file)).toEqual([]);
    const methods = (await readCapture(file, 'sip.Method', ['sip.Method'])).map(([method]) => method);
    // REFER: the alarm of the boot, which Kamailio does not serve.
    expect(new Set(methods)).toEqual(new Set(['REGISTER', 'REFER', 'INVITE', 'ACK', 'BYE']));
    const heard = await streams(file);
    // One stream each way; Kamailio relays signalling only.
    expect(heard.length).toBe(2);
    for (const fields of heard) expect(fields.join(' ')).toMatch(/ 0 \(0\.0%\) /);
    const rtp = await readCapture(file, 'rtp', ['rtp.ssrc', 'rtp.seq', 'rtp.timestamp', 'rtp.p_type', 'udp.length']);
    for (const ssrc of new Set(rtp.map(([first]) => first))) {
      const packets = rtp.filter(([first]) => first === ssrc).map((packet) => packet.slice(1).map(Number));
      for (const [at, [sequence, timestamp, type, length]] of packets.entries()) {
        expect([type, length]).toEqual([0, 8 + 12 + 160]);
        const before = packets[at - 1];
        if (before === undefined) continue;
        expect((sequence! - before[0]! + 65_536) % 65_536).toBe(1);
        expect((timestamp! - before[1]! + 2 ** 32) % 2 ** 32).toBe(160);
      }
    }
  });

  it.each([
    ['TCP', '4', 't1'],
    ['UDP', '2', 'u1'],
  ])(
    'SIPp over %s challenges, refuses with 503, orders by service control, calls and is called',
    async (_name, written, mode) => {
      const file = peers.path(`sipp-${mode}.pcapng`);
      const recorder = await Recorder.start(peers, 'kernel0', file);
      // One that has no room ends its connection with that, which SIPp over TCP takes for a failed call.
      const full = mode === 'u1' ? await startSipp(peers, SIPP, mode, 'unavailable', 2) : null;
      const one = phone(0, mode === 't1' ? 4101 : 4102, SIPP, written);
      try {
        one.phone.powerOn();
        if (full !== null) expect(await full.ended(30)).toBe(0);
        // The registration, the alarm of the boot, and the call that the phone makes.
        const sipp = await startSipp(peers, SIPP, mode, 'registrar-and-caller', 3);
        await one.next('registration.accepted', 60);
        await reaches(one, 'ring-in');
        press(one, ['hookOff']);
        await reaches(one, 'connected');
        await reaches(one, 'ended');
        press(one, ['hookOff', '5', '0', '0', '0', '#']);
        await reaches(one, 'connected');
        press(one, ['softKey1']);
        await reaches(one, 'hold');
        // The key takes effect at once; the other side has to hear of it before the next one is pressed.
        await sleep(500);
        press(one, ['softKey3']);
        await reaches(one, 'ended');
        expect(await sipp.ended(20)).toBe(0);
      } finally {
        await one.close();
        await recorder.stop();
      }
      expect(await complaints(file)).toEqual([]);
    },
  );
});
