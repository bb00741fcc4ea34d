import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { startNginx } from './support/nginx.ts';
import { complaints } from './support/tshark.ts';
import { PHONE_INTERFACE, SERVER, startVoiceNetwork, type VoiceNetwork } from './support/voice-network.ts';
import { WirePhone } from './support/wire-phone.ts';

const MODEL = modelNamed('6961')!;
const NAME = deviceName(autoMac(0, 0, 0));
const LINES = [{ directoryNumber: '2001', label: '2001', displayName: 'Phone 2001' }];

describe('files by HTTP from nginx on port 6970', () => {
  let network: VoiceNetwork;
  let phone: WirePhone;
  let capture = '';

  beforeAll(async () => {
    const device = { name: NAME, model: MODEL.name, deviceType: MODEL.deviceType, lines: LINES };
    network = await startVoiceNetwork('http', { devices: [device] });
    await startNginx(network.peers, SERVER, network.files);
    capture = network.peers.path('phone.pcapng');
    phone = new WirePhone({ interface: PHONE_INTERFACE, model: MODEL.name, capture });
    try {
      phone.phone.powerOn();
      await phone.next('registration.accepted', 30);
    } finally {
      await phone.close();
    }
  });

  afterAll(() => network?.peers.close());

  const done = () => phone.all('file.done').map(({ name, via, outcome }) => `${via} ${name} ${outcome}`);

  it('the configuration comes by HTTP', () => {
    expect(done()).toContain(`http ${NAME}.cnf.xml received`);
  });

  it('what nginx does not have is asked for by TFTP as well', () => {
    expect(done().slice(0, 2)).toEqual([`http CTL${NAME}.tlv not-found`, `tftp CTL${NAME}.tlv not-found`]);
  });

  it('nginx understood each request', () => {
    const lines = readFileSync(network.peers.path('nginx-access'), 'utf8').trim().split('\n');
    expect(lines.map((line) => / "(\S+ \S+ \S+)" (\d+)/.exec(line)?.slice(1, 3).join(' '))).toContain(
      `GET /${NAME}.cnf.xml HTTP/1.1 200`,
    );
  });

  it('tshark has nothing to complain about', async () => {
    expect(await complaints(capture)).toEqual([]);
  });
});
