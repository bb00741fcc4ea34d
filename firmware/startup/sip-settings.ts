import type { SipLine as ConfiguredLine, PhoneConfiguration } from '../phone/config/phone-configuration.ts';
import type { Settings } from '../phone/config/settings.ts';
import type { SipLine, SipSettings } from '../protocols/sip/settings.ts';

/** featureID of a line button. */
const LINE_FEATURE = 9;

/** What SIPCC takes where the file says nothing, and for a file without any `sipProfile`, with the range that makes sense. */
const DEFAULTS = {
  voipControlPort: [5060, 1, 65_535],
  startMediaPort: [16_384, 1_024, 65_534],
  stopMediaPort: [32_766, 1_024, 65_534],
  timerRegisterExpires: [3600, 1, 604_800],
  timerRegisterDelta: [5, 0, 3600],
  timerKeepAliveExpires: [120, 10, 604_800],
  timerT1: [500, 10, 60_000],
  timerT2: [4000, 10, 60_000],
  maxRedirects: [70, 1, 255],
} as const;

export function sipSettings(configuration: PhoneConfiguration): SipSettings {
  const { sipProfile, devicePool, transportLayerProtocol } = configuration;
  const number = (name: keyof typeof DEFAULTS): number => numberOf(sipProfile?.settings, name);
  const lines = (sipProfile?.lines ?? []).filter(({ featureID }) => featureID === LINE_FEATURE).map(lineOf);
  return {
    transport: transportLayerProtocol,
    voipControlPort: number('voipControlPort'),
    ...mediaPortsOf(sipProfile?.settings),
    timerRegisterExpires: number('timerRegisterExpires'),
    timerRegisterDelta: number('timerRegisterDelta'),
    timerKeepAliveExpires: number('timerKeepAliveExpires'),
    timerT1: number('timerT1'),
    timerT2: number('timerT2'),
    maxRedirects: number('maxRedirects'),
    dateTemplate: devicePool.dateTimeSetting.dateTemplate,
    lines: lines.filter(({ name }) => name !== ''),
  };
}

/** A range that is upside down is none, and one that is the usual one need not be kept. */
function mediaPortsOf(settings: Settings | undefined): Pick<SipSettings, 'mediaPorts'> {
  const start = numberOf(settings, 'startMediaPort');
  const last = numberOf(settings, 'stopMediaPort');
  const first = start + (start % 2);
  const isUsual = start === DEFAULTS.startMediaPort[0] && last === DEFAULTS.stopMediaPort[0];
  return isUsual || last < first ? {} : { mediaPorts: { first, last } };
}

function numberOf(settings: Settings | undefined, name: keyof typeof DEFAULTS): number {
  const [usual, least, most] = DEFAULTS[name];
  const text = settings?.get(name)?.trim() ?? '';
  if (!/^\d{1,9}$/.test(text)) return usual;
  return Math.min(Math.max(Number(text), least), most);
}

function lineOf({ settings }: ConfiguredLine, index: number): SipLine {
  const text = (name: string): string => settings.get(name) ?? '';
  return {
    instance: index + 1,
    name: text('name'),
    contact: text('contact'),
    displayName: text('displayName'),
    label: text('featureLabel') || text('name'),
    authName: text('authName'),
    authPassword: text('authPassword'),
  };
}
