import { describe, expect, it } from 'vitest';
import { blankFlash } from '../test/support/flash-bench.ts';
import { FLASH_MAP } from './flash-map.ts';
import { RecordStore } from './record-store.ts';
import { parseIpv4, type SettingName, Settings } from './settings.ts';

const onFlash = (flash = blankFlash()): Settings => new Settings(RecordStore.open(flash, FLASH_MAP.settings));

describe('Settings', () => {
  it('are DHCP and nothing else on a new phone', () => {
    expect(onFlash().network()).toEqual({
      dhcp: true,
      address: null,
      mask: null,
      router: null,
      dns: [],
      domain: null,
      alternateTftp: [],
      adminVlan: null,
    });
  });

  it('outlive a restart', () => {
    const flash = blankFlash();
    const settings = onFlash(flash);
    const given: [SettingName, string][] = [
      ['dhcp', 'off'],
      ['address', '10.0.0.5'],
      ['mask', '255.255.255.0'],
      ['router', '10.0.0.1'],
      ['dns1', '10.0.0.2'],
      ['domain', 'lab.example'],
      ['alternateTftp', 'on'],
      ['tftp1', '10.0.0.3'],
      ['tftp2', '10.0.0.4'],
      ['adminVlan', '120'],
      ['ringVolume', '7'],
    ];
    for (const [name, text] of given) expect(settings.set(name, text), name).toBeNull();
    expect(onFlash(flash).list()).toEqual(given);
    expect(onFlash(flash).network()).toEqual({
      dhcp: false,
      address: 0x0a000005,
      mask: 0xffffff00,
      router: 0x0a000001,
      dns: [0x0a000002],
      domain: 'lab.example',
      alternateTftp: [0x0a000003, 0x0a000004],
      adminVlan: 120,
    });
    expect(settings.set('alternateTftp', '')).toBeNull();
    expect(onFlash(flash).network().alternateTftp).toEqual([]);
  });

  it('are all gone after a factory reset', () => {
    const flash = blankFlash();
    const store = RecordStore.open(flash, FLASH_MAP.settings);
    const settings = new Settings(store);
    settings.set('dhcp', 'off');
    settings.set('contrast', '3');
    store.set('state/lease', new Uint8Array(4));
    settings.factoryReset();
    expect(RecordStore.open(flash, FLASH_MAP.settings).keys()).toEqual([]);
  });

  it.each([
    ['dhcp', 'yes', 'dhcp must be on or off, not "yes".'],
    ['address', '10.0.0', 'address must be an IPv4 address of a station, like 10.0.0.5, not "10.0.0".'],
    ['address', '224.0.0.1', /station/],
    ['address', '127.0.0.1', /station/],
    ['address', '010.0.0.1', /station/],
    ['mask', '255.0.255.0', /subnet mask/],
    ['mask', '0.0.0.0', /subnet mask/],
    ['adminVlan', '4095', 'adminVlan must be a VLAN from 1 to 4094, not "4095".'],
    ['adminVlan', '0', /VLAN/],
    ['adminVlan', '1e2', /VLAN/],
    ['domain', 'lab example', /domain name/],
    ['contrast', '16', 'contrast must be a whole number from 0 to 15, not "16".'],
    ['ringTone', 'Grüße', /a name of/],
    ['vlan', '3', /^There is no setting "vlan"; there are dhcp, address,/],
    ['toString', 'x', /^There is no setting/],
  ])('%s=%s is refused in one sentence', (name, text, sentence) => {
    const settings = onFlash();
    expect(settings.set(name, text)).toMatch(sentence);
    expect(settings.list()).toEqual([]);
  });

  it('reads addresses strictly', () => {
    expect([parseIpv4('255.255.255.255'), parseIpv4('1.2.3.4.5'), parseIpv4('1.2.3.256'), parseIpv4('')]).toEqual([
      0xffff_ffff,
      null,
      null,
      null,
    ]);
  });
});
