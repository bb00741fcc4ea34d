/**
 * Every kind of frame that a phone or a preflight sends, gathered in a virtual world and read by tshark: each kind is there, and none is found wrong.
 * Other tests compare what is said; this one sees to it that nothing is left out.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { autoMac } from '../../device/identity.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as icmp from '../../firmware/wire/icmp.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import type { Key } from '../../hal/panel.ts';
import { decryptionSecrets, enhancedPacket, interfaceDescription, sectionHeader } from '../../hal/virtual/pcapng.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { networkOf } from '../../lab/networks.ts';
import { createLabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { ROLE_CODES } from '../../lab/pki/trust-list-writer.ts';
import { addMachine } from '../support/lab-machine.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';
import { runFolder } from './support/interop-run.ts';
import { complaints, readCapture } from './support/tshark.ts';

const NETWORK = networkOf(100);
const FIRST_ADDRESS = NETWORK.base + 0x0100;

/** What has to be there: its name, and tshark's filter for it. */
const KINDS: Readonly<Record<string, string>> = {
  'ARP probe': 'arp.opcode == 1 && arp.src.proto_ipv4 == 0.0.0.0',
  'ARP announcement': 'arp.isannouncement == 1',
  'ARP request': 'arp.opcode == 1 && arp.src.proto_ipv4 != 0.0.0.0 && !arp.isannouncement',
  'ARP reply': 'arp.opcode == 2',
  'ICMP echo reply': 'icmp.type == 0',
  'ICMP port unreachable': 'icmp.type == 3 && icmp.code == 3',
  'CDP untagged': 'cdp && !vlan',
  'CDP on the voice VLAN': 'cdp && vlan.id == 100',
  LLDP: 'lldp && lldp.time_to_live > 0',
  'LLDP shutdown': 'lldp.time_to_live == 0',
  'DHCP DISCOVER': 'dhcp.option.dhcp == 1',
  'DHCP REQUEST': 'dhcp.option.dhcp == 3 && dhcp.ip.client == 0.0.0.0',
  'DHCP REQUEST of a renewal': 'dhcp.option.dhcp == 3 && dhcp.ip.client != 0.0.0.0',
  'DHCP DECLINE': 'dhcp.option.dhcp == 4',
  'DHCP RELEASE': 'dhcp.option.dhcp == 7',
  'DNS query': 'dns.flags.response == 0',
  'TFTP RRQ': 'tftp.opcode == 1 && !tftp.option.name',
  'TFTP RRQ with options': 'tftp.opcode == 1 && tftp.option.name',
  'TFTP ACK': 'tftp.opcode == 4',
  'TFTP ERROR': 'tftp.opcode == 5',
  'HTTP GET': 'http.request.method == GET',
  'TCP SYN': 'tcp.flags.syn == 1 && tcp.flags.ack == 0',
  'TCP FIN': 'tcp.flags.fin == 1',
  'TCP RST': 'tcp.flags.reset == 1',
  'SCCP Alarm': 'skinny.messageId == 0x0020',
  'SCCP Register': 'skinny.messageId == 0x0001',
  'SCCP KeepAlive': 'skinny.messageId == 0x0000',
  'SCCP Unregister': 'skinny.messageId == 0x0027',
  'SIP REGISTER over UDP': 'sip.Method == REGISTER && udp',
  'SIP REGISTER over TCP': 'sip.Method == REGISTER && tcp',
  'SCCP OffHook': 'skinny.messageId == 0x0006',
  'SCCP KeypadButton': 'skinny.messageId == 0x0003',
  'SCCP SoftKeyEvent': 'skinny.messageId == 0x0026',
  'SCCP OpenReceiveChannelAck': 'skinny.messageId == 0x0022',
  'SCCP ConnectionStatisticsRes': 'skinny.messageId == 0x0023',
  'SCCP OnHook': 'skinny.messageId == 0x0007',
  'SCCP XMLAlarm': 'skinny.messageId == 0x015a',
  'SIP INVITE': 'sip.Method == INVITE',
  'SIP ACK': 'sip.Method == ACK',
  'SIP BYE': 'sip.Method == BYE',
  'SIP CANCEL': 'sip.Method == CANCEL',
  'SIP REFER of the alarm': 'sip.Method == REFER && sip.Refer-To contains "cid:"',
  'SIP REFER of a transfer': 'sip.Method == REFER && sip.Refer-To contains "2003"',
  'SIP answer to INVITE': 'sip.Status-Code == 200 && sip.CSeq.method == INVITE',
  'SIP answer to NOTIFY': 'sip.Status-Code == 200 && sip.CSeq.method == NOTIFY',
  RTP: 'rtp',
  'RTCP report': 'rtcp.pt == 200',
  'RTCP BYE': 'rtcp.pt == 203',
  'TLS ClientHello': 'tls.handshake.type == 1',
  'TVS in TLS': 'tls.record.content_type == 23 && tcp.dstport == 2445',
  'CAPF in TLS': 'tcp.dstport == 3804 && tcp.payload[0:2] == 17:03',
  'HTTPS GET': 'tls && tcp.dstport == 6971 && http.request.method == GET',
  'TLS application data': 'tls.record.content_type == 23',
};

