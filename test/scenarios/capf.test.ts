import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import type { CapfOrder } from '../../lab/capf-server.ts';
import { createLabPki, type Identity, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { Settings } from '../../storage/settings.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;
const NAME = 'SEP020000000000';
const SECRET = '7351928460';

let pki: LabPki;
let otherCluster: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
  otherCluster = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
});

const INSTALL: CapfOrder = { operation: 'install', authentication: 'null-string', key: 'rsa-1024' };
const DELETE: CapfOrder = { operation: 'delete', authentication: 'null-string' };
const WITH_STRING: CapfOrder = { ...INSTALL, authentication: 'auth-string', string: SECRET };

/** A mixed-mode cluster whose only phone has a secure profile. */
function secureWorld(capf: CapfOrder | null, options: TestWorldOptions = {}): TestWorld {
  const ordered = capf === null ? {} : { capf };
  const world = new TestWorld({ ...options, lab: { security: 'encrypted', pki, ...ordered, ...options.lab } });
  world.powerOn(0);
  return world;
}

/** The same cluster, and a phone that may register without TLS. */
function plainWorld(capf: CapfOrder | null, options: TestWorldOptions = {}): TestWorld {
  const lines = [{ directoryNumber: '2001', label: '2001', displayName: '2001' }];
  const device = { name: NAME, model: '7975', deviceType: 437, security: 'none', lines } as const;
  return secureWorld(capf, { ...options, lab: { devices: [device], ...options.lab } });
}

/** Who was spoken to over TLS since the phone last started, and with which own certificate. */
function shaken(world: TestWorld): string[] {
  const start = world.events.map(({ type }) => type).lastIndexOf('boot.handoff');
  return world.events
    .slice(start)
    .filter(({ type, fields }) => type === 'tls.handshake' && fields.outcome === 'complete')
    .map(({ fields }) => `${fields.role} ${fields.own}`);
}

const outcomes = (world: TestWorld): string[] => world.all('capf').map(({ outcome }) => outcome);

