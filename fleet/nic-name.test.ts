import { describe, expect, it } from 'vitest';
import { parseNic, reachesOthers } from './nic-name.ts';

describe('--nic', () => {
  it.each([
    ['virtual', { kind: 'virtual' }],
    ['eth1', { kind: 'af-packet', interface: 'eth1' }],
    ['af-packet:eth1.100', { kind: 'af-packet', interface: 'eth1.100' }],
  ])('%s is a wire', (text, nic) => expect(parseNic(text)).toEqual(nic));

  it.each(['', 'libpcap:eth1', 'user:', 'eth1/2', 'a-name-that-is-too-long', 'udp:here', 'af-packet:'])(
    '"%s" gets one sentence',
    (text) => expect(parseNic(text)).toMatch(/^--nic .*\.$/),
  );

  it('reaches others unless it is virtual or a tunnel on loopback', () => {
    const reaches = (text: string) => {
      const nic = parseNic(text);
      return typeof nic === 'string' ? nic : reachesOthers(nic);
    };
    expect(reaches('virtual')).toBe(false);
    expect(reaches('udp:127.0.0.1:5000,127.0.0.1:5001')).toBe(false);
    expect(reaches('udp:192.0.2.1:5000,192.0.2.2:5001')).toBe(true);
    expect(reaches('eth1')).toBe(true);
  });
});
