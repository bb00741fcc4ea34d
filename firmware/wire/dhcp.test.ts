import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { sharedPcap } from '../../test/support/shared-pcap.ts';
import { isMalformed } from '../malformed.ts';
import * as dhcp from './dhcp.ts';

const BASE: dhcp.Message = {
  op: dhcp.BOOTREQUEST,
  hops: 0,
  xid: 0x3903f326,
  secs: 0,
  flags: 0,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: 0x02005ec0ffee,
  sname: '',
  file: '',
  options: {},
};

function emitted(message: dhcp.Message): Uint8Array {
  const octets = new Uint8Array(dhcp.lengthOf(message)).fill(0xaa);
  expect(dhcp.emit(message, octets)).toBe(octets.length);
  return octets;
}

function parsed(octets: Uint8Array): dhcp.Message {
  const message = dhcp.parse(octets);
  if (isMalformed(message)) throw new Error(message.reason);
  return message;
}

/** A message of fixed fields and the given octets behind the magic cookie. */
function withOptions(
  options: readonly number[],
  file: readonly number[] = [],
  sname: readonly number[] = [],
): Uint8Array {
  const octets = emitted(BASE).slice(0, 240 + options.length);
  const grown = new Uint8Array(240 + options.length);
  grown.set(octets.subarray(0, 240));
  grown.set(options, 240);
  grown.set(file, 108);
  grown.set(sname, 44);
  return grown;
}