describe('a phone with a secure profile', () => {
  it.each(['7975', '8861'])(
    '(%s) enrols first and registers then, with the certificate that it has got',
    async (model) => {
      const world = secureWorld(INSTALL, model === '7975' ? {} : { model, protocol: 'sip' });
      const accepted = await world.runHeldUntil('registration.accepted');
      expect(accepted).toMatchObject({ transport: 'tls' });
      expect(world.all('capf')).toEqual([{ host: '10.100.0.11', port: 3804, outcome: 'installed', reason: 'done' }]);
      expect(world.all('lsc')).toMatchObject([{ outcome: 'installed', key: 'RSA-1024' }]);
      // An 8861 has its configuration by HTTPS.
      expect(shaken(world).filter((one) => !one.startsWith('TFTP'))).toEqual(['CAPF mic', 'CCM lsc']);
      expect(world.statuses()).toContain('LSC: Installed');
    },
  );

  it('has its certificate after a reset and after a power cut, and is told that nothing is pending', async () => {
    const world = secureWorld(INSTALL);
    await world.runHeldUntil('registration.accepted');
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    expect(shaken(world)).toEqual(['CAPF lsc', 'CCM lsc']);
    world.phone.powerOff();
    world.phone.powerOn();
    await world.runHeldUntil('registration.accepted');
    expect(shaken(world)).toEqual(['CAPF lsc', 'CCM lsc']);
    expect(outcomes(world)).toEqual(['installed', 'none', 'none']);
    expect(world.lab.capf!.counters).toMatchObject({ sessions: 3, installed: 1, refused: 0 });
  });

  it('makes the key that is ordered, and registers with it', async () => {
    const world = secureWorld({ ...INSTALL, key: 'ec-p256' }, { model: '8861', protocol: 'sip' });
    await world.runHeldUntil('registration.accepted');
    expect(world.all('lsc')).toMatchObject([{ outcome: 'installed', key: 'EC-prime256v1' }]);
    expect(shaken(world)).toContain('CCM lsc');
  });

  it('"doesn\'t register until the CAPF session ends": told to come later it waits, and comes', async () => {
    let isBusy = true;
    const world = secureWorld(null);
    const capf = world.lab.capf!;
    capf.busyFor = () => (isBusy ? 120 : null);
    capf.order(NAME, INSTALL);
    await world.runHeld(60);
    expect(outcomes(world)).toEqual(['later']);
    expect(world.all('stage.leave').at(-1)).toMatchObject({ stage: 'configuration', reason: 'capf.retry-later' });
    expect(world.all('callmanager.connect')).toEqual([]);
    isBusy = false;
    await world.runHeldUntil('registration.accepted');
    expect(outcomes(world)).toEqual(['later', 'installed']);
    expect(world.statuses()).toContain('LSC: Retry later');
  });

  it('proves its MIC, and from then on its LSC, when an upgrade is ordered by existing certificate', async () => {
    const order: CapfOrder = { ...INSTALL, authentication: 'lsc-first' };
    const world = secureWorld(order);
    await world.runHeldUntil('registration.accepted');
    const [first] = world.all('lsc');
    world.lab.capf!.order(NAME, order);
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    const [, second] = world.all('lsc');
    expect([first?.outcome, second?.outcome]).toEqual(['installed', 'installed']);
    expect(second?.serial).not.toBe(first?.serial);
    expect(world.lab.capf!.counters).toMatchObject({ installed: 2, refused: 0 });
  });

  it('proves its MIC though it has an LSC when that is what is ordered', async () => {
    const world = secureWorld(INSTALL);
    await world.runHeldUntil('registration.accepted');
    world.lab.capf!.order(NAME, { ...INSTALL, authentication: 'mic-first' });
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    expect(world.lab.capf!.counters).toMatchObject({ installed: 2, refused: 0 });
  });

  it('without any certificate cannot prove one: the operation fails, and so does the registration', async () => {
    const other = selfSigned({ commonName: 'CP-7975G-SEP020000000001', keyKind: 'rsa-1024', now: NOW });
    const order: CapfOrder = { ...INSTALL, authentication: 'mic-first' };
    const world = secureWorld(order, { identity: () => other });
    await world.runHeldUntil('callmanager.connect');
    expect(outcomes(world)).toEqual(['declined']);
    expect(world.statuses()).toContain('LSC: Update declined');
    expect(world.lab.capf!.counters).toMatchObject({ installed: 0, refused: 1 });
    expect(world.all('lsc')).toEqual([]);
  });

  it('falls back to its MIC when its LSC is deleted', async () => {
    const world = secureWorld(INSTALL);
    await world.runHeldUntil('registration.accepted');
    world.lab.capf!.order(NAME, DELETE);
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    expect(outcomes(world)).toEqual(['installed', 'deleted']);
    expect(shaken(world)).toEqual(['CAPF lsc', 'CCM mic']);
    expect(world.statuses()).toContain('LSC: Not Installed');
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    expect(shaken(world)).toEqual(['CAPF mic', 'CCM mic']);
  });

  it('shows the administrator the certificate that it has', async () => {
    const world = secureWorld({ operation: 'troubleshoot', authentication: 'null-string' });
    await world.runHeldUntil('registration.accepted');
    expect(outcomes(world)).toEqual(['none']);
    world.lab.capf!.order(NAME, INSTALL);
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    world.lab.capf!.order(NAME, { operation: 'troubleshoot', authentication: 'null-string' });
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    expect(outcomes(world)).toEqual(['none', 'installed', 'fetched']);
    expect(world.lab.capf!.counters).toMatchObject({ fetched: 1 });
  });

  it('does not go to CAPF by itself for a string that nobody has given it', async () => {
    const world = secureWorld(WITH_STRING);
    await world.runHeldUntil('registration.accepted');
    expect(outcomes(world)).toEqual([]);
    expect(shaken(world)).toEqual(['CCM mic']);
  });
});

describe('a phone with a non-secure profile', () => {
  it('registers first, enrols then, and starts anew; the profile may be a secure one from then on', async () => {
    const world = plainWorld(INSTALL);
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tcp' });
    expect(outcomes(world)).toEqual([]);
    await world.runHeldUntil('lsc');
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tcp' });
    expect(world.all('power.reset')).toEqual([{ reason: 'reset' }]);
    world.lab.addDevice({ ...world.lab.devices.find(NAME)!, security: 'encrypted' });
    world.phone.reset('reset');
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tls' });
    expect(shaken(world)).toEqual(['CAPF lsc', 'CCM lsc']);
  });

  it('goes back to CAPF, told to come later, and stays registered meanwhile', async () => {
    let isBusy = true;
    const world = plainWorld(null);
    const capf = world.lab.capf!;
    capf.busyFor = () => (isBusy ? 300 : null);
    capf.order(NAME, INSTALL);
    await world.runHeldUntil('registration.accepted');
    await world.runHeld(200);
    expect(outcomes(world)).toEqual(['later']);
    isBusy = false;
    await world.runHeldUntil('lsc');
    expect(world.all('registration.accepted')).toHaveLength(1);
    await world.runHeldUntil('registration.accepted');
  });
});

