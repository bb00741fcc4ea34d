import { describe, expect, it } from 'vitest';
import { NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import { Dialogue, NAME, OWN } from '../../test/support/sccp-dialogue.ts';
import type * as sccp from '../wire/sccp/message.ts';
import { outOfServiceReason } from './sccp/loss.ts';

const ACK: sccp.Outgoing = {
  type: 'RegisterAck',
  keepAliveInterval: 30,
  secondaryKeepAliveInterval: 60,
  dateTemplate: 'M/D/Y',
  protocolVer: 22,
};
const CAPABILITIES: sccp.Outgoing = { type: 'CapabilitiesReq' };
const BUTTONS: sccp.Outgoing = {
  type: 'ButtonTemplateRes',
  buttons: [
    { instance: 1, type: 9 },
    { instance: 2, type: 9 },
    { instance: 1, type: 2 },
    { instance: 1, type: 0x15 },
    { instance: 1, type: 0x14 },
    { instance: 0, type: 0xff },
  ],
};
const KEYS: sccp.Outgoing = {
  type: 'SoftKeyTemplateRes',
  keys: [
    { label: '\u0080\u0001', event: 1 },
    { label: '\u0080\u0002', event: 2 },
    { label: '\u0080\u0043', event: 21 },
  ],
};
const SETS: sccp.Outgoing = {
  type: 'SoftKeySetRes',
  sets: [{ templateIndex: Uint8Array.of(1, 2) }, { templateIndex: Uint8Array.of(3, 1) }],
};

function line(lineInstance: number, dirNumber: string, label = ''): sccp.Outgoing {
  return { type: 'LineStatDynamicRes', lineInstance, dirNumber, label };
}

/** A server that answers at once, in CUCM's order, up to the state wanted. */
function registered(model = '7975', tunables: Partial<TunableValues> = {}): Dialogue {
  const d = new Dialogue(model, tunables).begin().say(ACK, CAPABILITIES, { type: 'VersionRes' });
  d.say({ type: 'ButtonTemplateRes', buttons: [{ instance: 1, type: 9 }] }, KEYS, SETS, { type: 'ConfigStatRes' });
  d.say(line(1, '2001'), { type: 'ForwardStatRes' }, { type: 'DefineTimeDate' });
  expect(d.client.state).toBe('registered');
  d.took();
  d.heard();
  return d;
}

describe('registration', () => {
  it('asks in the order of real phones', () => {
    const d = new Dialogue().begin();
    expect(d.sent[0]).toMatchObject({
      type: 'Alarm',
      severity: 2,
      text: `25: Name=${NAME} Load= 9.4(2SR3.1S) Last=Initialized`,
      param2: 0x0128640a,
    });
    expect(d.sent[1]).toMatchObject({
      type: 'RegisterReq',
      headerVersion: 22,
      bodyLength: 124,
      deviceName: NAME,
      stationIpAddr: OWN,
      deviceType: 437,
      protocolVer: 22,
      ipv4AddressScope: 3,
      maxNumberOfLines: 8,
      mac: Uint8Array.of(0x02, 0, 0x5e, 0xc0, 0xff, 0xee, 0, 0, 0, 0, 0, 0),
    });
    expect(d.took()).toEqual(['Alarm', 'RegisterReq']);

    d.say(ACK);
    expect(d.took()).toEqual([]);
    d.say(CAPABILITIES);
    expect(d.took()).toEqual(['UpdateCapabilities', 'HeadsetStatus', 'ButtonTemplateReq']);
    d.say(BUTTONS);
    expect(d.took()).toEqual(['SoftKeyTemplateReq']);
    d.say(KEYS);
    expect(d.took()).toEqual(['SoftKeySetReq']);
    d.say(
      SETS,
      { type: 'SelectSoftKeys', validKeyMask: 0xffffffff },
      { type: 'DisplayPromptStatus', text: '\u0080\u0013' },
    );
    expect(d.took()).toEqual(['ConfigStatReq']);
    d.say({ type: 'ConfigStatRes', userName: 'someone', serverName: 'cm1' });
    expect(d.sent).toMatchObject([{ type: 'LineStatReq', lineInstance: 1 }]);
    d.took();
    d.say(line(1, '2001', 'Reception'));
    expect(d.sent).toMatchObject([{ type: 'LineStatReq', lineInstance: 2 }]);
    d.took();
    d.say(line(2, '2002'));
    expect(d.took()).toEqual(['ForwardStatReq']);
    d.say({ type: 'ForwardStatRes', lineInstance: 1 });
    expect(d.took()).toEqual(['ForwardStatReq']);
    d.say({ type: 'ForwardStatRes', lineInstance: 2 });
    expect(d.took()).toEqual(['SpeedDialStatReq']);
    d.say({ type: 'SpeedDialStatDynamicRes', speedDialNumber: 1, dirNumber: '600', displayName: 'Echo' });
    expect(d.sent).toMatchObject([{ type: 'FeatureStatReq', featureIndex: 1, featureCapabilities: 1 }]);
    d.took();
    d.say({ type: 'FeatureStatDynamicRes', featureIndex: 1, label: 'Boss' });
    expect(d.took()).toEqual(['ServiceURLStatReq']);
    d.heard();
    d.say({ type: 'ServiceURLStatDynamicRes', serviceUrlIndex: 1, url: 'http://a/b', displayName: 'News' });
    expect(d.sent).toMatchObject([{ type: 'RegisterAvailableLines', maxLines: 2 }, { type: 'TimeDateReq' }]);
    d.took();
    expect(d.heard()).toEqual([]);
    d.say({
      type: 'DefineTimeDate',
      year: 2026,
      month: 11,
      day: 22,
      hour: 8,
      minute: 15,
      second: 3,
      systemTime: 1795335303,
    });
    expect(d.heard()).toEqual([
      { kind: 'time', systemTime: 1795335303, local: [2026, 11, 22, 8, 15, 3] },
      {
        kind: 'registered',
        lines: [
          { instance: 1, number: '2001', label: 'Reception' },
          { instance: 2, number: '2002', label: '2002' },
        ],
        features: [
          { kind: 'speed-dial', instance: 1, target: '600', label: 'Echo' },
          { kind: 'feature', instance: 1, target: '', label: 'Boss' },
          { kind: 'service', instance: 1, target: 'http://a/b', label: 'News' },
        ],
        keepaliveSeconds: 30,
        standbyKeepaliveSeconds: 60,
        version: 22,
        dateTemplate: 'M/D/Y',
        userName: 'someone',
        serverName: 'cm1',
      },
    ]);
  });

  it('goes on without the answers that chan_skinny never gives', () => {
    const d = new Dialogue();
    d.version = 17;
    d.begin();
    d.took();
    d.say({ type: 'SetLamp', stimulus: 15, mode: 1 });
    // chan_skinny writes the character 0 for a version, which leaves the phone's own.
    d.say({ ...ACK, keepAliveInterval: 120, protocolVer: 48 } as sccp.Outgoing, CAPABILITIES);
    d.say({ type: 'ButtonTemplateRes', buttons: [{ instance: 1, type: 9 }] }, KEYS, SETS);
    expect(d.took()).toEqual([
      'UpdateCapabilities',
      'HeadsetStatus',
      'ButtonTemplateReq',
      'SoftKeyTemplateReq',
      'SoftKeySetReq',
      'ConfigStatReq',
    ]);
    expect(d.at(2.9).took()).toEqual([]);
    expect(d.at(3).took()).toEqual(['LineStatReq']);
    d.say(line(1, '1000'));
    expect(d.took()).toEqual(['ForwardStatReq']);
    expect(d.at(6).took()).toEqual(['RegisterAvailableLines', 'TimeDateReq']);
    d.say({ type: 'DefineTimeDate' });
    expect(d.heard().at(-1)).toMatchObject({ kind: 'registered', version: 22, keepaliveSeconds: 120 });
  });

  it('is done in the end when the server says nothing after RegisterAck', () => {
    const d = new Dialogue().begin().say(ACK);
    d.at(60);
    const [done] = d.heard();
    expect(done).toMatchObject({ kind: 'registered', lines: [] });
    // capabilities, buttons, soft keys, sets, status, line 1, forward 1, time: 3 s each
    expect(d.took()).toContain('LineStatReq');
  });

  it('takes answers in any order, and capabilities late, as chan-sccp sends them', () => {
    const d = new Dialogue().begin().say(ACK);
    d.took();
    d.at(3);
    expect(d.took()).toEqual(['HeadsetStatus', 'ButtonTemplateReq']);
    d.say(SETS, line(1, '1000'), BUTTONS, CAPABILITIES);
    expect(d.took()).toEqual(['SoftKeyTemplateReq', 'UpdateCapabilities']);
  });

  it.each([
    ['7975', 22, 22, 22],
    ['7975', 11, 11, 11],
    ['7975', 0, 0, 0],
    ['7940', 22, 11, 0],
    ['7940', 48, 11, 0],
  ])('%s speaks with a server of version %i version %i, header %i', (model, offered, version, header) => {
    const d = new Dialogue(model).begin();
    d.took();
    d.say({ ...ACK, protocolVer: offered } as sccp.Outgoing, CAPABILITIES).at(3);
    expect(d.sent.find(({ type }) => type === 'UpdateCapabilities' || type === 'CapabilitiesRes')).toMatchObject({
      type: version >= 15 ? 'UpdateCapabilities' : 'CapabilitiesRes',
      headerVersion: header,
    });
    d.at(60);
    expect(d.heard().find((out) => out.kind === 'registered')).toMatchObject({ version });
  });

  it('takes the 12 octets of CallManager 2.x for the oldest version', () => {
    const d = new Dialogue('7940').begin();
    d.say({ ...ACK, bodyLength: 12 } as sccp.Outgoing);
    d.at(60);
    expect(d.heard()[0]).toMatchObject({ version: 0, keepaliveSeconds: 30, standbyKeepaliveSeconds: 60 });
  });

  it('of an old phone says its media port', () => {
    const d = new Dialogue('7940').begin();
    const [, register, ipPort] = d.sent;
    expect(register).toMatchObject({ bodyLength: 68, headerVersion: 0, protocolVer: 11, instance: 1 });
    expect(ipPort).toMatchObject({ type: 'IpPort' });
    expect((ipPort as sccp.MessageOf<'IpPort'>).rtpMediaPort % 2).toBe(0);
  });

  it('of an old phone asks for its load before it says what it can do', () => {
    const d = new Dialogue('7960').begin();
    d.took();
    d.say(ACK).say(CAPABILITIES);
    expect(d.took()).toEqual(['VersionReq']);
    d.say({ type: 'VersionRes', version: 'P0030801SR02' });
    expect(d.took()).toEqual(['CapabilitiesRes', 'HeadsetStatus', 'ButtonTemplateReq']);
    d.say(CAPABILITIES);
    expect(d.took()).toEqual(['CapabilitiesRes']);
    expect(d.heard()).toEqual([]);
  });

  it('of an old phone does not wait for ever to be told its load', () => {
    const d = new Dialogue('7960', { 'sccp.answerTimeout': 2 }).begin();
    d.took();
    d.say(ACK, CAPABILITIES).at(1.9);
    expect(d.took()).toEqual(['VersionReq']);
    d.at(2);
    expect(d.took()).toEqual(['CapabilitiesRes', 'HeadsetStatus', 'ButtonTemplateReq']);
    d.say({ type: 'VersionRes', version: 'P00308010200' });
    expect(d.heard()).toEqual([{ kind: 'load', load: 'P00308010200' }]);
  });

  it('of an old phone asks for its load though nobody asks for capabilities', () => {
    const d = new Dialogue('7960').begin();
    d.took();
    d.say(ACK).at(3);
    expect(d.took()).toEqual(['VersionReq']);
    d.say(CAPABILITIES);
    expect(d.took()).toEqual([]);
    d.at(6);
    expect(d.took()).toEqual(['CapabilitiesRes', 'HeadsetStatus', 'ButtonTemplateReq']);
  });

  it.each([
    ['', []],
    ['P0030801SR02', []],
    ['P00308010200', [{ kind: 'load', load: 'P00308010200' }]],
  ])('tells of the load "%s" that is named when it is another', (version, told) => {
    const d = new Dialogue('7960').begin().say(ACK, CAPABILITIES, { type: 'VersionRes', version });
    expect(d.heard()).toEqual(told);
  });

  it('knows its own load where the field was too short for the name', () => {
    const d = new Dialogue('7912').begin().say(ACK, CAPABILITIES);
    d.say({ type: 'VersionRes', version: 'CP7912080004SCCP' }, { type: 'VersionRes', version: 'CP7912080004SCC' });
    expect(d.heard()).toEqual([]);
  });

  it('carries the version stamp of the configuration', () => {
    const d = new Dialogue().input({ kind: 'connected', ownAddress: OWN }).input({
      kind: 'register',
      alarm: { reason: 'restart', xml: '<x-cisco-alarm/>' },
      versionStamp: '1143565489-a3cbf294',
    });
    expect(d.sent[0]).toMatchObject({ text: expect.stringMatching(/^23: .* Last=Reset-Restart$/) });
    expect(d.sent[1]).toMatchObject({ type: 'XMLAlarm', bodyLength: 20 });
    expect(d.sent[2]).toMatchObject({ bodyLength: 172, configVersionStamp: '1143565489-a3cbf294' });
  });

  it('is given up when no answer comes in 30 s', () => {
    const d = new Dialogue().begin();
    expect(d.at(29.9).heard()).toEqual([]);
    expect(d.at(30).heard()).toEqual([{ kind: 'lost', why: 'register-timeout' }, { kind: 'close' }]);
    expect(d.client.pollAt()).toBe(NEVER);
  });

  it.each([
    ['\u0080\u002f', 'Error DBConfig'],
    ['No Authority: SEP02005EC0FFEE', 'No Authority: SEP02005EC0FFEE'],
  ])('is refused with %j', (text, shown) => {
    const d = new Dialogue().begin().say({ type: 'RegisterReject', text }, ACK);
    expect(d.heard()).toEqual([{ kind: 'rejected', text: shown }, { kind: 'close' }]);
    expect(d.took()).toEqual(['Alarm', 'RegisterReq']);
    d.input({ kind: 'gone', why: 'closed' });
    expect(d.heard()).toEqual([]);
  });
});

describe('keepalive', () => {
  it('goes out at the interval, whatever else is said, and is answered', () => {
    const d = registered();
    for (const seconds of [30, 60, 90, 120, 150]) {
      expect(d.at(seconds - 0.1).took()).toEqual([]);
      expect(d.at(seconds).took()).toEqual(['KeepAliveReq']);
      d.say({ type: 'SetLamp', stimulus: 15, mode: 2 }, { type: 'KeepAliveAck' });
    }
    expect(d.heard()).toEqual([]);
  });

  it('unanswered three times loses the node: 95 s after it was last heard', () => {
    const d = registered();
    d.at(94.9);
    expect(d.took()).toEqual(['KeepAliveReq', 'KeepAliveReq', 'KeepAliveReq']);
    expect(d.heard()).toEqual([]);
    expect(d.at(95).heard()).toEqual([{ kind: 'lost', why: 'keepalive-timeout' }, { kind: 'close' }]);
  });

  it('answered once begins the count anew', () => {
    const d = registered();
    d.at(94).say({ type: 'KeepAliveAck' }).at(184);
    expect(d.heard()).toEqual([]);
    expect(d.at(185).heard()[0]).toEqual({ kind: 'lost', why: 'keepalive-timeout' });
  });

  it('runs on a standby connection that is never registered', () => {
    const d = new Dialogue().input({ kind: 'connected', ownAddress: OWN });
    expect(d.at(60).took()).toEqual(['KeepAliveReq']);
    d.say({ type: 'KeepAliveAck' });
    expect(d.at(120).took()).toEqual(['KeepAliveReq']);
  });

  it('that is late is reported', () => {
    const d = registered();
    d.now = 33 * SECOND;
    d.drain();
    expect(d.heard()).toEqual([{ kind: 'keepalive-late', by: 3 * SECOND }]);
    expect(d.client.pollAt()).toBe(63 * SECOND);
  });
});

describe('the end of a registration', () => {
  it.each([
    ['closed', 'closed', 'cm-closed-tcp'],
    ['reset', 'reset', 'cm-reset-tcp'],
    ['timeout', 'tcp-timeout', 'tcp-timeout'],
    ['unreachable', 'unreachable', 'unreachable'],
  ] as const)('by TCP: %s is lost by %s, and alarms %s', (gone, why, reason) => {
    const d = registered().input({ kind: 'gone', why: gone });
    expect(d.heard()).toEqual([{ kind: 'lost', why }]);
    expect(outOfServiceReason(why)).toBe(reason);
  });

  it('by the phone: UnregisterReq, its acknowledgement, close', () => {
    const d = registered().input({ kind: 'unregister' });
    expect(d.sent).toMatchObject([{ type: 'UnregisterReq', bodyLength: 4, reason: 0 }]);
    d.say({ type: 'UnregisterAck' });
    expect(d.heard()).toEqual([{ kind: 'unregistered' }, { kind: 'close' }]);
  });

  it('of an old phone is asked for with an empty body', () => {
    const d = registered('7940').input({ kind: 'unregister' });
    expect(d.sent).toMatchObject([{ type: 'UnregisterReq', bodyLength: 0 }]);
  });

  it('does not wait for an acknowledgement for ever', () => {
    const d = registered().input({ kind: 'unregister' });
    expect(d.at(5).heard()).toEqual([{ kind: 'unregistered' }, { kind: 'close' }]);
  });

  it('is no loss when the server closes instead of acknowledging', () => {
    const d = registered().input({ kind: 'unregister' }).input({ kind: 'gone', why: 'closed' });
    expect(d.heard()).toEqual([{ kind: 'unregistered' }]);
  });

  it('can be refused while a call is up', () => {
    const d = registered().input({ kind: 'unregister' }).say({ type: 'UnregisterAck', status: 2 });
    expect(d.heard()).toEqual([{ kind: 'unregister-refused' }]);
    expect(d.client.state).toBe('registered');
  });

  it.each([
    [1, 'reset'],
    [2, 'restart'],
    [3, 'apply-config'],
  ] as const)('Reset %i asks for %s, at any time', (resetType, type) => {
    expect(registered().say({ type: 'Reset', resetType }).heard()).toEqual([{ kind: 'reset', type }]);
    expect(new Dialogue().begin().say({ type: 'Reset', resetType }).heard()).toEqual([{ kind: 'reset', type }]);
  });

  it('by octets that are no SCCP', () => {
    const d = registered().input({ kind: 'data', octets: Uint8Array.of(1, 0, 0, 0) });
    expect(d.heard()).toEqual([{ kind: 'lost', why: 'framing' }, { kind: 'close' }]);
  });

  it('by an unknown message, where the phone is to behave as the Java phones do', () => {
    const strange: sccp.Outgoing = { type: 'Unknown', id: 0x9f9f, body: new Uint8Array(0) };
    expect(registered().say(strange).heard()).toEqual([]);
    const d = registered('7975', { 'sccp.unknownMessage': 'fatal' }).say(strange);
    expect(d.heard()).toEqual([{ kind: 'lost', why: 'invalid-message', unknownId: 0x9f9f }, { kind: 'close' }]);
    const next = new Dialogue().input({ kind: 'connected', ownAddress: OWN }).input({
      kind: 'register',
      alarm: { reason: 'invalid-message', unknownId: 0x87 },
      versionStamp: '',
    });
    expect(next.sent[0]).toMatchObject({
      severity: 0,
      param2: 0,
      text: expect.stringMatching(/ : Invalid SCCP message! : ID :87:$/),
    });
  });

  it('has no way back: the machine is of one connection', () => {
    const d = registered().input({ kind: 'gone', why: 'closed' });
    expect(() => d.input({ kind: 'connected', ownAddress: OWN })).toThrow('no way from over to open');
  });
});

describe('a token', () => {
  const ask = () => new Dialogue().input({ kind: 'connected', ownAddress: OWN }).input({ kind: 'request-token' });

  it('is granted, refused or never answered', () => {
    const d = ask();
    expect(d.sent).toMatchObject([{ type: 'RegisterTokenReq', deviceName: NAME, bodyLength: 52 }]);
    expect(d.say({ type: 'RegisterTokenAck' }).heard()).toEqual([{ kind: 'token', answer: 'granted', waitSeconds: 0 }]);
    expect(d.client.state).toBe('open');
    const refused = ask().say({ type: 'RegisterTokenReject', waitSeconds: 60 });
    expect(refused.heard()).toEqual([{ kind: 'token', answer: 'refused', waitSeconds: 60 }]);
    expect(ask().at(15).heard()).toEqual([{ kind: 'token', answer: 'none', waitSeconds: 0 }]);
  });
});

describe('the screen', () => {
  const shows = (d: Dialogue) => {
    const last = d.out.findLast((out) => out.kind === 'display');
    d.out = [];
    return last?.kind === 'display' ? last.display : null;
  };

  it('shows prompts, soft keys by set and mask, and lamps', () => {
    const d = registered();
    d.say(
      { type: 'SelectSoftKeys', softKeySetIndex: 1, validKeyMask: 1 },
      { type: 'DisplayPromptStatusDynamic', text: '\u0080\u00172001' },
      { type: 'SetLamp', stimulus: 15, mode: 2 },
      { type: 'SetSpeakerMode', mode: 1 },
      { type: 'SetRinger', mode: 2 },
    );
    expect(shows(d)).toEqual({
      prompt: 'From 2001',
      notify: '',
      text: '',
      // Place 3 of the template is event 21, not 3.
      softKeys: [{ label: 'Barge', event: 21 }],
      messageWaiting: true,
      speaker: true,
      ringing: true,
      lamps: [{ stimulus: 15, instance: 0, mode: 2 }],
    });
    d.say(
      { type: 'SelectSoftKeys', softKeySetIndex: 0, validKeyMask: 0xffffffff },
      { type: 'SetLamp', stimulus: 15, mode: 1 },
    );
    expect(shows(d)).toMatchObject({
      softKeys: [
        { label: 'Redial', event: 1 },
        { label: 'NewCall', event: 2 },
      ],
      messageWaiting: false,
      lamps: [],
    });
  });

  it('takes a notification away after its time, and a low one does not cover a high one', () => {
    const d = registered();
    d.say({ type: 'DisplayPriNotifyDynamic', timeout: 10, priority: 5, text: 'Fire' });
    d.say({ type: 'DisplayNotifyDynamic', timeout: 0, text: 'Lunch' });
    expect(shows(d)).toMatchObject({ notify: 'Fire' });
    d.at(10);
    expect(shows(d)).toMatchObject({ notify: '' });
  });
});