let file: string;
let packets = 0;

/** A world whose phone's own frames go into the capture. `secrets` hears the key log. */
function world(options: TestWorldOptions): TestWorld {
  const base = packets;
  return new TestWorld({
    ...options,
    keyLog: (line) => appendFileSync(file, decryptionSecrets(Buffer.from(line).toString())),
    // Of several phones only the first is tapped: what the others send it sees as theirs.
    wire: (wire, phone, timeline) =>
      phone.mac !== autoMac(0, 0, 0)
        ? wire
        : tap(wire, timeline, ({ at, direction, bytes }) => {
            packets += 1;
            // One world after the other in time, so that tshark takes no connection for another's.
            const time = base * 1e6 + at;
            appendFileSync(file, enhancedPacket({ interface: 0, time, direction, bytes }));
          }),
  });
}

async function registered(made: TestWorld): Promise<TestWorld> {
  for (const index of made.phones.keys()) made.powerOn(index);
  await made.runHeldUntil('registration.accepted', 300);
  await made.runHeld(40);
  return made;
}

function press(made: TestWorld, index: number, ...keys: readonly Key[]): void {
  for (const key of keys) {
    made.phones[index]!.press(key);
    made.run(0.2);
  }
}

/** Presses the soft key that the screen shows by that name. */
function pressSoftKey(made: TestWorld, index: number, label: string): void {
  const place = made.phones[index]!.panel.softKeys.indexOf(label);
  expect(made.phones[index]!.panel.softKeys).toContain(label);
  press(made, index, `softKey${(place + 1) as 1 | 2 | 3 | 4}`);
}

/** Among three phones: a call that is made, held and ended; one that is taken and handed on; and one that is given up before it is answered. */
function callAround(made: TestWorld, transferKey: string): void {
  const dial = (index: number, number: string): void =>
    press(made, index, 'hookOff', ...([...`${number}${transferKey === 'Trnsfer' ? '#' : ''}`] as Key[]));
  dial(0, '2002');
  press(made, 1, 'hookOff');
  made.run(10);
  pressSoftKey(made, 0, 'Hold');
  made.run(1);
  pressSoftKey(made, 0, 'Resume');
  made.run(1);
  press(made, 0, 'hookOn');
  made.run(2);
  press(made, 1, 'hookOn');
  dial(1, '2001');
  press(made, 0, 'hookOff');
  made.run(2);
  pressSoftKey(made, 0, transferKey);
  press(made, 0, ...([...(transferKey === 'Trnsfer' ? '2003#' : '2003')] as Key[]));
  made.run(1);
  press(made, 2, 'hookOff');
  made.run(2);
  pressSoftKey(made, 0, transferKey);
  made.run(5);
  press(made, 0, 'hookOn');
  press(made, 1, 'hookOn');
  press(made, 2, 'hookOn');
  made.run(2);
  dial(0, '2002');
  made.run(1);
  press(made, 0, 'hookOn');
  made.run(2);
}