describe('DHCP message', () => {
  it('lays out a phone DISCOVER and pads it to 300 octets', () => {
    const octets = emitted({
      ...BASE,
      options: {
        messageType: dhcp.DISCOVER,
        clientIdentifier: Uint8Array.of(1, 2, 0, 0x5e, 0xc0, 0xff, 0xee),
        hostName: 'SEP02005EC0FFEE',
        vendorClass: 'Cisco Systems, Inc. IP Phone CP-7975G\0',
        parameterRequestList: [1, 66, 6, 3, 15, 150, 35],
      },
    });
    const hex = Buffer.from(octets).toString('hex');
    expect(hex.slice(0, 56)).toBe(`010106003903f326${'00'.repeat(20)}`);
    expect(hex.slice(56, 88)).toBe('02005ec0ffee00000000000000000000');
    expect(hex.slice(472)).toBe(
      [
        '63825363',
        '350101',
        '3d0701' + '02005ec0ffee',
        `0c0f${Buffer.from('SEP02005EC0FFEE').toString('hex')}`,
        `3c26${Buffer.from('Cisco Systems, Inc. IP Phone CP-7975G\0').toString('hex')}`,
        '3707014206030f9623',
        'ff',
      ].join(''),
    );
    expect(octets).toHaveLength(319);
    expect(emitted({ ...BASE, options: { messageType: dhcp.DISCOVER } })).toHaveLength(300);
  });

  it('reads a lease with option 150 and 66 of a server that ends its text with NUL', () => {
    const ack: dhcp.Message = {
      ...BASE,
      op: dhcp.BOOTREPLY,
      yiaddr: 0x0a000005,
      siaddr: 0x0a000001,
      sname: 'server',
      file: 'boot',
      options: {
        messageType: dhcp.ACK,
        serverIdentifier: 0x0a000001,
        leaseTime: 691_200,
        subnetMask: 0xffffff00,
        routers: [0x0a000001],
        domainNameServers: [0x0a000001, 0x0a000002],
        domainName: 'example.com',
        ntpServers: [0x0a000003],
        tftpServerName: 'tftp.example.com',
        tftpServers: [0x0a000001, 0x0a000002],
      },
    };
    expect(parsed(emitted(ack))).toEqual(ack);
    expect(parsed(withOptions([66, 4, 0x61, 0x62, 0, 0, 60, 2, 0x63, 0, 255])).options).toEqual({
      tftpServerName: 'ab',
      vendorClass: 'c\0',
    });
    expect(dhcp.describe(ack)).toBe(
      'DHCP ACK xid 0x3903f326 chaddr 02:00:5e:c0:ff:ee yiaddr 10.0.0.5 siaddr 10.0.0.1 server 10.0.0.1 lease 691200s tftp 10.0.0.1,10.0.0.2',
    );
  });

  it('joins an option that comes in pieces, over file and sname too (RFC 3396)', () => {
    const message = parsed(
      withOptions([52, 1, 3, 6, 4, 10, 0, 0, 1, 255], [6, 4, 10, 0, 0, 2, 255], [6, 4, 10, 0, 0, 3]),
    );
    expect(message.options).toEqual({ domainNameServers: [0x0a000001, 0x0a000002, 0x0a000003] });
    expect([message.file, message.sname]).toEqual(['', '']);
  });

  it('splits a value of more than 255 octets and reads it back', () => {
    const message = { ...BASE, options: { vendorSpecific: new Uint8Array(600).map((_, index) => index & 0xff) } };
    const octets = emitted(message);
    expect([octets[240], octets[241], octets[497], octets[498], octets[754], octets[755]]).toEqual([
      43, 255, 43, 255, 43, 90,
    ]);
    expect(parsed(octets)).toEqual(message);
  });

  it('keeps what it does not know and what has an impossible length', () => {
    const message = parsed(withOptions([224, 2, 1, 2, 1, 3, 255, 255, 255, 51, 0, 255]));
    expect(message.options).toEqual({
      unknown: [
        { type: 224, value: Uint8Array.of(1, 2) },
        { type: 1, value: Uint8Array.of(255, 255, 255) },
        { type: 51, value: new Uint8Array(0) },
      ],
    });
    expect(parsed(emitted(message))).toEqual(message);
  });

  it('puts the relay agent information last (RFC 3046 section 2.1)', () => {
    const options = {
      relayAgentInformation: Uint8Array.of(1, 1, 7),
      unknown: [{ type: 224, value: Uint8Array.of(9) }],
    };
    expect(Array.from(emitted({ ...BASE, options }).subarray(240, 249))).toEqual([224, 1, 9, 82, 3, 1, 1, 7, 255]);
  });

  it('refuses what is no DHCP for Ethernet', () => {
    const reason = (octets: Uint8Array): unknown => {
      const message = dhcp.parse(octets);
      return isMalformed(message) ? message.reason : message;
    };
    expect(reason(new Uint8Array(239))).toMatch(/shorter/);
    expect(reason(new Uint8Array(300))).toMatch(/Ethernet/);
    const noCookie = emitted(BASE);
    noCookie[236] = 0;
    expect(reason(noCookie)).toMatch(/cookie/);
    expect(reason(withOptions([53]))).toMatch(/past the end/);
    expect(reason(withOptions([53, 2, 1]))).toMatch(/past the end/);
    expect(reason(withOptions([52, 1, 1], [6, 200]))).toMatch(/past the end/);
  });

  it('never throws, and reproduces what it accepts', () => {
    const good = emitted({
      ...BASE,
      options: { messageType: 1, hostName: 'x', routers: [1], unknown: [{ type: 9, value: Uint8Array.of(1) }] },
    });
    const mutated = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 })
      .map((changes) => changes.reduce((octets, [at, value]) => octets.fill(value, at, at + 1), good.slice()));
    const optionArea = fc.uint8Array({ maxLength: 120 }).map((options) => withOptions(Array.from(options)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated, optionArea), (octets) => {
        const message = dhcp.parse(octets);
        if (isMalformed(message)) return;
        expect(parsed(emitted(message))).toEqual(message);
        dhcp.describe(message);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});

/** UDP payload of an Ethernet II frame without a tag. */
const payload = (frame: Uint8Array): Uint8Array => frame.subarray(42, 34 + ((frame[38]! << 8) | frame[39]!));

describe('captures', () => {
  const iosDialogue = sharedPcap('packetlife_DHCP.cap');
  const rfc5859Dialogue = sharedPcap('tcpdump_dhcp-rfc5859.pcap');

  it.skipIf(iosDialogue === null)('IOS client and server, through four renewals', () => {
    const messages = iosDialogue!.map((frame) => parsed(payload(frame)));
    expect(messages.map(({ options }) => options.messageType)).toEqual([1, 2, 3, 5, 3, 5, 3, 5, 3, 5, 3, 5]);
    expect(messages[3]!.options).toMatchObject({ leaseTime: 60, renewalTime: 30, rebindingTime: 52, hostName: 'R0' });
    expect(messages[4]!.ciaddr).toBe(0xc0a80003);
    for (const message of messages) expect(parsed(emitted(message))).toEqual(message);
  });

  it.skipIf(rfc5859Dialogue === null)('option 150', () => {
    const messages = rfc5859Dialogue!.map((frame) => parsed(payload(frame)));
    expect(messages.map(({ options }) => options.messageType)).toEqual([1, 2, 3, 5]);
    expect(messages[1]!.options).toMatchObject({ tftpServers: [0xc0a8010a, 0xc0a8010b], leaseTime: 43_200 });
    for (const message of messages) expect(parsed(emitted(message))).toEqual(message);
  });
});
