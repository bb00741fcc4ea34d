/**
 * Step 9 as the documentation tells it: "the call manager identifies the device by its database or, where that does not know it, by auto-registration".
 * What comes of each case: frames, screen, status message and final state.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { isMalformed } from '../../firmware/malformed.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { FrameStream } from '../../firmware/wire/sccp/stream.ts';
import * as sip from '../../firmware/wire/sip/message.ts';
import { MessageStream } from '../../firmware/wire/sip/stream.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { createLabPki, type LabPki } from '../../lab/pki/lab-pki.ts';
import type { Lab, NewDevice } from '../../lab/public.ts';
import { imageLoad, loadFiles } from '../../lab/public.ts';
import { builtImages } from '../support/built-images.ts';
import { tcpPayload } from '../support/tcp-payload.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NAME = deviceName(autoMac(0, 0, 0));
const RANGE = { firstNumber: 9000, lastNumber: 9999 } as const;
const NOW = Date.UTC(2026, 10, 22) / 1_000;

let pki: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
});

/** Messages on the wire between the phone and its call managers, by name, without the long alarm: `> RegisterReq`. */
class Dialogue {
  readonly lines: string[] = [];
  readonly #streams = new Map<string, FrameStream | MessageStream>();

  hear(direction: 'in' | 'out', bytes: Uint8Array): void {
    const segment = tcpPayload(bytes);
    if (segment === null) return;
    const mark = direction === 'out' ? '>' : '<';
    const { port, key, payload } = segment;
    if (port === 2000) {
      this.#stream(key, () => new FrameStream()).push(payload, (octets, offset, length) => {
        const m = sccp.parse(octets, offset, length, 22);
        if (!isMalformed(m) && m.type !== 'XMLAlarm') this.lines.push(`${mark} ${m.type}`);
        return true;
      });
    }
    if (port === 5060) {
      this.#stream(key, () => new MessageStream()).push(payload, (octets, offset, length) => {
        const m = sip.parse(octets, offset, length);
        if (isMalformed(m) || sip.headerValue(m, 'CSeq')?.endsWith(' REFER')) return true;
        this.lines.push(`${mark} ${m.kind === 'request' ? m.method : m.status}`);
        return true;
      });
    }
  }

  #stream<T extends FrameStream | MessageStream>(key: string, make: () => T): T {
    const present = this.#streams.get(key) ?? make();
    this.#streams.set(key, present);
    return present as T;
  }
}

interface Case {
  readonly world: TestWorld;
  readonly dialogue: Dialogue;
  readonly lab: Lab;
}

/** A phone that is switched on in this world; unknown unless `devices` names it. */
function phone(options: TestWorldOptions = {}): Case {
  const dialogue = new Dialogue();
  const world = new TestWorld({
    ...options,
    wire: (wire, _phone, timeline) => tap(wire, timeline, ({ direction, bytes }) => dialogue.hear(direction, bytes)),
    lab: { devices: [], callManagers: 1, modelName: (type) => MODEL_NAMES.get(type) ?? null, ...options.lab },
  });
  world.powerOn(0);
  return { world, dialogue, lab: world.lab };
}

const MODEL_NAMES = new Map(['7975', '8861', '8941'].map((name) => [modelNamed(name)!.deviceType, name]));

function device(fields: Partial<NewDevice> = {}, model = '7975'): NewDevice {
  const lines = [{ directoryNumber: '2001', label: '2001', displayName: 'Alice' }];
  return { name: NAME, model, deviceType: modelNamed(model)!.deviceType, lines, ...fields };
}

function names(world: TestWorld): string[] {
  return world.all('config.applied').map(({ name }) => name);
}

describe('(1) a phone that the database knows', () => {
  it('is registered with its own lines', () => {
    const { world, dialogue } = phone({ lab: { devices: [device()] } });
    expect(world.runUntil('registration.accepted').lines).toEqual(['2001']);
    world.run(1);
    expect(names(world)).toEqual([`${NAME}.cnf.xml`]);
    expect(dialogue.lines.slice(0, 4)).toEqual(['> Alarm', '> RegisterReq', '< RegisterAck', '< CapabilitiesReq']);
    expect(world.screen()[0]).toBe('08:00 11/22/26  2001');
    expect(world.statuses()).toContain(`${NAME}.cnf.xml`);
    expect(world.statuses().join()).not.toContain('Rejected');
  });
});

