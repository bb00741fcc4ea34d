import { describe, expect, it } from 'vitest';
import { alarmText, loadVersion, OUT_OF_SERVICE, type OutOfServiceReason, xmlAlarm } from './alarm.ts';

describe('the text of Alarm', () => {
  it('is that of a phone that was switched on', () => {
    expect(alarmText('SEPB8BEBF227D79', 'SCCP75.9-4-2SR3-1S', 'initialized')).toBe(
      '25: Name=SEPB8BEBF227D79 Load= 9.4(2SR3.1S) Last=Initialized',
    );
  });

  it('names the message that a Java phone did not know', () => {
    expect(alarmText('SEP0', 'term06.default', 'invalid-message', 0x87)).toBe(
      '32: Name=SEP0 Load= term06.default : Invalid SCCP message! : ID :87:',
    );
  });

  it('goes without a number where none is public', () => {
    expect(alarmText('SEP0', 'X', 're-ip')).toBe('Name=SEP0 Load= X Last=Phone-Re-IP');
  });

  it('fits the 80 octets of the field with the longest load of ours, whatever the reason', () => {
    for (const reason of Object.keys(OUT_OF_SERVICE) as OutOfServiceReason[]) {
      expect(alarmText('SEP001122334455', 'SCCP75.9-4-2SR3-1S', reason, 0xffff).length).toBeLessThanOrEqual(80);
    }
  });

  it.each([
    ['SCCP41.9-4-2SR3-1S', '9.4(2SR3.1S)'],
    ['SCCP7940.8-0-2', '8.0(2)'],
    ['P0030801SR02', 'P0030801SR02'],
    ['', ''],
  ])('writes load %s as %s', (load, version) => {
    expect(loadVersion(load)).toBe(version);
  });
});

const REPORT = {
  deviceName: 'SEP02005EC0FFEE',
  address: '10.0.0.5/24',
  gateway: '10.0.0.1',
  modelNumber: 'CP-7975G',
  neighbor: { address: '10.0.0.2', deviceId: 'sw<1>', portId: 'Gi1/0/1' },
  dhcpStatus: 1,
  tftpConfigStatus: 2,
  voiceVlan: 100,
  connection: { callManager: 0x0a000001, localPort: 49152 },
  timeStamp: 1795335303000,
  reason: 'restart',
  lastEventSent: '39:Unregister',
  lastEventReceived: '159:Reset',
} as const;

describe('the XML alarm', () => {
  it('lists its parameters in order, an element a line', () => {
    const lines = xmlAlarm(REPORT).split('\n');
    expect(lines.slice(0, 4)).toEqual([
      '<x-cisco-alarm>',
      '<Alarm Name="LastOutOfServiceInformation">',
      '<ParameterList>',
      '<String name="DeviceName">SEP02005EC0FFEE</String>',
    ]);
    expect(lines).toContain('<String name="NeighborDeviceID">sw&lt;1&gt;</String>');
    expect(lines).toContain('<String name="UnifiedCMIPAddress">10.0.0.1</String>');
    expect(lines.slice(-6)).toEqual([
      '<Enum name="ReasonForOutOfService">23</Enum>',
      '<String name="LastProtocolEventSent">39:Unregister</String>',
      '<String name="LastProtocolEventReceived">159:Reset</String>',
      '</ParameterList>',
      '</Alarm>',
      '</x-cisco-alarm>',
    ]);
  });

  it('is not well-formed when nothing is connected, as on real phones', () => {
    const text = xmlAlarm({ ...REPORT, connection: null, reason: null, neighbor: null, voiceVlan: null });
    expect(text).toContain('<String name="UnifiedCMIPAddress"><not open></String>');
    expect(text).toContain('<String name="LocalPort">-1</String>');
    expect(text).toContain('<String name="VoiceVLAN">4095</String>');
    expect(text).toContain('<Enum name="ReasonForOutOfService"></Enum>');
  });

  it('fits the 2048 octets of the message', () => {
    expect(xmlAlarm(REPORT).length).toBeLessThan(2048);
  });
});
