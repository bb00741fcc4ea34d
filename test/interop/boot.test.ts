import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName, formatMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { Daemon } from './support/daemon.ts';
import { eventually } from './support/eventually.ts';
import { complaints, damaged, Recorder, readCapture } from './support/tshark.ts';
import {
  PHONE_INTERFACE,
  SERVER,
  SWITCH_PORT,
  startVoiceNetwork,
  VOICE_VLAN,
  type VoiceNetwork,
} from './support/voice-network.ts';
import { WirePhone } from './support/wire-phone.ts';

const MODEL = modelNamed('7975')!;
const MAC = autoMac(0, 0, 0);
const NAME = deviceName(MAC);
const LINES = [{ directoryNumber: '2001', label: '2001', displayName: 'Phone 2001' }];

describe('a whole boot on a real wire', () => {
  let network: VoiceNetwork;
  let phone: WirePhone;
  const captures: Record<'phone' | 'switch', string> = { phone: '', switch: '' };

  beforeAll(async () => {
    const device = { name: NAME, model: MODEL.name, deviceType: MODEL.deviceType, lines: LINES };
    network = await startVoiceNetwork('boot', { devices: [device], keepaliveSeconds: 2 });
    captures.phone = network.peers.path('phone.pcapng');
    captures.switch = network.peers.path('switch.pcapng');
    const recorder = await Recorder.start(network.peers, SWITCH_PORT, captures.switch);
    phone = new WirePhone({ interface: PHONE_INTERFACE, capture: captures.phone });
    try {
      phone.phone.powerOn();
      await phone.next('registration.accepted', 30);
      // A keepalive and its answer belong to what is looked at.
      await eventually('a keepalive is answered', 10, async () => {
        const answers = await readCapture(captures.phone, 'skinny.messageId == 0x0100', ['frame.number']);
        return answers.length > 0 ? true : null;
      });
    } finally {
      await phone.close();
      await recorder.stop();
    }
  });

  afterAll(() => network?.peers.close());

  it('comes through all nine steps', () => {
    expect(phone.outcomes()).toEqual({
      power: 'done',
      image: 'done (A)',
      'voice-vlan': 'done (lldp-med)',
      address: 'done',
      'tftp-server': 'done (option150)',
      'ctl-file': 'skipped (ctl.not-found)',
      'itl-file': 'skipped (itl.not-found)',
      configuration: 'done (config.own)',
      'call-manager': 'done',
    });
    expect(phone.all('vlan.learned')).toEqual([{ vlan: VOICE_VLAN, source: 'lldp-med', priority: 5, dscp: 46 }]);
    expect(phone.all('registration.accepted')[0]).toMatchObject({ host: SERVER, port: 2000, lines: ['2001'] });
  });

  it('is known to the call manager, until it says good-bye', () => {
    const registrations = network.events().filter(({ type }) => type === 'registration');
    expect(registrations).toMatchObject([
      { outcome: 'registered', device: NAME, version: MODEL.sccp.version },
      { outcome: 'unregistered', device: NAME },
    ]);
  });

  it.each(['phone', 'switch'] as const)('tshark finds nothing wrong in the capture at the %s', async (end) => {
    expect(await complaints(captures[end])).toEqual([]);
    const protocols = await readCapture(captures[end], 'frame', ['frame.protocols']);
    const seen = new Set(protocols.flatMap(([text = '']) => text.split(':')));
    for (const protocol of ['cdp', 'lldp', 'arp', 'dhcp', 'tftp', 'tcp', 'skinny']) expect(seen).toContain(protocol);
  });

  it('tshark would have found it', async () => {
    expect(await complaints(damaged(captures.phone))).not.toEqual([]);
  });

  it('sends at both ends the same frames in the same order', async () => {
    const own = `eth.src == ${phone.phone.nic.mac
      .toString(16)
      .padStart(12, '0')
      .replaceAll(/..(?=.)/g, '$&:')}`;
    const fields = ['frame.len', 'frame.protocols', 'vlan.id', 'ip.id', 'tcp.seq_raw'];
    expect(await readCapture(captures.switch, own, fields)).toEqual(await readCapture(captures.phone, own, fields));
  });

  it('says nothing but CDP and LLDP before the VLAN is known, and nothing of IP without its tag', async () => {
    const sent = await readCapture(captures.phone, 'frame.packet_flags_direction == 2', ['frame.protocols', 'vlan.id']);
    const first = sent.findIndex(([protocols = '']) => /:(arp|ip):/.test(`${protocols}:`));
    const before = sent.slice(0, first).map(([protocols = '']) => protocols.split(':').at(-1));
    expect(new Set(before)).toEqual(new Set(['cdp', 'lldp']));
    const others = sent.filter(([protocols = '']) => !/:(cdp|lldp)$/.test(protocols));
    expect(new Set(others.map(([, vlan]) => vlan))).toEqual(new Set([String(VOICE_VLAN)]));
  });

  it('asks for the voice VLAN by CDP as a Cisco phone does', async () => {
    const fields = ['cdp.deviceid', 'cdp.platform', 'cdp.capabilities.voip_phone', 'cdp.checksum.status', 'eth.dst'];
    const frames = await readCapture(captures.phone, 'cdp', fields);
    expect(frames[0]).toEqual([NAME, MODEL.platform, '1', '1', '01:00:0c:cc:cc:cc']);
    // TLV 0x000f: the VoIP VLAN Query.
    const types = await readCapture(captures.phone, 'cdp', ['cdp.tlv.type']);
    expect(types[0]?.[0]?.split('|').map(Number)).toContain(0x000f);
  });

  it('speaks LLDP-MED of class III with its inventory', async () => {
    const fields = [
      ...['lldp.media.subtype.caps.network_policy', 'lldp.media.subtype.caps.inventory', 'lldp.media.subtype.class'],
      ...['lldp.media.app_type', 'lldp.media.vlan_id', 'lldp.media.model', 'lldp.media.manufacturer', 'lldp.media.sn'],
    ];
    const frames = await readCapture(captures.phone, 'lldp && frame.packet_flags_direction == 2', fields);
    const last = frames.filter(([policy]) => policy !== '').at(-1)!;
    expect(last.slice(0, 3)).toEqual(['1', '1', '3']);
    expect(last[3]).toMatch(/^(1|1\|2|2\|1)$/);
    expect(last[4]?.split('|')[0]).toBe(String(VOICE_VLAN));
    expect(last.slice(5)).toEqual([MODEL.productId, 'Cisco Systems, Inc.', phone.phone.board.serial]);
  });

  it('asks DHCP for option 150 as its model does', async () => {
    const fields = [
      'dhcp.option.vendor_class_id',
      'dhcp.option.hostname',
      'dhcp.option.request_list_item',
      'dhcp.hw.mac_addr',
    ];
    const [discover] = await readCapture(captures.phone, 'dhcp.option.dhcp == 1', fields);
    expect(discover![0]).toBe(MODEL.dhcp.vendorClass.replace(/\0$/, ''));
    expect(discover![1]).toBe(NAME);
    expect(discover![2]!.split('|').map(Number)).toEqual([...MODEL.dhcp.parameterRequestList]);
    const [offer] = await readCapture(captures.phone, 'dhcp.option.dhcp == 2', [
      'dhcp.option.tftp_server_address',
      'vlan.id',
    ]);
    expect(offer).toEqual([SERVER, String(VOICE_VLAN)]);
  });

  it('asks TFTP for the files in their order', async () => {
    const requests = await readCapture(captures.phone, 'tftp.opcode == 1', ['tftp.source_file', 'tftp.type']);
    expect(requests).toEqual(
      [`CTL${NAME}.tlv`, `ITL${NAME}.tlv`, 'ITLFile.tlv', `${NAME}.cnf.xml`].map((name) => [name, 'octet']),
    );
  });

  it('registers by SCCP with its name, type and address', async () => {
    const fields = ['skinny.DeviceName', 'skinny.deviceType', 'skinny.stationIpAddr', 'ip.src', 'ip.dsfield.dscp'];
    const [register] = await readCapture(captures.phone, 'skinny.messageId == 0x0001', fields);
    expect(register![0]).toBe(NAME);
    expect(Number(register![1])).toBe(MODEL.deviceType);
    expect(register![2]).toBe(register![3]);
    // Class selector 3: signalling.
    expect(register![4]).toBe('24');
    const order = await readCapture(captures.phone, 'skinny', ['skinny.messageId']);
    const ids = order.flatMap(([list = '']) => list.split('|').map(Number));
    expect(ids.slice(0, 3)).toContain(0x0001);
    // RegisterAck, CapabilitiesReq, ButtonTemplate, SoftKeyTemplateRes, KeepAlive and its answer, Unregister.
    for (const id of [0x0081, 0x009b, 0x0097, 0x0108, 0x0000, 0x0100, 0x0027]) expect(ids).toContain(id);
  });

  it('the command line does the same', async () => {
    const capture = network.peers.path('command.pcapng');
    const command = ['bin/sepia.js', 'phone', '--nic', `af-packet:${PHONE_INTERFACE}`, '--model', MODEL.name, '--json'];
    const goal = ['--mac', formatMac(MAC), '--pcap', capture, '--exit-when', 'registered', '--timeout', '60'];
    // Nobody speaks CDP here: a phone would wait for it longer.
    const quick = ['--set', 'vlan.totalWait=4', '--set', 'cdp.bootQueries=2'];
    const sepia = new Daemon('sepia phone', [process.execPath, ...command, ...goal, ...quick]);
    expect(await sepia.ended(90).finally(() => sepia.stop()), sepia.log).toBe(0);
    const events = sepia.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const told = (type: string) => events.filter((event) => event.type === type);
    // On a real interface the supply is external unless `--power poe` asks for a bargain.
    expect(told('power.on')).toMatchObject([{ source: 'external' }]);
    expect(told('vlan.learned')).toMatchObject([{ vlan: VOICE_VLAN, source: 'lldp-med' }]);
    expect(told('dhcp.bound')).toHaveLength(1);
    expect(told('tftp.server')).toMatchObject([{ source: expect.stringMatching(/^option/) as string }]);
    expect(told('file.done').map(({ name }) => name)).toContain(`${NAME}.cnf.xml`);
    expect(told('registration.accepted')).toHaveLength(1);
    expect(await complaints(capture)).toEqual([]);
    const registers = await readCapture(capture, 'skinny.messageId == 0x0001', ['skinny.DeviceName']);
    expect(registers).toEqual([[NAME]]);
  }, 120_000);
});
