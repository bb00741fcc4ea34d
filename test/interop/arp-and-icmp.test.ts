import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ipv4Text } from '../../firmware/wire/address.ts';
import { MILLISECOND } from '../../hal/timer.ts';
import { eventually } from './support/eventually.ts';
import { peerRan } from './support/interop-run.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { versionOf } from './support/versions.ts';
import { WireHost } from './support/wire-host.ts';

const MAC = 0x0200_5e00_0078;
const MAC_TEXT = '02:00:5e:00:00:78';
const OURS = 0x0a4e_0002;
const KERNEL = 0x0a4e_0001;
const OURS_TEXT = ipv4Text(OURS);

describe("our ARP and ICMP and the kernel's", () => {
  let peers: PeerNamespace;
  let ours: WireHost;
  let file: string;

  beforeAll(async () => {
    peers = new PeerNamespace('arp');
    peers.link('arp0', 'kernel0', { addresses: [`${ipv4Text(KERNEL)}/24`] });
    file = peers.path('arp.pcapng');
    ours = await new WireHost({ interface: 'arp0', mac: MAC, address: OURS }).linked();
    peerRan('iputils', versionOf('ping', '-V'), 'ping, arping');
  });
  afterAll(async () => {
    await ours?.close();
    await peers?.close();
  });

  // The stack runs in this process: a program that it has to answer must not hold it up.
  const program = async (...command: readonly string[]) => {
    const daemon = peers.start(command[0]!, command);
    const status = await daemon.ended(20);
    return { status, output: daemon.log };
  };

  it('answers arping', async () => {
    const { status, output } = await program('arping', '-c', '2', '-w', '5', '-I', 'kernel0', OURS_TEXT);
    expect(output).toMatch(/Unicast reply from 10\.78\.0\.2 \[02:00:5E:00:00:78\]/);
    expect(status).toBe(0);
  });

  it('says nothing for an address that is not ours', async () => {
    const { status } = await program('arping', '-c', '1', '-w', '1', '-I', 'kernel0', ipv4Text(OURS + 1));
    expect(status).toBe(1);
  });

  it.each([0, 56, 1_472])('answers ping with %d octets', async (octets) => {
    const command = ['ping', '-n', '-c', '3', '-i', '0.1', '-W', '2', '-s', String(octets), '-M', 'do', OURS_TEXT];
    const { status, output } = await program(...command);
    expect(output).toContain('3 packets transmitted, 3 received');
    expect(status).toBe(0);
  });

  it('puts the fragments of a long ping together', async () => {
    const { output } = await program('ping', '-n', '-c', '2', '-i', '0.1', '-W', '2', '-s', '4000', OURS_TEXT);
    expect(output).toContain('2 packets transmitted, 2 received');
  });

  it('defends its address against the detection of duplicates, and the kernel does so against ours', async () => {
    const { status, output } = await program('arping', '-D', '-c', '1', '-w', '2', '-I', 'kernel0', OURS_TEXT);
    expect(output.toLowerCase()).toContain(MAC_TEXT);
    // 1: somebody has it.
    expect(status).toBe(1);
    const probe = async (address: number) => {
      let verdict: boolean | null = null;
      ours.host.stack.probeAddress(ours.timeline.now(), address, 1, 300 * MILLISECOND, (conflict) => {
        verdict = conflict;
      });
      ours.host.wake();
      return await eventually('the probe is over', 5, () => verdict);
    };
    expect(await probe(KERNEL)).toBe(true);
    expect(await probe(OURS + 1)).toBe(false);
  });

  it('reports a closed port, and hears of one', async () => {
    const recorder = await Recorder.start(peers, 'kernel0', file);
    let refused = 0;
    const socket = ours.host.udp(0, () => {}, { unreachable: () => refused++ });
    socket!.send(ours.timeline.now(), { address: KERNEL, port: 9 }, new Uint8Array([1, 2, 3]));
    await eventually('port unreachable of the kernel', 5, () => (refused > 0 ? true : null));
    const { output } = await program(
      'bash',
      '-c',
      `exec 3<>/dev/udp/${OURS_TEXT}/9; echo hello >&3; sleep 0.3; echo again >&3`,
    );
    expect(output).toContain('Connection refused');
    await recorder.stop();
    const unreachable = await readCapture(file, 'icmp.type == 3', ['icmp.code', 'udp.dstport']);
    expect(unreachable).toEqual([
      ['3', '9'],
      ['3', '9'],
    ]);
    expect(await complaints(file)).toEqual([]);
  });
});
