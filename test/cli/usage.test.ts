import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../cli/main.ts';

let out = '';
let err = '';
let directory = '';

beforeEach(() => {
  out = '';
  err = '';
  directory = mkdtempSync(join(tmpdir(), 'sepia-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const UDP = 'udp:127.0.0.1:40000,127.0.0.1:40001';
const path = (name: string): string => join(directory, name);

describe('a bad value gets one sentence and exit code 2', () => {
  it.each([
    [['demo', '--model', '1234'], /--model "1234" is not known/],
    [['demo', '--model', '8861', '--protocol', 'sccp'], /The 8861 speaks SIP only/],
    [['demo', '--protocol', 'h323'], /--protocol takes sccp, sip/],
    [['demo', '--upgrade', 'package.json'], /^package\.json: this is no image/m],
    [['demo', '--lsc', 'null-string'], /--lsc goes with --security/],
    [['demo', '--security', 'encrypted', '--lsc', 'please'], /--lsc takes auth-string, null-string/],
    [['demo', '--security', 'encrypted', '--lsc', 'auth-string'], /--capf-string DIGITS go together/],
    [['demo', '--security', 'encrypted', '--capf-string', '1234'], /--capf-string goes with --lsc auth-string/],
    [
      ['demo', '--security', 'encrypted', '--lsc', 'auth-string', '--capf-string', '12a4'],
      /--capf-string takes 4 to 10 digits/,
    ],
    [['phone', '--nic', 'virtual', '--model', '7975', '--capf-string', '98x76'], /capfString must be .* not "\*\*\*"/],
    [['fleet', '--count', '1', '--capf-string', '1234'], /--capf-string concerns a real wire/],
    [['demo', '--phones', '0'], /--phones takes a whole number from 1/],
    [['demo', '--seed', '-1'], /--seed takes/],
    [['demo', '--timeout', 'soon'], /--timeout takes/],
    [['demo', '--exit-when', 'later'], /--exit-when takes registered, decided, never/],
    [['demo', '--set', 'tftp.tries'], /--set takes NAME=VALUE/],
    [['demo', '--set', 'no.such=1'], /no tunable "no.such"/],
    [['demo', '--set', 'tftp.tries=99'], /a number from 1 to 30/],
    [['demo', '--set', 'vlan.precedence=me'], /takes cdp, lldp, last/],
    [['demo', '--trace', '/nowhere/at/all'], /cannot be written/],
    [['demo', '--pcap', '/nowhere/at/all'], /cannot be written/],
    [['fleet', '--count', '2', '--shards', '0'], /--shards takes a whole number from 1/],
    [['fleet', '--count', '2', '--nic', 'udp:127.0.0.1:40000,127.0.0.1:40001', '--shards', '2'], /one thread/],
    [['phone', '--nic', 'eth1/2', '--model', '7975'], /is no wire/],
    [['doctor', '--network'], /--network looks at a wire: --nic with the name of an interface/],
    [['doctor', '--network', '--nic', 'virtual'], /--network looks at a wire/],
    [['doctor', '--vlan', '100'], /--vlan goes with --network/],
    [['doctor', '--no-borrow'], /--no-borrow goes with --network/],
    [['doctor', '--network', '--nic', UDP, '--vlan', '5000'], /--vlan takes a whole number from 1 to 4094/],
    [['doctor', '--network', '--nic', UDP, '--static', '10.0.0.5/24,10.0.0.1'], /--static needs --tftp/],
    [['doctor', '--network', '--nic', UDP, '--tftp', 'cucm'], /"cucm" is not an IPv4 address/],
    [['doctor', '--network', '--nic', UDP, '--mac', 'ff'], /--mac: "ff" is not a MAC address/],
    [['phone', '--nic', 'udp:1', '--model', '7975'], /udp:LOCAL:PORT,REMOTE:PORT/],
    [['phone', '--nic', 'virtual'], /--model is missing/],
    [['phone', '--nic', UDP, '--model', '7975', '--security', 'encrypted'], /--security is for --nic virtual/],
    [
      ['phone', '--nic', 'virtual', '--security', 'encrypted', '--flash', 'p.flash'],
      /--security with --flash needs --pki/,
    ],
    [['phone', '--nic', 'virtual', '--model', '7975', '--security', 'some'], /--security takes none, authenticated/],
    [['phone', '--nic', 'virtual', '--model', '7975', '--mac', '0'], /not a MAC address/],
    [['phone', '--nic', 'virtual', '--model', '7975', '--mac', '010000000001'], /group address/],
    [['phone', '--nic', 'virtual', '--model', '7975', '--static', '10.0.0.5/24,10.0.0.1'], /needs --tftp/],
    [
      ['phone', '--nic', 'virtual', '--model', '7975', '--static', '10.0.0.5', '--tftp', '10.0.0.1'],
      /ADDRESS\/LENGTH,ROUTER/,
    ],
    [['phone', '--nic', 'virtual', '--model', '7975', '--tftp', '10.0.0.300'], /tftp1 must be an IPv4 address/],
    [['phone', '--nic', 'virtual', '--model', '7975', '--vlan', '5000'], /adminVlan must be a VLAN/],
    [['phone', '--nic', 'virtual', '--model', '7975', '--power', 'solar'], /--power takes poe, external/],
    [['phone', '--nic', 'virtual', '--model', '7975', '--image', '/nowhere'], /cannot be read/],
    [['phone', '--nic', 'virtual', '--flash', '/nowhere'], /cannot be opened/],
    [['fleet'], /--count is missing/],
    [['fleet', '--count', '3', '--rate', '0'], /--rate takes/],
    [['fleet', '--count', '3', '--run', '5000'], /--run takes/],
    [['fleet', '--count', '3', '--nic', 'lo', '--expect', 'home'], /no address and no prefix/],
    [['fleet', 'plan', '--count', 'x'], /--count takes/],
    [['lab', '--nic', 'virtual'], /lab of its own/],
    [['lab', '--nic', 'lo', '--voice-vlan', '0'], /--voice-vlan takes/],
    [['lab', '--nic', 'lo', '--macs', '020000000002-020000000001'], /lies before the first/],
    [['image', 'inspect', '/nowhere'], /cannot be read/],
    [['image', 'build', 'nothing'], /no image "nothing"/],
    [['image', 'keygen', 'k', '--algorithm', 'rsa'], /--algorithm takes/],
    [['flash', 'info', '/nowhere'], /cannot be opened/],
    [['flash', 'create', '/nowhere/p.flash', '--model', '7975'], /cannot be created/],
    [['flash', 'set', 'p.flash', 'ringVolume'], /NAME=VALUE/],
    [['tunables', 'nothing'], /in its name/],
  ])('%j', async (args, sentence) => {
    expect(await main(args)).toBe(2);
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  });

  it('an unknown command or option has exit code 2 as well', async () => {
    expect(await main(['nonsense'])).toBe(2);
    expect(await main(['demo', '--nonsense'])).toBe(2);
  });

  it('commands one after the other in one program leave one listener behind', async () => {
    await main(['tunables', '--quiet']);
    const listening = process.stdout.listenerCount('error');
    for (let run = 0; run < 12; run++) await main(['tunables', '--quiet']);
    expect(process.stdout.listenerCount('error')).toBe(listening);
  });
});

describe('what the machine does not have, and what is refused', () => {
  it('an interface that is not there is exit code 4', async () => {
    expect(await main(['phone', '--nic', 'no-such-nic0', '--model', '7975'])).toBe(4);
    expect(err).toMatch(/no network interface|no right to open/);
  });

  it('the interface of this machine is exit code 5, before it is opened', async () => {
    // The loopback interface has an address wherever this runs.
    expect(await main(['phone', '--nic', 'lo', '--model', '7975'])).toBe(5);
    expect(err).toMatch(/Refused: lo .*--nic-in-use-ok/);
    expect(await main(['lab', '--nic', 'lo'])).toBe(5);
    expect(await main(['fleet', '--nic', 'lo', '--count', '2'])).toBe(5);
  });

  it('more than ten phones on a wire that others may be on is exit code 5', async () => {
    const tunnel = 'udp:127.0.0.1:0,127.0.0.1:1'.replaceAll(':0,', ':40000,').replace('127.0.0.1:1', '192.0.2.1:40001');
    expect(await main(['fleet', '--nic', tunnel, '--count', '11'])).toBe(5);
    expect(err).toContain('--expect');
  });
});

describe('commands that end', () => {
  it('fleet plan prints a CSV file for the call manager on standard output', async () => {
    expect(await main(['fleet', 'plan', '--count', '2', '--run', '5', '--first-number', '0100'])).toBe(0);
    expect(out.split('\n').slice(1, 3)).toEqual([
      '020050000000,Sepia 7975 run 5 phone 0,,,0100,Sepia 0100,Sepia 0100',
      '020050000001,Sepia 7975 run 5 phone 1,,,0101,Sepia 0101,Sepia 0101',
    ]);
  });

  it('a phone boots from the flash file that was made for it, and its capture is private', async () => {
    const flash = path('p.flash');
    const args = [
      'phone',
      '--nic',
      'virtual',
      '--flash',
      flash,
      '--exit-when',
      'registered',
      '--timeout',
      '60',
      '--quiet',
    ];
    expect(await main(['flash', 'create', flash, '--model', '7975', '--mac', '02005EC0FFEE', '--quiet'])).toBe(0);
    expect(await main([...args, '--pcap', path('p.pcapng')])).toBe(0);
    expect(statSync(path('p.pcapng')).mode & 0o777).toBe(0o600);
    expect(await main(['flash', 'info', flash, '--json'])).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ phone: 'SEP02005EC0FFEE', identity: { model: '7975' } });
    expect(await main([...args, '--model', '7960'])).toBe(2);
    expect(err).toMatch(/does not go with/);
    expect(await main(['flash', 'create', flash, '--model', '7975'])).toBe(2);
    expect(err).toMatch(/the file exists/);
  });

  it('an image is signed with an own key and boots where the fuses have it, only there', async () => {
    const image = path('own.img');
    expect(await main(['image', 'keygen', path('own'), '--quiet'])).toBe(0);
    expect(statSync(path('own.key')).mode & 0o777).toBe(0o600);
    const built = new URL('../../images/build/SCCP75.9-4-2SR3-1S.img', import.meta.url).pathname;
    expect(await main(['image', 'sign', built, '--key', path('own.key'), '--out', image, '--quiet'])).toBe(0);
    expect(await main(['image', 'verify', image, '--quiet'])).toBe(1);
    expect(await main(['image', 'verify', image, '--key', path('own.pub'), '--quiet'])).toBe(0);
    const phone = [
      'phone',
      '--nic',
      'virtual',
      '--model',
      '7975',
      '--exit-when',
      'registered',
      '--timeout',
      '60',
      '--quiet',
    ];
    expect(await main([...phone, '--image', image])).toBe(2);
    expect(err).toMatch(/is not in the fuses/);
    expect(await main([...phone, '--image', built])).toBe(0);
  });

  it('a file that is no image is exit code 2', async () => {
    writeFileSync(path('x.img'), 'not an image');
    expect(await main(['image', 'inspect', path('x.img')])).toBe(2);
    expect(err).toMatch(/This is not an image/);
  });
});