describe('(2) a phone that the database knows as something else', () => {
  it('another model: it is rejected for the mismatch', () => {
    const { world, dialogue, lab } = phone({ lab: { devices: [device({}, '7945')] } });
    expect(world.runUntil('registration.rejected').reason).toBe('Error Mismatch');
    expect(dialogue.lines).toEqual(['> Alarm', '> RegisterReq', '< RegisterReject']);
    expect(world.screen()).toContain('Registration Rejected: Error Mismatch');
    expect(world.statuses()).toContain('Registration Rejected: Error Mismatch');
    expect(lab.callManagers[0]!.isRegistered(NAME)).toBe(false);
  });

  it('another model, over SIP: 403 with a warning, and a time to wait', () => {
    const { world, dialogue } = phone({
      model: '8861',
      protocol: 'sip',
      lab: { devices: [device({ protocol: 'sip' }, '8841')] },
    });
    expect(world.runUntil('registration.rejected').reason).toBe('Device type mismatch');
    expect(dialogue.lines).toEqual(['> REGISTER', '< 100', '< 403']);
    expect(world.statuses()).toContain('Registration Rejected: Device type mismatch');
  });

  it('another protocol, and no load for it: the phone stays what it is, and does not try', () => {
    const { world, dialogue } = phone({ lab: { devices: [device({ protocol: 'sip' })] } });
    world.run(30);
    expect(world.statuses()).toContain('Version error');
    expect(world.outcomes()['call-manager']).toBe('failed (protocol.not-supported)');
    expect(dialogue.lines).toEqual([]);
  });

  it('another protocol, with its load: the phone takes that, and registers', () => {
    const { world, dialogue } = phone({ lab: { ...bothLoads(), devices: [device({ protocol: 'sip' })] } });
    expect(world.runUntil('registration.accepted')).toMatchObject({ protocol: 'sip', lines: ['2001'] });
    expect(world.all('load.update')).toEqual([
      { from: 'SCCP75.9-4-2SR3-1S', to: 'SIP75.9-4-2SR3-1S', outcome: 'installed' },
    ]);
    expect(dialogue.lines).not.toContain('> RegisterReq');
  });

  it('another security profile: it comes without TLS until it has read its file again', async () => {
    const { world, lab } = phone({
      lab: { security: 'authenticated', pki, devices: [device({ security: 'none' })] },
    });
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tcp' });
    lab.devices.change(NAME, { security: 'authenticated' });
    lab.stopNode(1, 'fin');
    lab.startNode(1);
    expect((await world.runHeldUntil('registration.rejected')).reason).toBe('Error: Security');
    expect(world.screen()).toContain('Registration Rejected: Error: Security');
    world.phone.reset('keypad');
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tls' });
  });
});

function bothLoads() {
  const images = builtImages();
  const names = { sccp: 'SCCP75.9-4-2SR3-1S', sip: 'SIP75.9-4-2SR3-1S' } as const;
  const { deviceType } = modelNamed('7975')!;
  return {
    files: loadFiles(Object.values(names).map((name) => imageLoad(images(name)))),
    configuration: {
      defaultLoads: (['sccp', 'sip'] as const).map((protocol) => ({
        deviceType,
        model: 'Cisco 7975',
        load: names[protocol],
        protocol,
      })),
    },
  };
}

