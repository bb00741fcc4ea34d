import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName, formatMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { eventually } from './support/eventually.ts';
import { Lldpd, type LldpdNeighbor } from './support/lldpd.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { WirePhone } from './support/wire-phone.ts';

const NAME = deviceName(autoMac(0, 0, 0));
const VOICE_VLAN = 100;

describe('what lldpd reads in our announcements', () => {
  const model = modelNamed('7975')!;
  let peers: PeerNamespace;
  let lldpd: Lldpd;
  let phone: WirePhone;

  beforeAll(async () => {
    peers = new PeerNamespace('neighbors');
    peers.link('cdp0', 'port1');
    lldpd = await Lldpd.start(peers, { interface: 'port1', voiceVlan: VOICE_VLAN, cdp: true });
    phone = new WirePhone({ interface: 'cdp0' });
    phone.phone.powerOn();
    await phone.next('vlan.learned', 15);
  });
  afterAll(async () => {
    await phone?.close();
    await peers?.close();
  });

  const neighbor = async (protocol: string, complete: (text: string) => boolean): Promise<string> =>
    await eventually(
      `lldpd knows us by ${protocol}`,
      10,
      () => {
        const found = lldpd.neighbors().find((one: LldpdNeighbor) => one.via === protocol);
        const text = JSON.stringify(found);
        return found !== undefined && complete(text) ? text : null;
      },
      () => JSON.stringify(lldpd.neighbors(), null, 1),
    );

  it('CDP version 2: device, platform, capabilities, software', async () => {
    const text = await neighbor('CDPv2', () => true);
    expect(text).toContain(`"value":"${NAME}"`);
    expect(text).toContain(model.platform);
    expect(text).toContain(model.loads.sccp!);
    // Of CDP's capabilities lldpd knows no telephone; a host it calls a station.
    expect(text).toContain('"type":"Station","enabled":true');
    expect(text).toContain('"value":"Port 1"');
  });

  it('LLDP with LLDP-MED: class III, policy of the voice VLAN, inventory, power', async () => {
    const text = await neighbor('LLDP', (found) => found.includes(`"vid":"${VOICE_VLAN}"`));
    expect(text).toContain(NAME);
    expect(text).toContain('Communication Device Endpoint (Class III)');
    expect(text).toMatch(/"type":"Tel","enabled":true/);
    for (const value of ['Cisco Systems, Inc.', model.productId, phone.phone.board.serial])
      expect(text).toContain(value);
    expect(text.toUpperCase()).toContain(formatMac(phone.phone.nic.mac));
  });

  it('the phone in turn has heard lldpd by both', () => {
    const via = phone.all('neighbor').map((one) => [one.via, one.device, one.port]);
    expect(via).toContainEqual(['lldp', expect.stringContaining('test-switch'), 'Gi1/0/1']);
    expect(via).toContainEqual(['cdp', 'test-switch', expect.any(String)]);
  });

  it('a policy for signalling is taken over, and a changed one too', async () => {
    const policy = (dscp: string): void =>
      lldpd.configure(
        ...['ports', 'port1', 'med', 'policy', 'application', 'voice-signaling'],
        ...['tagged', 'vlan', String(VOICE_VLAN), 'priority', 'excellent-effort', 'dscp', dscp],
      );
    const marked = (dscp: number) => () =>
      phone.all('marking').some(({ signalling, source }) => source === 'policy' && signalling.dscp === dscp)
        ? true
        : null;
    policy('26');
    await phone.until('signalling is marked with DSCP 26', 15, marked(26));
    policy('40');
    await phone.until('signalling is marked with DSCP 40', 15, marked(40));
  });

  it('the phone is forgotten when it goes', async () => {
    await phone.close();
    await eventually('LLDP says good-bye', 5, () =>
      lldpd.neighbors().some((one) => one.via === 'LLDP') ? null : true,
    );
  });
});
