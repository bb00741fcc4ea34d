/** A golden trace of an 8861 with a SIP load: registration and a call, as readable text. What changes from run to run by design is written as `#`. */
import { describe, expect, it } from 'vitest';
import { MemoryTcp } from '../../bench/support/memory-tcp.ts';
import { SipStation } from '../../bench/support/sip-station.ts';
import type { CallMedia } from '../../firmware/protocols/calls.ts';
import type { Key } from '../../hal/panel.ts';
import { MILLISECOND, SECOND } from '../../hal/timer.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { SipCallManager } from '../../lab/sip-call-manager/sip-call-manager.ts';

const FIRST_MAC = 0x0200_5ec0_0000;

function media(address: number): CallMedia {
  const own = { address, port: 16_384 };
  return { open: () => own, send: () => own, stopSending: () => {}, close: () => {}, report: () => null };
}

/** A message without its header fields' chance, and without the lines that are of no phone. */
function readable(octets: Uint8Array): string[] {
  const text = Buffer.from(octets).toString('latin1');
  return text
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replace(/(branch=z9hG4bK)[\w.-]+/g, '$1#')
        .replace(/((?:to-|from-)?tag=)[\w.~-]+/g, '$1#')
        .replace(/^(Call-ID: |Cisco-Guid: |RegisterCallId=\{).*?(\}?)$/, '$1#$2')
        .replace(/^(Session-ID: )[0-9a-f]{32};remote=(?!0{32})[0-9a-f]{32}/, '$1#;remote=#')
        .replace(/^(Session-ID: )[0-9a-f]{32}/, '$1#')
        .replace(/^(o=Cisco-SIPUA )\d+/, '$1#')
        .replace(/^(Refer-To: |Content-Id: ).*/, '$1#'),
    );
}

/** All that passes between the phone and the call manager while it registers, calls 2001, is answered, and hangs up. */
function trace(): string {
  const timeline = new VirtualTimeline();
  const network = new MemoryTcp(timeline, 0x0a00_0001, MILLISECOND);
  const devices = new DeviceTable();
  const range = { count: 2, firstNumber: 2000, lineCount: 1, model: '8861', deviceType: 685 };
  devices.addRange({ ...range, firstMac: FIRST_MAC, protocol: 'sip' });
  new SipCallManager({ name: 'cm1', node: '10.0.0.1', timeline, sockets: network, devices }).start();
  const lines: string[] = [];
  const stations = [0, 1].map((index) => {
    const address = 0x0a00_0010 + index;
    const station = new SipStation(timeline, {
      mac: FIRST_MAC + index,
      number: `${2000 + index}`,
      address,
      media: media(address),
    });
    return station;
  });
  const [phone, other] = stations as [SipStation, SipStation];
  const data = phone.data.bind(phone);
  phone.data = (now, octets) => {
    lines.push('', '<<<', ...readable(octets));
    data(now, octets);
  };
  const connect = network.connectFrom.bind(network);
  network.connectFrom = (address, port, sink) => {
    const socket = connect(address, port, sink);
    const write = socket.write.bind(socket);
    socket.write = (now, octets) => {
      lines.push('', '>>>', ...readable(octets));
      return write(now, octets);
    };
    return socket;
  };
  phone.dial(network);
  network.connectFrom = connect;
  other.dial(network);
  const run = () => timeline.runUntil(timeline.now() + SECOND);
  const press = (station: SipStation, keys: readonly Key[]) => {
    for (const key of keys) station.input({ kind: 'key', key });
    run();
  };
  run();
  press(phone, ['hookOff', '2', '0', '0', '1', '#']);
  press(other, ['hookOff']);
  press(phone, ['hookOn']);
  return `${lines.join('\n').trimStart()}\n`;
}

describe('an 8861 with SIP', () => {
  it('says this when it registers and calls', async () => {
    await expect(trace()).toMatchFileSnapshot('golden/sip-8861.txt');
  });
});
