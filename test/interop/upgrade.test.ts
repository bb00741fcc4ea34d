import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { flashInfo } from '../../images/public.ts';
import { imageLoad, type Load } from '../../lab/public.ts';
import { testImageNamed } from '../support/test-images.ts';
import { startNginx } from './support/nginx.ts';
import { PHONE_INTERFACE, SERVER, startVoiceNetwork, type VoiceNetwork } from './support/voice-network.ts';
import { WirePhone } from './support/wire-phone.ts';

const NAME = deviceName(autoMac(0, 0, 0));
const LINES = [{ directoryNumber: '2001', label: '2001', displayName: 'Phone 2001' }];
/** On a machine that does other things besides. */
const UPGRADE_SECONDS = 60;

/** The first model asks for files by TFTP, the second by HTTP before that. */
describe.each([
  ['tftpd-hpa', '7975', 'tftp'],
  ['nginx on 6970', '6961', 'http'],
] as const)('an upgrade from %s, with files laid out as a call manager does', (_server, name, via) => {
  const model = modelNamed(name)!;
  let network: VoiceNetwork;
  let phone: WirePhone;
  let load: Load;

  beforeAll(async () => {
    load = imageLoad(await testImageNamed('newer'));
    const device = { name: NAME, model: name, deviceType: model.deviceType, lines: LINES, load: load.name };
    network = await startVoiceNetwork(`upgrade-${via}`, {
      devices: [device],
      files: Object.fromEntries(load.files),
      tftp: 'tftpd-hpa',
    });
    if (via === 'http') await startNginx(network.peers, SERVER, network.files);
    phone = new WirePhone({ interface: PHONE_INTERFACE, model: name });
    try {
      phone.phone.powerOn();
      await phone.next('registration.accepted', UPGRADE_SECONDS);
    } finally {
      await phone.close();
    }
  });

  afterAll(() => network?.peers.close());

  it('is fetched, tried, confirmed and registered', () => {
    const factory = model.loads.sccp;
    expect(phone.all('load.update')).toEqual([{ from: factory, to: load.name, outcome: 'installed' }]);
    const boots = phone.all('boot.handoff').map(({ load: booted, trial }) => [booted, trial]);
    expect(boots).toEqual([
      [factory, false],
      [load.name, true],
    ]);
    expect(phone.all('boot.confirmed')).toMatchObject([{ load: load.name, securityCounter: 2 }]);
    expect(flashInfo(phone.flash).slots[1]).toMatchObject({ state: 'confirmed', load: load.name });
  });

  it(`both files come by ${via}, whole`, () => {
    const received = phone.all('file.done').filter(({ outcome }) => outcome === 'received');
    for (const [file, octets] of load.files) {
      expect(received).toContainEqual(expect.objectContaining({ name: file, via, bytes: octets.length }));
    }
    if (via === 'tftp') return;
    const served = readFileSync(network.peers.path('nginx-access'), 'utf8');
    for (const file of load.files.keys()) expect(served).toContain(`"GET /${file} HTTP/1.1" 200`);
  });

  it('the call manager hears of the new load at registration', () => {
    const registrations = network.events().filter(({ type }) => type === 'registration');
    expect(registrations[0]).toMatchObject({ outcome: 'registered', device: NAME });
  });
});
