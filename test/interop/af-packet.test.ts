import { readdirSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AfPacketWire } from '../../hal/host/af-packet.ts';
import type { LinkState } from '../../hal/nic.ts';
import { builtProgram } from './support/built-program.ts';
import type { Daemon } from './support/daemon.ts';
import { eventually } from './support/eventually.ts';
import { startOpenVSwitch } from './support/open-vswitch.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { Recorder, readCapture } from './support/tshark.ts';

const MAC = 0x0200_5e00_0079;
const MAC_OCTETS = [0x02, 0x00, 0x5e, 0x00, 0x00, 0x79];
const SERVER_MAC_OCTETS = [0x02, 0x00, 0x5e, 0x00, 0x00, 0x7a];
const VOICE = '10.79.0.1';
const VOICE_OCTETS = [10, 79, 0, 1];
const OWN_OCTETS = [10, 79, 0, 2];
const ALL_ONES = [255, 255, 255, 255, 255, 255];

/** An ARP request for the voice server's address, tagged or not. */
function arpRequest(tag: readonly number[]): Uint8Array {
  const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...MAC_OCTETS, ...OWN_OCTETS, 0, 0, 0, 0, 0, 0, ...VOICE_OCTETS];
  const frame = new Uint8Array(60 + tag.length);
  frame.set([...ALL_ONES, ...MAC_OCTETS, ...tag, 0x08, 0x06, ...arp]);
  return frame;
}

/** What a wire heard. */
class Ear {
  readonly frames: Uint8Array[] = [];
  readonly links: LinkState[] = [];

  frame(bytes: Uint8Array, length: number): void {
    this.frames.push(bytes.slice(0, length));
  }

  link(state: LinkState): void {
    this.links.push(state);
  }

  async next(seconds = 5): Promise<Uint8Array> {
    return await eventually('a frame', seconds, () => this.frames.shift() ?? null);
  }
}

function packetSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

