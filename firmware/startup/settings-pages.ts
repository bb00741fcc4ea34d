/** What stands in the settings menu of this phone: the items of the real one that have a meaning here, each with its value of now. */
import type { Ipv4 } from '../../hal/nic.ts';
import type { ResetReason } from '../../hal/power.ts';
import type { KeySlot } from '../../hal/secure.ts';
import { SECOND } from '../../hal/timer.ts';
import type { SettingName } from '../../storage/settings.ts';
import { parseRingList } from '../phone/ring-list.ts';
import type { MenuEdit, MenuItem, MenuPage } from '../phone/settings-menu.ts';
import { ipv4Text, macText } from '../wire/address.ts';
import type { CompanionFiles } from './companion-files.ts';
import type { PhoneContext } from './phone-context.ts';

/** What the menu has the phone do. */
export interface MenuActions {
  readonly releaseAddress: () => void;
  /** Clears what a person or the network set, and starts anew. */
  readonly eraseSettings: (what: 'network' | 'all') => void;
  readonly eraseTrust: () => void;
  /** Null, or a sentence saying why CAPF is not asked. */
  readonly updateLsc: (authenticationString: string) => string | null;
  /** Fetches ring lists and backgrounds. */
  readonly fetchLists: () => void;
}

/** `VLAN 4095` is how the phone shows that there is none. */
const NO_VLAN = '4095';
const NO_ADDRESS = '0.0.0.0';

const RESTART_CAUSES: Readonly<Record<ResetReason, string>> = {
  'power-on': 'Initialized',
  reset: 'Reset-Reset',
  restart: 'Reset-Restart',
  keypad: 'Phone-Keypad',
  'load-update': 'Reset-Reset',
  'factory-reset': 'Initialized',
  fault: 'Phone-Abort',
  watchdog: 'Phone-Abort',
  recovery: 'Initialized',
};

export function settingsRoot(phone: PhoneContext, companions: CompanionFiles, actions: MenuActions): MenuPage {
  const network: MenuItem = { label: 'Network Configuration', open: () => networkPage(phone, actions) };
  const items: readonly MenuItem[] = [
    { label: 'User Preferences', open: () => preferencesPage(phone, companions, actions) },
    network,
    { label: 'Security Configuration', open: () => securityPage(phone, actions) },
    { label: 'Status', open: () => statusPage(phone) },
    { label: 'Reset Settings', open: () => resetPage(actions) },
  ];
  const restricted = items.filter((item) => item !== network);
  const access = () => phone.facts.configuration?.policy?.settingsAccess ?? 1;
  return { title: 'Settings', items: () => (access() === 2 ? restricted : items) };
}

function networkPage(phone: PhoneContext, actions: MenuActions): MenuPage {
  return {
    title: 'Network Configuration',
    items: () => [
      ...identityItems(phone),
      ...addressItems(phone),
      ...vlanItems(phone),
      {
        label: 'DHCP Enabled',
        ...toggled(phone, 'dhcp', 'on', 'off'),
      },
      { label: 'DHCP Address Released', value: () => 'No', act: actions.releaseAddress },
      { label: 'Alternate TFTP', ...toggled(phone, 'alternateTftp', 'off', 'on') },
      ...tftpItems(phone),
      ...callManagerItems(phone),
      { label: 'Configuration File', value: () => phone.facts.configuration?.name ?? '' },
    ],
  };
}

function identityItems({ hal }: PhoneContext): MenuItem[] {
  const { mac, deviceName } = hal.board;
  return [
    { label: 'MAC Address', value: () => macText(mac).replaceAll(':', '').toUpperCase() },
    { label: 'Host Name', value: () => deviceName },
  ];
}

function addressItems(phone: PhoneContext): MenuItem[] {
  const { facts } = phone;
  const ip = () => facts.addressing;
  return [
    { label: 'DHCP Server', value: () => text(facts.dhcpState === 'DHCP DISABLED' ? null : (ip()?.server ?? null)) },
    { label: 'Domain Name', ...edited(phone, 'domain', () => ip()?.domain ?? '', { letters: true }) },
    { label: 'IP Address', ...edited(phone, 'address', () => text(ip()?.address)) },
    { label: 'Subnet Mask', ...edited(phone, 'mask', () => text(maskOf(ip()?.prefixLength))) },
    { label: 'Default Router 1', ...edited(phone, 'router', () => text(ip()?.routers[0])) },
    { label: 'Default Router 2', value: () => text(ip()?.routers[1]) },
    { label: 'DNS Server 1', ...edited(phone, 'dns1', () => text(ip()?.dns[0])) },
    { label: 'DNS Server 2', ...edited(phone, 'dns2', () => text(ip()?.dns[1])) },
  ];
}

function vlanItems(phone: PhoneContext): MenuItem[] {
  return [
    { label: 'Operational VLAN Id', value: () => String(phone.facts.vlan ?? NO_VLAN) },
    { label: 'Admin. VLAN Id', ...edited(phone, 'adminVlan', () => phone.settings.get('adminVlan') ?? NO_VLAN) },
  ];
}

function tftpItems(phone: PhoneContext): MenuItem[] {
  const inUse = (index: number) => () => text(phone.facts.tftpServers[index]);
  return [
    { label: 'TFTP Server 1', ...edited(phone, 'tftp1', inUse(0)) },
    { label: 'TFTP Server 2', ...edited(phone, 'tftp2', inUse(1)) },
  ];
}

function callManagerItems({ facts }: PhoneContext): MenuItem[] {
  const members = facts.configuration?.callManagers ?? [];
  return members.map(({ host }, index) => ({ label: `CallManager ${index + 1}`, value: () => host }));
}