/** A ping, and a datagram to a port where nobody listens. */
function bother(made: TestWorld): void {
  const stranger = addMachine(made, NETWORK.base + 77);
  const { address } = made.all('dhcp.bound').at(-1)!;
  const target = address
    .split('/')[0]!
    .split('.')
    .reduce((sum, part) => sum * 256 + Number(part), 0);
  const socket = stranger.udp(0, () => {})!;
  socket.send(made.timeline.now(), { address: target, port: 9 }, Uint8Array.of(1));
  made.run(1);
  const echo: icmp.Message = { kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array(8) };
  const ip = { ...ipv4.blank(), timeToLive: 64, protocol: ipv4.PROTOCOL.icmp, options: new Uint8Array(0) };
  const totalLength = ipv4.HEADER_LENGTH + icmp.lengthOf(echo);
  stranger.nic.transmit(60, (into) => {
    const to = made.phone.nic.mac;
    const at = ethernet.emitHeader(to, stranger.nic.mac, null, ethernet.ETHERTYPE.ipv4, into, 0);
    ipv4.emit({ ...ip, totalLength, source: stranger.address, destination: target }, into, at);
    icmp.emit(echo, into, at + ipv4.HEADER_LENGTH);
  });
  made.run(1);
}

async function gather(): Promise<void> {
  // An address that somebody has, then a lease that is renewed; names; a knock at the door; and an orderly end.
  const first = world({ lab: { processNodeName: 'name', dhcp: { leaseSeconds: 60 } } });
  addMachine(first, FIRST_ADDRESS);
  await registered(first);
  bother(first);
  first.phone.shutdown(10_000_000);
  await first.runHeld(15);

  const options = { 'tftp.blockSize': 1428, 'tftp.windowSize': 4 } as const;
  await registered(world({ tunables: options, lab: { files: ({ name }) => (name.startsWith('CTL') ? HUGE : null) } }));
  // transportLayerProtocol: 2 is UDP, 4 the lab's default.
  for (const transportLayerProtocol of ['2', '4']) {
    await registered(world({ model: '8861', protocol: 'sip', lab: { configuration: { transportLayerProtocol } } }));
  }
  callAround(await registered(world({ count: 3 })), 'Transfer');
  // A load that reports by XMLAlarm.
  await registered(world({ model: '8945' }));
  const sip = await registered(world({ model: '8861', protocol: 'sip', count: 3 }));
  callAround(sip, 'Trnsfer');
  sip.lab.sipCallManagers[0]!.setMessageWaiting(sip.phone.board.deviceName, true);
  sip.run(2);

  const secure = await registered(world({ lab: { security: 'encrypted' } }));
  secure.phone.reset('keypad');
  await secure.runHeldUntil('registration.accepted', 300);

  // A call manager that only TVS knows, a certificate from CAPF, and a configuration by HTTPS.
  const now = Date.UTC(2026, 10, 22) / 1_000;
  const pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now });
  const callManager = selfSigned({ commonName: 'cm1.lab.example', keyKind: 'rsa-1024', now });
  const vouchedFor = [{ certificate: callManager.certificate, roles: [ROLE_CODES['CCM+TFTP']] }];
  const capf = { operation: 'install', authentication: 'null-string', key: 'rsa-1024' } as const;
  const lab = {
    security: 'encrypted',
    pki,
    callManagers: 1,
    capf,
    peculiarities: { callManager, vouchedFor },
  } as const;
  await registered(world({ model: '8861', protocol: 'sip', lab }));
}

/** Larger than any trust list may be: the phone refuses it with an error. */
const HUGE = new Uint8Array(4 << 20);

describe('every kind of frame that we send', () => {
  beforeAll(async () => {
    file = join(runFolder(), 'every-frame.pcapng');
    writeFileSync(file, sectionHeader('sepia'));
    appendFileSync(file, interfaceDescription('phone'));
    await gather();
  }, 120_000);

  it.each(Object.entries(KINDS))('%s', async (_name, filter) => {
    const sent = await readCapture(file, `frame.packet_flags_direction == 2 && (${filter})`, ['frame.number']);
    expect(sent.length).toBeGreaterThan(0);
  });

  it('is dissected by tshark without complaint', async () => {
    expect(await complaints(file)).toEqual([]);
  });
});