describe('(3) an unknown phone, auto-registration is on', () => {
  it.each([
    ['7975', 'sccp', '> RegisterReq', '< Reset'],
    ['8861', 'sip', '> REGISTER', '< NOTIFY'],
  ] as const)(
    'a %s over %s reads the default file, registers, and comes again with a file of its own',
    (model, protocol, register, told) => {
      const { world, dialogue, lab } = phone({ model, protocol, lab: { autoRegistration: RANGE } });
      world.runUntil('registration.accepted');
      expect(names(world)).toEqual(['XMLDefault.cnf.xml']);
      expect(world.statuses()).toEqual(
        expect.arrayContaining([`File Not Found: ${NAME}.cnf.xml`, 'XMLDefault.cnf.xml']),
      );
      expect(lab.devices.find(NAME)).toMatchObject({ model, protocol, description: 'Auto 9000', security: 'none' });
      expect(world.runUntil('power.reset').reason).toBe('reset');
      expect(world.all('reset.requested')).toMatchObject([{ kind: 'reset' }]);
      expect(world.runUntil('registration.accepted').lines).toEqual(['9000']);
      world.run(60);
      expect(names(world)).toEqual(['XMLDefault.cnf.xml', `${NAME}.cnf.xml`]);
      expect(dialogue.lines.filter((line) => line === register).length).toBeGreaterThanOrEqual(2);
      expect(dialogue.lines).toContain(told);
      expect(world.screen()[0]).toContain('9000');
      // Once: a phone that has its number is not reset again.
      expect(world.all('reset.requested')).toHaveLength(1);
      expect(lab.devices.size).toBe(1);
    },
  );
});

describe('(4) an unknown phone, and the protocol for those is the other one', () => {
  it('takes the load that the default file names, reboots, and registers with that', () => {
    const { world, lab } = phone({ lab: { ...bothLoads(), autoRegistration: { ...RANGE, protocol: 'sip' } } });
    world.runUntil('registration.accepted');
    expect(world.all('load.update')).toMatchObject([{ to: 'SIP75.9-4-2SR3-1S', outcome: 'installed' }]);
    expect(world.runUntil('registration.accepted')).toMatchObject({ protocol: 'sip', lines: ['9000'] });
    expect(world.all('registration.accepted').map(({ protocol }) => protocol)).toEqual(['sip', 'sip']);
    expect(world.all('power.reset').map(({ reason }) => reason)).toEqual(['load-update', 'reset']);
    expect(lab.devices.find(NAME)).toMatchObject({ protocol: 'sip' });
    expect(world.statuses()).toContain('XMLDefault.cnf.xml');
  });
});

describe('(5) an unknown phone, mixed mode before 11.5: the default file says that auto-registration is disabled', () => {
  const mixed = { security: 'authenticated', release: '8.6', autoRegistration: RANGE } as const;

  it('a 7975 tries all the same, and is rejected', async () => {
    const { world, dialogue, lab } = phone({ lab: { ...mixed, pki } });
    expect((await world.runHeldUntil('registration.rejected')).reason).toBe('Error DBConfig');
    expect(names(world)).toEqual(['XMLDefault.cnf.xml.sgn']);
    expect(dialogue.lines).toEqual(['> Alarm', '> RegisterReq', '< RegisterReject']);
    expect(world.screen()).toContain('Registration Rejected: Error DBConfig');
    expect(world.statuses()).toContain('Registration Rejected: Error DBConfig');
    expect(lab.devices.size).toBe(0);
  });

  it('an 8861 does not try', async () => {
    const { world, dialogue } = phone({ model: '8861', protocol: 'sip', lab: { ...mixed, pki } });
    await world.runHeld(60);
    expect(dialogue.lines).toEqual([]);
    expect(world.outcomes().configuration).toBe('failed (autoregister.disabled)');
    expect(world.statuses()).toContain(`File Not Found: ${NAME}.cnf.xml.sgn`);
  });

  it('an 8941 stays on Configuring IP', async () => {
    const { world, dialogue } = phone({ model: '8941', lab: { ...mixed, pki } });
    await world.runHeldUntil('dhcp.bound');
    world.events.length = 0;
    await world.runHeld(120);
    expect(world.screen()).toContain('Configuring IP');
    expect(world.all('panel')).toEqual([]);
    expect(dialogue.lines).toEqual([]);
  });

  it('an 8961 tries, is refused, and goes blank', async () => {
    const { world, dialogue } = phone({ model: '8961', protocol: 'sip', lab: { ...mixed, pki } });
    await world.runHeldUntil('callmanager.connect');
    await world.runHeld(3);
    expect(dialogue.lines.slice(0, 3)).toEqual(['> REGISTER', '< 100', '< 404']);
    expect(world.screen()).toEqual([]);
  });
});

