/** The phone's own configuration by HTTPS on port 6971 from nginx, whose certificate an ITL of `sepia lab pki` names. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import { clusterItl } from '../../lab/pki/cluster-lists.ts';
import { createLabPki, type Identity, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { signFile } from '../../lab/pki/signed-file-writer.ts';
import { startNginx } from './support/nginx.ts';
import { complaints } from './support/tshark.ts';
import { PHONE_INTERFACE, SERVER, startVoiceNetwork, type VoiceNetwork } from './support/voice-network.ts';
import { WirePhone } from './support/wire-phone.ts';

const MODEL = modelNamed('6961')!;
const NAME = deviceName(autoMac(0, 0, 0));
const LINES = [{ directoryNumber: '2001', label: '2001', displayName: 'Phone 2001' }];
const NOW = Math.floor(Date.now() / 1_000);

describe.each<[string, (pki: LabPki) => Identity, readonly string[]]>([
  ['the certificate that the ITL names', (pki) => pki.tftp, [`https ${NAME}.cnf.xml.sgn received`]],
  [
    'a certificate that it does not name',
    () => selfSigned({ commonName: SERVER, keyKind: 'ec-p256', now: NOW }),
    [`https ${NAME}.cnf.xml.sgn error`, `http ${NAME}.cnf.xml.sgn received`],
  ],
])('nginx on port 6971 with %s', (_what, shown, expected) => {
  let network: VoiceNetwork;
  let phone: WirePhone;
  let capture = '';

  beforeAll(async () => {
    const device = { name: NAME, model: MODEL.name, deviceType: MODEL.deviceType, lines: LINES };
    network = await startVoiceNetwork(`https${expected.length}`, { devices: [device] });
    const pki = createLabPki({ host: SERVER, now: NOW });
    const nodes = [{ host: SERVER, address: parseIpv4(SERVER)! }];
    const at = (name: string): string => `${network.files}/${name}`;
    writeFileSync(at(`ITL${NAME}.tlv`), clusterItl({ pki, nodes, digest: 'sha1', now: NOW }));
    const plain = readFileSync(at(`${NAME}.cnf.xml`));
    const filename = `${NAME}.cnf.xml.sgn`;
    const signer = pki.callManager;
    writeFileSync(at(filename), signFile(plain, { signer, digest: 'sha1', filename, version: [1, 0], timestamp: NOW }));
    await startNginx(network.peers, SERVER, network.files, shown(pki));
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

  it('gives the configuration, or the phone asks elsewhere', () => {
    const own = phone.all('file.done').filter(({ name }) => name.startsWith(NAME));
    expect(own.map(({ via, name, outcome }) => `${via} ${name} ${outcome}`)).toEqual(expected);
    expect(phone.all('config.applied')).toMatchObject([{ signature: 'verified' }]);
  });

  it('was asked over TLS only when it was the right one', () => {
    const lines = readFileSync(network.peers.path('nginx-access'), 'utf8').trim().split('\n');
    const overTls = lines.filter((line) => line.startsWith('TLSv'));
    expect(overTls.length).toBe(expected.length === 1 ? 1 : 0);
  });

  it('tshark has nothing to complain about', async () => {
    expect(await complaints(capture)).toEqual([]);
  });
});
