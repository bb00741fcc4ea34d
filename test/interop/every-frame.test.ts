/**
 * Every kind of frame that a phone or a preflight sends, gathered in a virtual world and read by tshark: each kind is there, and none is found wrong.
 * Other tests compare what is said; this one sees to it that nothing is left out.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as icmp from '../../firmware/wire/icmp.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import { decryptionSecrets, enhancedPacket, interfaceDescription, sectionHeader } from '../../hal/virtual/pcapng.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { networkOf } from '../../lab/networks.ts';
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
  'TLS ClientHello': 'tls.handshake.type == 1',
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
    wire: (wire, _phone, timeline) =>
      tap(wire, timeline, ({ at, direction, bytes }) => {
        packets += 1;
        // One world after the other in time, so that tshark takes no connection for another's.
        const time = base * 1e6 + at;
        appendFileSync(file, enhancedPacket({ interface: 0, time, direction, bytes }));
      }),
  });
}

async function registered(made: TestWorld): Promise<TestWorld> {
  made.powerOn(0);
  await made.runHeldUntil('registration.accepted', 300);
  await made.runHeld(40);
  return made;
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
  const secure = await registered(world({ lab: { security: 'encrypted' } }));
  secure.phone.reset('keypad');
  await secure.runHeldUntil('registration.accepted', 300);
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
