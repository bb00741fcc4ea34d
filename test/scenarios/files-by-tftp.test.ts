import { describe, expect, it } from 'vitest';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

function booted(options: TestWorldOptions = {}, prepare: (world: TestWorld) => void = () => {}): TestWorld {
  const world = new TestWorld(options);
  prepare(world);
  world.powerOn(0);
  world.runUntil('registration.accepted', 300);
  return world;
}

const refusing = (code: number) => ({ files: () => ({ code, text: 'no' }) });

describe('TFTP as the phone does it', () => {
  it('asks without options, in blocks of 512 octets', () => {
    const requests: string[] = [];
    const world = booted({
      lab: {
        files: ({ name }) => {
          requests.push(name.replace(/SEP[0-9A-F]{12}/, 'SEP'));
          return null;
        },
      },
    });
    expect(requests.slice(0, 4)).toEqual(['CTLSEP.tlv', 'ITLSEP.tlv', 'ITLFile.tlv', 'SEP.cnf.xml']);
    const [file] = world.all('file.done').filter(({ outcome }) => outcome === 'received');
    expect(file!.bytes).toBeGreaterThan(512);
  });

  it('asks for larger blocks and windows when its load is said to do so, and gets the same file', () => {
    const sizes = [{}, { 'tftp.blockSize': 1468, 'tftp.windowSize': 8 }].map(
      (tunables) =>
        booted({ tunables })
          .all('file.done')
          .find(({ outcome }) => outcome === 'received')!.bytes,
    );
    expect(sizes[0]).toBe(sizes[1]);
  });
});

describe('two TFTP servers', () => {
  it('the second is asked when the first does not answer', () => {
    const world = booted({ lab: { tftpServers: 2 } }, ({ lab }) => lab.tftp[0]!.stop());
    const first = world.all('file.done').slice(0, 2);
    expect(first).toMatchObject([
      { server: '10.100.0.3', outcome: 'timeout' },
      { server: '10.100.0.4', outcome: 'not-found' },
    ]);
  });

  it('the second is not asked when the first says that there is no such file', () => {
    const world = booted({ lab: { tftpServers: 2 } });
    expect(new Set(world.all('file.done').map(({ server }) => server))).toEqual(new Set(['10.100.0.3']));
  });
});

describe('what the status menu says of a server that', () => {
  it.each<[string, TestWorldOptions['lab'], string]>([
    ['refuses access', refusing(2), 'TFTP access error'],
    ['gives another error', refusing(0), 'TFTP error'],
    [
      'has a configuration larger than 2 MB',
      { files: ({ name }) => (name.startsWith('SEP') ? new Uint8Array(2_100_000) : null) },
      'CFG TFTP Size Error',
    ],
    [
      'has no file for the phone',
      { devices: [], configuration: { defaultFile: false } },
      'File Not Found: XMLDefault.cnf.xml',
    ],
  ])('%s', (_what, lab, message) => {
    const world = new TestWorld({ lab: lab! });
    world.powerOn(0);
    world.run(60);
    expect(world.statuses()).toContain(message);
  });

  it('does not answer, when there is no configuration from before', () => {
    const world = new TestWorld();
    world.lab.tftp[0]!.stop();
    world.powerOn(0);
    world.run(60);
    expect(world.statuses()).toContain('TFTP timeout');
    expect(world.outcomes().configuration).toBe('failed (tftp.timeout)');
    // The machine is there, and says by ICMP that nobody listens: the phone does not wait as long as for a dead one.
    const asked = world.events.find(({ type }) => type === 'file.request')!;
    const given = world.events.find(({ type }) => type === 'file.done')!;
    expect(given.fields).toMatchObject({ outcome: 'timeout' });
    expect(given.at - asked.at).toBeLessThan(1);
  });
});

describe('the configuration of the last time', () => {
  it('is used when no server answers, and asked for again at the next start', () => {
    const world = booted();
    world.lab.tftp[0]!.stop();
    world.phone.reset('keypad');
    world.events.length = 0;
    world.runUntil('registration.accepted', 300);
    expect(world.all('config.applied')).toMatchObject([{ cached: true }]);
    expect(world.statuses()).toContain('TFTP timeout');
  });

  it('is not used when the server says that there is none: the default file is asked for', () => {
    const world = booted();
    world.lab.devices.delete(world.phone.board.deviceName);
    world.phone.reset('keypad');
    world.events.length = 0;
    world.run(30);
    expect(world.statuses()).toContain(`File Not Found: ${world.phone.board.deviceName}.cnf.xml`);
    expect(world.all('config.applied').map(({ name }) => name)).toEqual(['XMLDefault.cnf.xml']);
  });
});