describe('af-packet', () => {
  let peers: PeerNamespace;

  beforeAll(async () => {
    peers = new PeerNamespace('raw');
    peers.link('raw0', 'port1');
    await startOpenVSwitch(peers, {
      phonePort: 'port1',
      dataVlan: 1,
      voiceVlan: 100,
      interfaces: [{ name: 'voice', vlan: 100, address: `${VOICE}/24` }],
    });
    peers.run('ip', 'link', 'set', 'voice', 'address', '02:00:5e:00:00:7a');
    const { wire, ear } = open();
    await eventually('the switch forwards', 10, () => {
      wire.transmit(arpRequest([0x81, 0x00, 0x00, 0x64]), 64);
      return ear.frames[0] ?? null;
    });
    await wire.close();
  });
  afterAll(() => peers?.close());

  const open = () => {
    const wire = AfPacketWire.open({ interface: 'raw0', macs: [MAC], groups: [] });
    const ear = new Ear();
    wire.attach(ear);
    return { wire, ear };
  };

  it('carries 802.1Q tags out and in where they stand in the frame, also the priority', async () => {
    const { wire, ear } = open();
    const file = peers.path('tags.pcapng');
    const recorder = await Recorder.start(peers, 'port1', file);
    // VLAN 100, priority 5.
    wire.transmit(arpRequest([0x81, 0x00, 0xa0, 0x64]), 64);
    const reply = await ear.next();
    expect([...reply.subarray(0, 12)]).toEqual([...MAC_OCTETS, ...SERVER_MAC_OCTETS]);
    expect([reply[12], reply[13], reply[14]! & 0x0f, reply[15]]).toEqual([0x81, 0x00, 0x00, 0x64]);
    expect([...reply.subarray(16, 26)]).toEqual([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2]);
    expect([...reply.subarray(32, 36)]).toEqual(VOICE_OCTETS);
    await recorder.stop();
    await wire.close();
    const fields = ['vlan.id', 'vlan.priority', 'frame.len'];
    expect((await readCapture(file, 'arp.opcode == 1', fields))[0]).toEqual(['100', '5', '64']);
  });

  it('has no answer on a VLAN where the switch has nobody', async () => {
    const { wire, ear } = open();
    wire.transmit(arpRequest([]), 60);
    wire.transmit(arpRequest([0x81, 0x00, 0xa0, 0x65]), 64);
    // Later than whatever those two would have brought.
    wire.transmit(arpRequest([0x81, 0x00, 0xa0, 0x64]), 64);
    await ear.next();
    expect(ear.frames).toEqual([]);
    expect(wire.counters()).toMatchObject({ sentFrames: 3, refusedFrames: 0, receivedFrames: 1, droppedFrames: 0 });
    await wire.close();
  });

  it('does not hear itself, nor what is for others', async () => {
    const { wire, ear } = open();
    const other = AfPacketWire.open({ interface: 'raw0', macs: [MAC + 1], groups: [0xffff_ffff_ffff] });
    const otherEar = new Ear();
    other.attach(otherEar);
    wire.transmit(arpRequest([0x81, 0x00, 0x00, 0x64]), 64);
    await ear.next();
    expect(ear.frames).toEqual([]);
    expect(otherEar.frames).toEqual([]);
    await wire.close();
    await other.close();
  });

  it('follows the carrier', async () => {
    const { wire, ear } = open();
    expect(ear.links).toMatchObject([{ up: true }]);
    peers.setLink('port1', false);
    await eventually('the link goes', 5, () => (ear.links.at(-1)?.up === false ? true : null));
    wire.transmit(arpRequest([]), 60);
    expect(wire.counters().sentFrames).toBe(0);
    peers.setLink('port1', true);
    await eventually('the link comes', 5, () => (ear.links.at(-1)?.up === true ? true : null));
    expect(ear.links.map(({ up }) => up)).toEqual([true, false, true]);
    wire.transmit(arpRequest([0x81, 0x00, 0x00, 0x64]), 64);
    await ear.next();
    await wire.close();
  });

  it('closes cleanly: what waits is sent, nothing is delivered any more, no descriptor stays', async () => {
    const before = packetSockets();
    const file = peers.path('close.pcapng');
    const recorder = await Recorder.start(peers, 'port1', file);
    for (let round = 0; round < 20; round++) {
      const { wire, ear } = open();
      wire.transmit(arpRequest([0x81, 0x00, 0x00, 0x64]), 64);
      const closing = wire.close();
      wire.transmit(arpRequest([0x81, 0x00, 0x00, 0x64]), 64);
      await closing;
      await wire.close();
      expect(ear.frames).toEqual([]);
    }
    await recorder.stop();
    const sent = await readCapture(file, 'arp.opcode == 1 && eth.src == 02:00:5e:00:00:79', ['frame.number']);
    expect(sent.length).toBe(20);
    expect(packetSockets()).toBe(before);
  });

  it('refuses a name that is no interface, with those that are', () => {
    expect(() => AfPacketWire.open({ interface: 'nowhere9' })).toThrow(
      /^no network interface "nowhere9" here; there are .*\braw0\b/,
    );
    expect(() => AfPacketWire.open({ interface: 'a-name-that-is-far-too-long' })).toThrow(/^no network interface/);
  });

  const asProcess = async (...prefix: readonly string[]): Promise<{ daemon: Daemon; status: number | null }> => {
    const program = [process.execPath, builtProgram('open-wire-process.ts')];
    const daemon = peers.start('open-wire', [...prefix, ...program, 'port1']);
    return { daemon, status: await daemon.ended(20) };
  };

  it('says in one sentence, with exit code 4, that it lacks CAP_NET_RAW', async () => {
    const allowed = await asProcess();
    expect([allowed.daemon.log, allowed.status]).toEqual(['opened\n', 0]);
    const without = await asProcess('setpriv', '--bounding-set', '-net_raw', '--inh-caps', '-net_raw');
    expect(without.daemon.log).toBe(
      'no right to open "port1" raw: run as root, or give node the capability CAP_NET_RAW\n',
    );
    expect(without.status).toBe(4);
  });
});
