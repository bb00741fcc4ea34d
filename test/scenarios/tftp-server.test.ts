import { describe, expect, it } from 'vitest';
import { networkOf } from '../../lab/networks.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const { base } = networkOf(100);
/** The lab's TFTP servers are .0.3 and .0.4; .0.77 is nobody. */
const FIRST = base + 3;
const SECOND = base + 4;

function chosen(options: TestWorldOptions, prepare: (world: TestWorld) => void = () => {}) {
  const world = new TestWorld(options);
  prepare(world);
  world.powerOn(0);
  world.runUntil('tftp.server', 120);
  return { ...world.all('tftp.server')[0]!, world };
}

/** What a DHCP server may say about TFTP, all of it different. */
const EVERYTHING = { tftpServers: [SECOND, FIRST], tftpServerName: '10.100.0.77', nextServer: base + 78 };

describe('where the phone gets its files from, in this order', () => {
  it('1. the alternate TFTP server of its settings', () => {
    const settings = { alternateTftp: 'on', tftp1: '10.100.0.3', tftp2: '10.100.0.4' };
    expect(chosen({ settings, lab: { dhcp: EVERYTHING } })).toMatchObject({
      source: 'alternate',
      servers: ['10.100.0.3', '10.100.0.4'],
    });
  });

  it('2. option 150: the first two', () => {
    const tftpServers = [FIRST, SECOND, base + 5];
    expect(chosen({ lab: { dhcp: { ...EVERYTHING, tftpServers } } })).toMatchObject({
      source: 'option150',
      servers: ['10.100.0.3', '10.100.0.4'],
    });
  });

  it('3. option 66, an address as text', () => {
    expect(chosen({ lab: { dhcp: { ...EVERYTHING, tftpServers: [] } } })).toMatchObject({
      source: 'option66',
      servers: ['10.100.0.77'],
    });
  });

  it('3. option 66, a name that DNS knows', () => {
    const dhcp = { ...EVERYTHING, tftpServers: [], tftpServerName: 'tftp1.lab.example' };
    expect(chosen({ lab: { dhcp } })).toMatchObject({ source: 'option66', servers: ['10.100.0.3'] });
  });

  it('4. siaddr, the next server', () => {
    const dhcp = { ...EVERYTHING, tftpServers: [], tftpServerName: '' };
    expect(chosen({ lab: { dhcp } })).toMatchObject({ source: 'siaddr', servers: ['10.100.0.78'] });
  });

  it('5. CiscoCM1 in the domain', () => {
    const dhcp = { tftpServers: [], tftpServerName: '' };
    expect(chosen({ lab: { dhcp } })).toMatchObject({ source: 'dns', servers: ['10.100.0.3'] });
  });
});

describe('when a source is of no use', () => {
  it('a name in option 66 that DNS does not know gives way to the next one, and the status menu says so', () => {
    const dhcp = { tftpServers: [], tftpServerName: 'nobody.lab.example' };
    const { source, world } = chosen({ lab: { dhcp } });
    expect(source).toBe('dns');
    expect(world.statuses()).toContain('DNS unknown host');
  });

  it('Alternate TFTP with Server 1 empty is as good as off', () => {
    expect(chosen({ settings: { alternateTftp: 'on' } }).source).toBe('option150');
  });

  it('Server 1 that is set counts for nothing while Alternate TFTP is off', () => {
    expect(chosen({ settings: { tftp1: '10.100.0.77' } }).source).toBe('option150');
  });

  it('none at all: the phone asks again, and finds one as soon as it is there', () => {
    const world = new TestWorld({ lab: { dhcp: { tftpServers: [], tftpServerName: '', domainName: '' } } });
    world.powerOn(0);
    world.run(60);
    expect(world.outcomes()['tftp-server']).toBe('failed (tftp.no-server)');
    expect(world.statuses()).toContain('TFTP error');
    expect(world.screen()).toContain('Configuring IP');
  });
});

describe('two servers', () => {
  it('the second is asked for what the first does not answer, for each file anew', () => {
    const world = new TestWorld({ lab: { tftpServers: 2 } });
    world.lab.tftp[0]!.stop();
    world.powerOn(0);
    world.runUntil('registration.accepted', 300);
    const asked = world.all('file.request').map(({ server }) => server);
    expect(asked.slice(0, 4)).toEqual(['10.100.0.3', '10.100.0.4', '10.100.0.3', '10.100.0.4']);
  });

  it('of the settings alone: what DHCP says is not looked at, even when they are dead', () => {
    const world = new TestWorld({ settings: { alternateTftp: 'on', tftp1: '10.100.0.77', tftp2: '10.100.0.78' } });
    world.powerOn(0);
    world.run(120);
    expect(new Set(world.all('file.request').map(({ server }) => server))).toEqual(
      new Set(['10.100.0.77', '10.100.0.78']),
    );
  });
});
