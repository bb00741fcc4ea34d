import { describe, expect, it } from 'vitest';
import { BROADCAST_MAC, CLOSED_FILTER, type LinkState, type Mac } from '../nic.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';
import { type DemuxEnd, WireDemux, type WireDemuxOptions } from './nic-demux.ts';

class TestWire implements WireEnd {
  readonly sent: string[] = [];
  receiver: WireReceiver | null = null;
  state: LinkState = { up: true, speed: 1_000, fullDuplex: true };

  transmit(bytes: Uint8Array, length: number): void {
    this.sent.push(hex(bytes.subarray(0, length)));
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver;
    receiver.link(this.state);
  }

  link(): LinkState {
    return this.state;
  }

  change(up: boolean): void {
    this.state = { ...this.state, up };
    this.receiver!.link(this.state);
  }
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const macHex = (mac: Mac): string => mac.toString(16).padStart(12, '0');
const A: Mac = 0x02005e000001;
const B: Mac = 0x02005e000002;
const C: Mac = 0x02005e000003;
const OUTSIDE: Mac = 0x0200000000aa;

function frame(destination: Mac, source: Mac, rest: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${macHex(destination)}${macHex(source)}${rest}`.replace(/ /g, ''), 'hex'));
}

const arp = (target: string, sender = '0a0000fe', tag = '') =>
  frame(BROADCAST_MAC, OUTSIDE, `${tag}0806 0001 0800 06 04 0001 ${macHex(OUTSIDE)} ${sender} 000000000000 ${target}`);

function dhcpTo(client: Mac): Uint8Array {
  const ip = '4500 0000 0000 0000 40 11 0000 0a0000fe ffffffff';
  const dhcp = `02 01 06 00 ${'00'.repeat(24)} ${macHex(client)}`;
  return frame(BROADCAST_MAC, OUTSIDE, `0800 ${ip} 0043 0044 0000 0000 ${dhcp}`);
}

/** Three telephones behind one wire; `heard` says who got something, in order. */
function world(options: Partial<WireDemuxOptions> = {}) {
  const wire = new TestWire();
  const demux = new WireDemux({ wire, ...options });
  const heard: string[] = [];
  const links: string[] = [];
  const plug = (mac: Mac, name: string): DemuxEnd => {
    const end = demux.plug(mac);
    end.attach({
      frame: (_, length) => heard.push(`${name} ${length}`),
      link: ({ up }) => links.push(`${name} ${up ? 'up' : 'down'}`),
    });
    return end;
  };
  const [a, b, c] = [plug(A, 'a'), plug(B, 'b'), plug(C, 'c')];
  for (const [index, end] of [a, b, c].entries()) {
    end.filter({ ...CLOSED_FILTER, groups: [0x01000ccccccc], addresses: [0x0a000001 + index], broadcastPorts: [68] });
  }
  const fromWire = (bytes: Uint8Array): readonly string[] => {
    heard.length = 0;
    wire.receiver!.frame(bytes, bytes.length);
    return [...heard];
  };
  return { wire, demux, heard, links, a, b, c, fromWire };
}

const settled = (): Promise<void> => Promise.resolve();

describe('demultiplexer, from the wire', () => {
  it('gives unicast to the one with that address', () => {
    const { fromWire, demux } = world();
    expect(fromWire(frame(B, OUTSIDE, '0800'))).toEqual(['b 14']);
    expect(fromWire(frame(0x02005e000009, OUTSIDE, '0800'))).toEqual([]);
    expect(demux.counters().strayFrames).toBe(1);
    expect(fromWire(new Uint8Array(5))).toEqual([]);
  });

  it('gives a group frame to those who subscribed', () => {
    const { fromWire, wire, c } = world();
    c.filter(CLOSED_FILTER);
    expect(fromWire(frame(0x01000ccccccc, OUTSIDE, '0010'))).toEqual(['a 14', 'b 14']);
    expect(wire.sent).toEqual([]);
  });

  it('offers a broadcast ARP only to whom it asks for or comes from, tagged or not', () => {
    const { fromWire } = world();
    expect(fromWire(arp('0a000002'))).toEqual(['b 42']);
    expect(fromWire(arp('0a000002', '0a000002'))).toEqual(['b 42']);
    expect(fromWire(arp('0a0000fe', '0a000003'))).toEqual(['c 42']);
    expect(fromWire(arp('0a000001', '0a0000fe', '8100 0064'))).toEqual(['a 46']);
    expect(fromWire(arp('0a000063'))).toEqual([]);
  });

  it('offers a DHCP broadcast only to the client it names', () => {
    const { fromWire } = world();
    const offer = dhcpTo(C);
    expect(fromWire(offer)).toEqual([`c ${offer.length}`]);
    expect(fromWire(dhcpTo(OUTSIDE))).toEqual([]);
  });

  it('follows a filter that changes', () => {
    const { fromWire, b } = world();
    b.filter({ ...CLOSED_FILTER, addresses: [0x0a000063] });
    expect(fromWire(arp('0a000063'))).toEqual(['b 42']);
    expect(fromWire(arp('0a000002'))).toEqual([]);
  });

  it('offers every group frame to an end whose NIC told nothing', () => {
    const { demux, fromWire, heard } = world();
    const open = demux.plug(0x02005e000004);
    open.attach({ frame: () => heard.push('open'), link: () => {} });
    expect(fromWire(arp('0a000063'))).toEqual(['open']);
  });

  it('says when somebody else uses an address of ours', () => {
    const conflicts: Mac[] = [];
    const { fromWire } = world({ conflict: (mac) => conflicts.push(mac) });
    fromWire(frame(B, A, '0800'));
    fromWire(frame(B, OUTSIDE, '0800'));
    expect(conflicts).toEqual([A]);
  });
});

describe('demultiplexer, from a telephone', () => {
  it('keeps unicast between two of them off the wire, and not within the call of the sender', async () => {
    const { wire, a, heard, demux } = world();
    a.transmit(frame(B, A, '0800'), 14);
    expect(heard).toEqual([]);
    await settled();
    expect(heard).toEqual(['b 14']);
    expect(wire.sent).toEqual([]);
    expect(demux.counters().localFrames).toBe(1);
    a.transmit(frame(OUTSIDE, A, '0800'), 14);
    expect(wire.sent).toHaveLength(1);
  });

  it('sends a broadcast out and offers it to the others by the same rules, never back', async () => {
    const { wire, a, heard } = world();
    const request = frame(BROADCAST_MAC, A, '0806 0001 0800 06 04 0001 000000000000 0a000001 000000000000 0a000002');
    a.transmit(request, request.length);
    await settled();
    expect(heard).toEqual([`b ${request.length}`]);
    expect(wire.sent).toHaveLength(1);
  });

  it('sends what a switch would swallow to the wire only', async () => {
    const { wire, a, heard } = world();
    a.transmit(frame(0x01000ccccccc, A, '0010'), 14);
    a.transmit(frame(0x0180c200000e, A, '88cc'), 14);
    await settled();
    expect(heard).toEqual([]);
    expect(wire.sent).toHaveLength(2);
  });

  it('a phone without power neither hears nor speaks; the others do', () => {
    const { wire, a, fromWire, links } = world();
    links.length = 0;
    a.phy(false);
    expect(links).toEqual(['a down']);
    expect(a.link().up).toBe(false);
    expect(fromWire(frame(A, OUTSIDE, '0800'))).toEqual([]);
    a.transmit(frame(OUTSIDE, A, '0800'), 14);
    expect(wire.sent).toEqual([]);
    wire.change(false);
    expect(links).toEqual(['a down', 'b down', 'c down']);
    wire.change(true);
    a.phy(true);
    expect(links.slice(3)).toEqual(['b up', 'c up', 'a up']);
  });

  it('tells once which addresses there are, and forgets an end that is taken out', async () => {
    const told: Mac[][] = [];
    const { demux, a, fromWire } = world({ macsChanged: (macs) => told.push([...macs]) });
    await settled();
    expect(told).toEqual([[A, B, C]]);
    a.close();
    await settled();
    expect(told.at(-1)).toEqual([B, C]);
    expect(fromWire(frame(A, OUTSIDE, '0800'))).toEqual([]);
    expect(fromWire(arp('0a000001'))).toEqual([]);
    expect(() => demux.plug(B)).toThrow('02005e000002');
    expect(demux.plug(A).mac).toBe(A);
  });
});
