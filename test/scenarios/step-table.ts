import type { StageName } from '../../hal/trace.ts';
import type { TestWorldOptions } from '../support/test-world.ts';

/** One kind of network or phone, and what becomes of each of the nine steps on it. */
export interface StepRow {
  readonly name: string;
  readonly options: TestWorldOptions;
  /** Runs a first boot to the end before the one that counts, and then changes the network. */
  readonly before?: 'registered, then all TFTP servers stop' | 'no DHCP server';
  /** Seconds of the world's time after which the outcomes are read. */
  readonly seconds: number;
  readonly outcomes: Readonly<Partial<Record<StageName, string | undefined>>>;
}

const LAB_DONE = {
  power: 'done',
  image: 'done (A)',
  'voice-vlan': 'done (cdp)',
  address: 'done',
  'tftp-server': 'done (option150)',
  'ctl-file': 'skipped (ctl.not-found)',
  'itl-file': 'skipped (itl.not-found)',
  configuration: 'done (config.own)',
  'call-manager': 'done',
} as const;

const STATIC = {
  dhcp: 'off',
  address: '10.100.9.9',
  mask: '255.255.0.0',
  router: '10.100.0.1',
  alternateTftp: 'on',
  tftp1: '10.100.0.3',
};

/** Not every step occurs on every network. Printed into docs/startup.md, which a test keeps equal to this. */
export const STEP_TABLE: readonly StepRow[] = [
  { name: 'Cisco switch, DHCP, two call managers', options: {}, seconds: 60, outcomes: LAB_DONE },
  {
    name: 'external power',
    options: { powerSource: 'external' },
    seconds: 60,
    outcomes: { ...LAB_DONE, power: 'skipped (power.external)' },
  },
  {
    name: 'LLDP-MED only',
    options: { lab: { ports: { cdp: false } } },
    seconds: 60,
    outcomes: { ...LAB_DONE, 'voice-vlan': 'done (lldp-med)' },
  },
  {
    name: 'no Cisco switch, no LLDP',
    options: {
      powerSource: 'external',
      lab: { voiceVlan: 'none', ports: { vendor: 'plain', cdp: false, lldp: false, poe: false } },
    },
    seconds: 60,
    outcomes: { ...LAB_DONE, power: 'skipped (power.external)', 'voice-vlan': 'skipped (vlan.none)' },
  },
  {
    name: 'no voice VLAN on the port',
    options: { lab: { voiceVlan: 'none' } },
    seconds: 60,
    outcomes: { ...LAB_DONE, 'voice-vlan': 'skipped (vlan.none)' },
  },
  {
    name: 'static address with TFTP Server 1',
    options: { settings: STATIC },
    seconds: 60,
    outcomes: { ...LAB_DONE, address: 'done (static)', 'tftp-server': 'done (alternate)' },
  },
  {
    name: 'static address without a TFTP server',
    options: { settings: { ...STATIC, alternateTftp: '', tftp1: '' } },
    seconds: 60,
    outcomes: {
      power: 'done',
      image: 'done (A)',
      'voice-vlan': 'done (cdp)',
      address: 'failed (static.no-tftp1)',
    },
  },
  {
    name: 'DHCP with alternate TFTP',
    options: { settings: { alternateTftp: 'on', tftp1: '10.100.0.3' } },
    seconds: 60,
    outcomes: { ...LAB_DONE, 'tftp-server': 'done (alternate)' },
  },
  {
    name: 'DHCP without TFTP options, CiscoCM1 in DNS',
    options: { lab: { dhcp: { tftpServers: [], tftpServerName: '' } } },
    seconds: 60,
    outcomes: { ...LAB_DONE, 'tftp-server': 'done (dns)' },
  },
  {
    name: 'model without ITL',
    options: { model: '7960' },
    seconds: 60,
    outcomes: { ...LAB_DONE, 'itl-file': 'skipped (itl.not-supported)' },
  },
  {
    name: 'no file at all',
    options: { lab: { devices: [], configuration: { defaultFile: false } } },
    seconds: 30,
    outcomes: {
      power: 'done',
      image: 'done (A)',
      'voice-vlan': 'done (cdp)',
      address: 'done',
      'tftp-server': 'done (option150)',
      'ctl-file': 'skipped (ctl.not-found)',
      'itl-file': 'skipped (itl.not-found)',
      configuration: 'failed (config.not-found)',
    },
  },
  {
    name: 'cached configuration, no TFTP server answers',
    options: {},
    before: 'registered, then all TFTP servers stop',
    seconds: 240,
    outcomes: {
      ...LAB_DONE,
      'ctl-file': 'failed (tftp.timeout)',
      'itl-file': 'failed (tftp.timeout)',
      configuration: 'done (config.cached)',
    },
  },
  {
    name: 'one call manager',
    options: { lab: { callManagers: 1 } },
    seconds: 60,
    outcomes: LAB_DONE,
  },
  {
    name: 'no DHCP server, nothing stored',
    options: {},
    before: 'no DHCP server',
    seconds: 150,
    outcomes: { power: 'done', image: 'done (A)', 'voice-vlan': 'done (cdp)', address: 'failed (dhcp.no-offer)' },
  },
  {
    name: 'unknown 8861, default file, no auto-registration',
    options: { model: '8861', protocol: 'sip', lab: { devices: [] } },
    seconds: 30,
    outcomes: {
      ...LAB_DONE,
      configuration: 'failed (autoregister.disabled)',
      'call-manager': undefined,
    },
  },
  {
    name: 'unknown 7975, which tries all the same',
    options: { lab: { devices: [] } },
    seconds: 30,
    outcomes: { ...LAB_DONE, configuration: 'done (config.default)', 'call-manager': 'failed (register.rejected)' },
  },
];
