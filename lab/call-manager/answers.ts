/** What the call manager says about one device: the answers that depend on its row in the table. */
import { BUTTON } from '../../firmware/wire/sccp/codes.ts';
import type { Message, Outgoing } from '../../firmware/wire/sccp/message.ts';
import type { Device } from '../device-table.ts';

/** Versions from which the dynamic form of an answer is used. */
const DYNAMIC_SPEED_DIAL_SINCE = 7;
const DYNAMIC_FEATURE_SINCE = 15;
const DYNAMIC_LINE_SINCE = 17;

/** As seen in LineStat at version 22. */
const LINE_TYPE = 15;

/** The answer to a request about the device itself; null for what is none. */
export function answerAbout(device: Device, m: Message, serverName: string, version: number): Outgoing | null {
  switch (m.type) {
    case 'ButtonTemplateReq':
      return buttonTemplate(device);
    case 'ConfigStatReq':
      return configurationStatus(device, serverName, version);
    case 'LineStatReq':
      return lineStatus(device, m.lineInstance, version);
    case 'ForwardStatReq':
      return { type: 'ForwardStatRes', lineInstance: m.lineInstance };
    case 'SpeedDialStatReq':
      return speedDialStatus(device, m.speedDialNumber, version);
    case 'FeatureStatReq':
      return featureStatus(m.featureIndex, version);
    case 'ServiceURLStatReq':
      return serviceStatus(m.serviceUrlIndex, version);
    case 'VersionReq':
      return { type: 'VersionRes', version: device.load };
    default:
      return null;
  }
}

function buttonTemplate(device: Device): Outgoing {
  const buttons = [
    ...device.lines.map((_, k) => ({ instance: k + 1, type: BUTTON.line })),
    ...device.speedDials.map((_, k) => ({ instance: k + 1, type: BUTTON.speedDial })),
  ];
  return { type: 'ButtonTemplateRes', totalCount: buttons.length, buttons };
}

function lineStatus(device: Device, lineInstance: number, version: number): Outgoing {
  const line = device.lines[lineInstance - 1];
  const fields = {
    lineInstance,
    dirNumber: line?.directoryNumber ?? '',
    fullyQualifiedDisplayName: line?.displayName ?? '',
    label: line?.label ?? '',
  };
  return version >= DYNAMIC_LINE_SINCE
    ? { type: 'LineStatDynamicRes', lineType: LINE_TYPE, ...fields }
    : { type: 'LineStatRes', displayOptions: LINE_TYPE, ...fields };
}

function speedDialStatus(device: Device, speedDialNumber: number, version: number): Outgoing {
  const dial = device.speedDials[speedDialNumber - 1];
  const fields = { speedDialNumber, dirNumber: dial?.number ?? '', displayName: dial?.label ?? '' };
  return version >= DYNAMIC_SPEED_DIAL_SINCE
    ? { type: 'SpeedDialStatDynamicRes', ...fields }
    : { type: 'SpeedDialStatRes', ...fields };
}

function featureStatus(featureIndex: number, version: number): Outgoing {
  return version >= DYNAMIC_FEATURE_SINCE
    ? { type: 'FeatureStatDynamicRes', featureIndex }
    : { type: 'FeatureStatRes', featureIndex };
}

function serviceStatus(serviceUrlIndex: number, version: number): Outgoing {
  return version >= DYNAMIC_SPEED_DIAL_SINCE
    ? { type: 'ServiceURLStatDynamicRes', serviceUrlIndex }
    : { type: 'ServiceURLStatRes', serviceUrlIndex };
}

function configurationStatus(device: Device, serverName: string, version: number): Outgoing {
  const fields = {
    deviceName: device.name,
    instance: 1,
    userName: '',
    serverName,
    numberOfLines: device.lines.length,
    numberOfSpeedDials: device.speedDials.length,
  };
  return version >= DYNAMIC_LINE_SINCE
    ? { type: 'ConfigStatDynamicRes', ...fields }
    : { type: 'ConfigStatRes', ...fields };
}

/** @param milliseconds since 1970 in UTC; the broken-down part is moved by `zoneMinutes` */
export function timeAndDate(milliseconds: number, zoneMinutes: number): Outgoing {
  const local = new Date(milliseconds + zoneMinutes * 60_000);
  return {
    type: 'DefineTimeDate',
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    dayOfWeek: local.getUTCDay(),
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    milliseconds: local.getUTCMilliseconds(),
    systemTime: Math.floor(milliseconds / 1000),
  };
}