function statusPage(phone: PhoneContext): MenuPage {
  return {
    title: 'Status',
    items: () => [
      { label: 'Status Messages', open: () => messagesPage(phone) },
      { label: 'Network Statistics', open: () => statisticsPage(phone) },
      { label: 'Firmware Versions', open: () => versionsPage(phone) },
    ],
  };
}

const SECURITY_MODES = { none: 'Non Secure', authenticated: 'Authenticated', encrypted: 'Encrypted' } as const;

function securityPage({ hal, facts }: PhoneContext, actions: MenuActions): MenuPage {
  const installed = (slot: KeySlot) => (hal.secure.ownCertificate(slot) === null ? 'Not Installed' : 'Installed');
  return {
    title: 'Security Configuration',
    items: () => [
      { label: 'Security Mode', value: () => SECURITY_MODES[facts.configuration?.security ?? 'none'] },
      { label: 'MIC', value: () => installed('mic') },
      {
        label: 'LSC',
        value: () => installed('lsc'),
        edit: {
          title: 'Authentication String',
          text: () => '',
          set: actions.updateLsc,
          secret: true,
          immediate: true,
        },
      },
      ...(facts.capf?.servers ?? []).map(({ host }) => ({ label: 'CAPF Server', value: () => host })),
    ],
  };
}

/** Newest first, as the phone lists them. */
function messagesPage({ status }: PhoneContext): MenuPage {
  return { title: 'Status Messages', items: () => [...status.messages].reverse().map((label) => ({ label })) };
}

function statisticsPage({ hal, boot, facts }: PhoneContext): MenuPage {
  const line = (label: string, value: string | number): MenuItem => ({ label, value: () => String(value) });
  return {
    title: 'Network Statistics',
    items: () => {
      const { transmittedFrames, receivedFrames, filteredFrames, ringDrops } = hal.nic.counters();
      const { up, speed, fullDuplex } = hal.nic.link();
      const neighbor = facts.neighbors.cdp ?? facts.neighbors.lldp;
      return [
        line('Tx Frames', transmittedFrames),
        line('Rx Frames', receivedFrames),
        line('Rx Filtered', filteredFrames),
        line('Rx Overruns', ringDrops),
        line('Restart Cause', RESTART_CAUSES[boot.resetReason]),
        line('Elapsed Seconds', Math.floor((hal.timer.now() - hal.power.onSince) / SECOND)),
        line('Network Port', up ? `${speed}, ${fullDuplex ? 'Full' : 'Half'}` : 'Link Down'),
        line('DHCP State', facts.dhcpState),
        line('Neighbor Device', neighbor?.device ?? ''),
        line('Neighbor Port', neighbor?.port ?? ''),
      ];
    },
  };
}

function versionsPage({ boot, hal }: PhoneContext): MenuPage {
  const items = [
    { label: 'Load File', value: () => boot.load },
    { label: 'Boot Load ID', value: () => hal.board.model.lldp.firmwareRevision },
  ];
  return { title: 'Firmware Versions', items: () => items };
}

function preferencesPage(phone: PhoneContext, companions: CompanionFiles, actions: MenuActions): MenuPage {
  return {
    title: 'User Preferences',
    items: () => [
      {
        label: 'Rings',
        open: () => {
          actions.fetchLists();
          return ringsPage(phone, companions);
        },
      },
    ],
  };
}

/** The built-in rings, and those of the list that was fetched. */
function ringsPage({ settings }: PhoneContext, companions: CompanionFiles): MenuPage {
  const ring = (label: string): MenuItem => ({
    label,
    value: () => (settings.get('ringTone') === label ? 'selected' : ''),
    act: () => void settings.set('ringTone', label),
    free: true,
  });
  return {
    title: 'Rings',
    items: () => {
      const list = companions.kept('ring-list');
      const more = list === null ? [] : (parseRingList(list) ?? []).map(({ displayName }) => displayName);
      return [...BUILT_IN_RINGS, ...more].map(ring);
    },
  };
}

const BUILT_IN_RINGS: readonly string[] = ['Chirp1', 'Chirp2'];

function resetPage(actions: MenuActions): MenuPage {
  return {
    title: 'Reset Settings',
    items: () => [
      { label: 'Network', act: () => actions.eraseSettings('network') },
      { label: 'Security', act: actions.eraseTrust },
      { label: 'All Settings', act: () => actions.eraseSettings('all') },
    ],
  };
}

/** Shows what is in use, edits what is stored. */
function edited(
  { settings }: PhoneContext,
  name: SettingName,
  value: () => string,
  how: Pick<MenuEdit, 'letters'> = {},
): Pick<MenuItem, 'value' | 'edit'> {
  const set = (entered: string) => settings.set(name, entered);
  return { value, edit: { ...how, text: () => settings.get(name) ?? '', set } };
}

/** Yes and No on the screen, on and off in the settings. */
function toggled(
  { settings }: PhoneContext,
  name: SettingName,
  standard: 'on' | 'off',
  other: 'on' | 'off',
): Pick<MenuItem, 'value' | 'edit'> {
  const stored = () => settings.get(name) ?? standard;
  return {
    value: () => (stored() === 'on' ? 'Yes' : 'No'),
    edit: { text: stored, toggle: [standard, other], set: (entered) => settings.set(name, entered) },
  };
}

function text(address: Ipv4 | null | undefined): string {
  return address === null || address === undefined ? NO_ADDRESS : ipv4Text(address);
}

function maskOf(prefixLength: number | undefined): Ipv4 | null {
  if (prefixLength === undefined) return null;
  return prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
}