describe('(6) an unknown phone, mixed mode from 11.5 on', () => {
  const mixed = { security: 'authenticated', release: '11.5', autoRegistration: RANGE } as const;

  it('is taken as in a cluster that is not secure, with the non-secure profile', async () => {
    const { world, lab } = phone({ lab: { ...mixed, pki } });
    await world.runHeldUntil('power.reset');
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tcp', lines: ['9000'] });
    expect(names(world)).toEqual(['XMLDefault.cnf.xml.sgn', `${NAME}.cnf.xml.sgn`]);
    expect(lab.devices.find(NAME)?.security).toBe('none');
  });

  it('but not an 8941', async () => {
    const { world, lab } = phone({ model: '8941', lab: { ...mixed, pki } });
    expect((await world.runHeldUntil('registration.rejected')).reason).toBe('Error DBConfig');
    expect(lab.devices.size).toBe(0);
  });
});

describe('(7) an unknown phone, and the number range is used up', () => {
  it('is rejected, until a number is free again', () => {
    const { world, lab } = phone({ lab: { autoRegistration: { firstNumber: 9000, lastNumber: 9000 } } });
    const other = deviceName(autoMac(0, 0, 1));
    lab.devices.autoRegister(other, { model: '7975', deviceType: 437, protocol: 'sccp' });
    expect(world.runUntil('registration.rejected').reason).toBe('Error DBConfig');
    expect(world.screen()).toContain('Registration Rejected: Error DBConfig');
    lab.devices.delete(other);
    expect(world.runUntil('registration.accepted', 300).host).toBe('10.100.0.11');
    expect(lab.devices.owner('9000')?.name).toBe(NAME);
  });
});

describe('(8) TAPS', () => {
  it('gives a phone that registered itself the identity that was prepared for it', () => {
    const prepared = device({ name: 'BAT000000000001', description: "Alice's" });
    const { world, lab } = phone({ lab: { autoRegistration: RANGE, devices: [prepared] } });
    world.runUntil('power.reset');
    expect(world.runUntil('registration.accepted').lines).toEqual(['9000']);
    expect(lab.devices.adopt(NAME, '2001')).toMatchObject({ name: NAME, description: "Alice's" });
    expect(lab.callManagers[0]!.reset(NAME, 'reset')).toBe(true);
    expect(world.runUntil('registration.accepted').lines).toEqual(['2001']);
    world.run(1);
    expect(world.screen()[0]).toContain('2001');
    expect(lab.devices.owner('9000')).toBeNull();
    expect(lab.devices.size).toBe(1);
  });

  it('refuses a number that nobody waits with, and another kind of phone', () => {
    const { lab } = phone({ lab: { devices: [device(), device({ name: 'BAT000000000002', lines: [] }, '7945')] } });
    expect(lab.devices.adopt(NAME, '2001')).toBe('no device waits for its telephone with 2001');
    lab.devices.change('BAT000000000002', { lines: [{ directoryNumber: '2002', label: '', displayName: '' }] });
    expect(lab.devices.adopt(NAME, '2002')).toBe(`${NAME} is a 7975, not a 7945`);
  });
});

describe('(9) "auto-registration is automatically disabled when you configure the cluster through the CTL client"', () => {
  it('and a phone that is added by hand then registers', async () => {
    const { world, lab } = phone({
      lab: { security: 'authenticated', pki, peculiarities: { ctl: false }, release: '8.6', autoRegistration: RANGE },
    });
    expect(lab.devices.autoRegistration.enabled).toBe(true);
    await world.runHeldUntil('power.reset');
    expect((await world.runHeldUntil('registration.accepted')).lines).toEqual(['9000']);
    lab.configureCtlClient();
    expect(lab.devices.autoRegistration.enabled).toBe(false);
    lab.devices.delete(NAME);
    world.phone.reset('keypad');
    expect((await world.runHeldUntil('registration.rejected')).reason).toBe('Error DBConfig');
    lab.addDevice(device());
    world.phone.reset('keypad');
    expect(await world.runHeldUntil('registration.accepted')).toMatchObject({ transport: 'tls', lines: ['2001'] });
    expect(
      world
        .all('trust.list')
        .filter(({ list }) => list === 'ctl')
        .map(({ outcome }) => outcome),
    ).toContain('installed');
  });
});