describe('an authentication string', () => {
  const open: readonly Key[] = ['settings', '*', '*', '#', '3', '3'];

  it('is typed at Security Configuration, LSC: the phone enrols at once and starts anew', async () => {
    const world = plainWorld(WITH_STRING);
    await world.runHeldUntil('registration.accepted');
    await world.runHeld(60);
    expect(outcomes(world)).toEqual([]);
    for (const key of [...open, ...([...SECRET] as Key[])]) world.phone.press(key);
    expect(world.screen()).toContain(`${'*'.repeat(SECRET.length)}_`);
    world.phone.press('softKey1');
    expect(world.screen()).toContain('>3 LSC: Not Installed');
    await world.runHeldUntil('lsc');
    await world.runHeldUntil('registration.accepted');
    for (const key of ['settings', '3'] as const) world.phone.press(key);
    expect(world.screen().some((line) => line.includes('LSC: Installed'))).toBe(true);
  });

  it('that is set before the start is good for a secure profile too: it enrols first', async () => {
    const world = secureWorld(WITH_STRING, { settings: { capfString: SECRET } });
    await world.runHeldUntil('registration.accepted');
    expect(shaken(world)).toEqual(['CAPF mic', 'CCM lsc']);
  });

  it('that is wrong is declined, and nothing is installed', async () => {
    const world = plainWorld(WITH_STRING);
    await world.runHeldUntil('registration.accepted');
    for (const key of [...open, '0', '0', '0', '0', 'softKey1'] as Key[]) world.phone.press(key);
    expect(await world.runHeldUntil('capf')).toMatchObject({ outcome: 'declined', reason: 'declined' });
    await world.runHeld(60);
    expect(world.all('lsc')).toEqual([]);
    expect(world.all('power.reset')).toEqual([]);
  });

  it('may be set before the start; it is used once, and stands in no event', async () => {
    const world = plainWorld(WITH_STRING, { settings: { capfString: SECRET } });
    await world.runHeldUntil('lsc');
    await world.runHeldUntil('registration.accepted');
    await world.runHeld(60);
    const settings = new Settings(RecordStore.open(world.flash(0), FLASH_MAP.settings));
    expect(settings.get('capfString')).toBeNull();
    expect(JSON.stringify(world.events)).not.toContain(SECRET);
  });

  it('is of no use where no operation is configured, and the phone says so', async () => {
    const world = plainWorld(null);
    await world.runHeldUntil('registration.accepted');
    for (const key of [...open, '1', '2', '3', '4', 'softKey1'] as Key[]) world.phone.press(key);
    expect(world.screen()).toContain('No CAPF operation is configured');
  });
});

/** What CUCM gives instead of a file that is encrypted for a key that it does not know. */
const FORERUNNER = `<device><fullConfig>false</fullConfig><capfAuthMode>2</capfAuthMode><capfList><capf>
<phonePort>3804</phonePort><processNodeName>10.100.0.11</processNodeName></capf></capfList>
<certHash></certHash><encrConfig>true</encrConfig></device>`;

describe('configurations that are encrypted', () => {
  it('and for no key that the phone has: it enrols, and asks for its file again', async () => {
    const world: TestWorld = secureWorld(INSTALL, {
      lab: {
        encryptsFiles: true,
        files: ({ name }) => {
          const { capf, cluster } = world.lab;
          const isKnown = capf === null || capf.counters.installed > 0 || !name.endsWith('.cnf.xml.sgn');
          return isKnown ? null : cluster!.sign(name, new TextEncoder().encode(FORERUNNER));
        },
      },
    });
    await world.runHeldUntil('registration.accepted');
    expect(outcomes(world)).toEqual(['installed', 'none']);
    const reasons = world.all('stage.leave').filter(({ stage }) => stage === 'configuration');
    expect(reasons.map(({ reason }) => reason)).toEqual(['capf.enrolled', 'config.own']);
    expect(shaken(world).at(-1)).toBe('CCM lsc');
  });

  it('are for the LSC once there is one, which the next file shows', async () => {
    const world = secureWorld(INSTALL, { lab: { encryptsFiles: true } });
    await world.runHeldUntil('registration.accepted');
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    world.phone.reset('reset');
    await world.runHeldUntil('registration.accepted');
    const [last] = world.all('config.applied').slice(-1);
    expect(last).toMatchObject({ name: `${NAME}.cnf.xml.enc.sgn`, encrypted: true });
    expect(world.all('config.applied').some(({ cached }) => cached === true)).toBe(false);
  });
});

