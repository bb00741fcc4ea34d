import { describe, expect, it } from 'vitest';
import { chooseTftpServers, type TftpServerFacts } from './tftp-servers.ts';

const NOTHING: TftpServerFacts = { alternate: null, option150: [], option66: null, siaddr: 0, domain: null };
const EVERYTHING: TftpServerFacts = {
  alternate: [0x0a000001, 0x0a000002],
  option150: [0x0a000003, 0x0a000004, 0x0a000005],
  option66: 'tftp.example',
  siaddr: 0x0a000006,
  domain: 'example.com',
};

describe('chooseTftpServers', () => {
  it('walks down the precedence as sources fall away', () => {
    let facts = EVERYTHING;
    expect(chooseTftpServers(facts)).toEqual({ source: 'alternate', servers: [0x0a000001, 0x0a000002] });
    facts = { ...facts, alternate: null };
    expect(chooseTftpServers(facts)).toEqual({ source: 'option150', servers: [0x0a000003, 0x0a000004] });
    facts = { ...facts, option150: [] };
    expect(chooseTftpServers(facts)).toEqual({ source: 'option66', servers: [], needsResolve: 'tftp.example' });
    facts = { ...facts, option66: null };
    expect(chooseTftpServers(facts)).toEqual({ source: 'siaddr', servers: [0x0a000006] });
    facts = { ...facts, siaddr: 0 };
    expect(chooseTftpServers(facts)).toEqual({ source: 'dns', servers: [], needsResolve: 'CiscoCM1.example.com' });
    expect(chooseTftpServers(NOTHING)).toBeNull();
  });

  it('takes option 66 as an address when it is one', () => {
    expect(chooseTftpServers({ ...NOTHING, option66: ' 192.0.2.7 ' })).toEqual({
      source: 'option66',
      servers: [0xc0000207],
    });
    expect(chooseTftpServers({ ...NOTHING, option66: '  ' })).toBeNull();
  });

  it('does not take 0.0.0.0 for a server', () => {
    expect(chooseTftpServers({ ...EVERYTHING, alternate: [0, 0x0a000002] })?.source).toBe('option150');
    expect(chooseTftpServers({ ...NOTHING, alternate: [0x0a000001, 0] })?.servers).toEqual([0x0a000001]);
    expect(chooseTftpServers({ ...NOTHING, option150: [0], siaddr: 0x0a000006 })?.source).toBe('siaddr');
  });

  it('goes on behind a source whose name did not resolve', () => {
    expect(chooseTftpServers({ ...EVERYTHING, alternate: null, option150: [] }, 'option66')?.source).toBe('siaddr');
    expect(chooseTftpServers(EVERYTHING, 'dns')).toBeNull();
  });
});