describe('a man in the middle', () => {
  it.each<[string, () => Identity, string]>([
    [
      'a certificate that he signed himself',
      () => selfSigned({ commonName: 'Sepia Lab CAPF', keyKind: 'rsa-1024', now: NOW }),
      'peer-unknown',
    ],
    ['the certificate of another role', () => pki.callManager, 'peer-role'],
    ["another cluster's certificate", () => otherCluster.capf, 'peer-unknown'],
  ])(
    'with %s gets no session: the phone tries three times and registers as it can',
    async (_what, identity, reason) => {
      const world = secureWorld(INSTALL, { lab: { peculiarities: { capf: identity() } } });
      await world.runHeldUntil('registration.accepted');
      expect(world.all('tls.peer').filter(({ role }) => role === 'CAPF')).toMatchObject(
        Array.from({ length: 3 }, () => ({ outcome: 'refused', reason })),
      );
      expect(world.all('capf')).toMatchObject([{ outcome: 'failed', reason: 'refused' }]);
      expect(world.statuses()).toContain('TLS Error: 10.100.0.11 is not a trusted CAPF server');
      expect(world.lab.capf!.counters).toMatchObject({ installed: 0, refused: 0 });
      expect(world.all('lsc')).toEqual([]);
      expect(shaken(world).at(-1)).toBe('CCM mic');
    },
  );
});

describe('a CAPF server that is not there', () => {
  it('is tried three times, 30 seconds apart, before the phone goes on', async () => {
    const world = secureWorld(INSTALL);
    world.lab.capf!.stop(0);
    await world.runHeldUntil('registration.accepted');
    const [failed] = world.events.filter(({ type }) => type === 'capf');
    expect(failed!.fields).toMatchObject({ outcome: 'failed', reason: 'refused' });
    const entered = world.events.find(({ type }) => type === 'config.applied')!.at;
    expect(failed!.at - entered).toBeGreaterThan(60);
  });
});

describe('a power cut at any flash operation while a board enrols', () => {
  it('leaves a phone that comes back, with a certificate that it can use, or with none and enrols again', async () => {
    const whole = secureWorld(INSTALL);
    await whole.runHeldUntil('registration.accepted');
    const before = whole.flash(0).operations;
    whole.lab.capf!.order(NAME, INSTALL);
    whole.phone.reset('reset');
    await whole.runHeldUntil('registration.accepted');
    const operations = whole.flash(0).operations - before;
    expect(operations).toBeGreaterThan(0);
    let cases = 0;
    for (const isUpgrade of [false, true]) {
      const last = isUpgrade ? operations : before;
      for (let operation = 1; operation <= last; operation++) {
        for (const torn of [0, 40, 4096]) {
          const world = new TestWorld({ lab: { security: 'encrypted', pki, capf: INSTALL } });
          const where = `${isUpgrade ? 'upgrade' : 'install'}, operation ${operation} of ${last}, ${torn} octets`;
          if (isUpgrade) {
            world.powerOn(0);
            await world.runHeldUntil('registration.accepted');
            world.lab.capf!.order(NAME, INSTALL);
            world.flash(0).cutPowerAt(world.flash(0).operations + operation, torn);
            world.phone.reset('reset');
          } else {
            world.flash(0).cutPowerAt(world.flash(0).operations + operation, torn);
            world.powerOn(0);
          }
          await world.runHeld(20);
          expect(world.phone.state, where).toBe('off');
          world.flash(0).restorePower();
          world.phone.powerOn();
          await world.runHeldUntil('registration.accepted');
          expect(shaken(world).at(-1), where).toBe('CCM lsc');
          // An upgrade that was cut off leaves the old one: CAPF is shown it.
          if (isUpgrade) expect(shaken(world)[0], where).toBe('CAPF lsc');
          cases++;
        }
      }
    }
    console.log(`enrolment of a board: ${cases} power cuts`);
    expect(cases).toBeGreaterThan(20);
  }, 240_000);
});

describe('an LSC', () => {
  it('is the lab authority’s, for this phone', async () => {
    const world = secureWorld(INSTALL);
    await world.runHeldUntil('lsc');
    const [lsc] = world.all('lsc');
    expect(lsc).toMatchObject({ subject: `CN=${NAME};OU=Lab;O=Sepia Lab` });
    expect(lsc?.issuer?.split(';').reverse().join('\n')).toBe(new X509Certificate(pki.capf.certificate).subject);
  });

  it('is gone after a factory reset', async () => {
    const world = secureWorld(INSTALL);
    await world.runHeldUntil('registration.accepted');
    world.lab.capf!.stop(world.timeline.now());
    world.phone.reset('reset');
    await world.runHeld(2);
    for (const key of ['#', ...'123456789*0#'] as Key[]) world.phone.press(key);
    await world.runHeldUntil('registration.accepted');
    expect(shaken(world)).toEqual(['CCM mic']);
  });
});
