import { describe, expect, it } from 'vitest';
import type { Key } from '../../../hal/panel.ts';
import { SECOND } from '../../../hal/timer.ts';
import { sccpCapture } from '../../../test/support/sccp-capture.ts';
import { Dialogue, OWN } from '../../../test/support/sccp-dialogue.ts';
import type * as sccp from '../../wire/sccp/message.ts';
import type { CallMedia, CallView, MediaReport } from '../calls.ts';

const REPORT: MediaReport = {
  packetsSent: 500,
  octetsSent: 80_000,
  packetsReceived: 498,
  octetsReceived: 79_680,
  packetsLost: 2,
  jitter: 1.25,
  latency: 15.4,
};

/** Audio that is always to be had, and writes down what it is asked. */
class FakeMedia implements CallMedia {
  readonly log: string[] = [];
  ports = true;

  open(_now: number, call: number, { codec, ptime }: Parameters<CallMedia['open']>[2]): ReturnType<CallMedia['open']> {
    this.log.push(`open ${call} ${codec} ${ptime}`);
    return this.ports ? { address: OWN, port: 20_000 } : null;
  }

  send(
    _now: number,
    call: number,
    to: { readonly address: number; readonly port: number },
    _format: unknown,
    dscp: number | null = null,
  ): ReturnType<CallMedia['send']> {
    this.log.push(`send ${call} ${to.port} ${dscp}`);
    return { address: OWN, port: 20_000 };
  }

  stopSending(_now: number, call: number): void {
    this.log.push(`stop ${call}`);
  }

  close(_now: number, call: number): void {
    this.log.push(`close ${call}`);
  }

  report(): MediaReport {
    return REPORT;
  }
}

const CALL = 0x0100_001f;
const ABOUT = { lineInstance: 1, callReference: CALL };
const STREAM = { conferenceId: 7, passThroughPartyId: 0x0101_0001, callReference: CALL };

/** A server of that version that has registered the phone. Places in the soft key template are not events, as on CallManager 4.1. */
function registered(version: number, media = new FakeMedia(), model = '7975'): { d: Dialogue; media: FakeMedia } {
  const d = new Dialogue(model, {}, media).begin();
  d.version = version;
  d.say({ type: 'RegisterAck', keepAliveInterval: 30, protocolVer: version }, { type: 'CapabilitiesReq' });
  d.say({
    type: 'ButtonTemplateRes',
    buttons: [
      { instance: 1, type: 2 },
      { instance: 1, type: 9 },
      { instance: 2, type: 9 },
      { instance: 0, type: 0xff },
    ],
  });
  d.say({
    type: 'SoftKeyTemplateRes',
    keys: [
      { label: 'EndCall', event: 9 },
      { label: 'Barge', event: 21 },
    ],
  });
  d.say({ type: 'SoftKeySetRes', sets: [{ templateIndex: Uint8Array.of(2) }, { templateIndex: Uint8Array.of(2, 1) }] });
  d.at(59);
  expect(d.client.state).toBe('registered');
  d.took();
  d.heard();
  return { d, media };
}

function press(d: Dialogue, ...keys: readonly Key[]): Dialogue {
  for (const key of keys) d.input({ kind: 'key', key });
  return d;
}

function calls(d: Dialogue): CallView[] {
  return d.heard().flatMap((out) => (out.kind === 'call' ? [out.call] : []));
}

describe('keys', () => {
  it.each([
    [11, { lineInstance: 2 }],
    [22, { lineInstance: 0 }],
  ])('the handset at version %i: the older ones name the button', (version, about) => {
    const { d } = registered(version);
    expect(press(d, 'hookOff').sent).toMatchObject([{ type: 'OffHook', ...about }]);
    d.took();
    d.say({ type: 'CallState', state: 1, ...ABOUT }, { type: 'SelectSoftKeys', softKeySetIndex: 1, ...ABOUT });
    press(d, '2', '*', '#', 'hookOn');
    const hook = version < 15 ? ABOUT : { lineInstance: 0, callReference: 0 };
    expect(d.sent).toMatchObject([
      { type: 'KeypadButton', button: 2, ...ABOUT },
      { type: 'KeypadButton', button: 14, ...ABOUT },
      { type: 'KeypadButton', button: 15, ...ABOUT },
      { type: 'OnHook', ...hook },
    ]);
    d.took();
    // The handset lies already.
    expect(press(d, 'hookOn').took()).toEqual([]);
  });

  it('a soft key says the event of its place in the template, and the call that the keys are about', () => {
    const { d } = registered(22);
    d.say({ type: 'CallState', state: 5, ...ABOUT });
    d.say({ type: 'SelectSoftKeys', softKeySetIndex: 1, validKeyMask: 0xffff_ffff, ...ABOUT });
    expect(press(d, 'softKey1', 'softKey2', 'softKey3').sent).toMatchObject([
      { type: 'SoftKeyEvent', event: 21, ...ABOUT },
      { type: 'SoftKeyEvent', event: 9, ...ABOUT },
    ]);
  });

  it('buttons beside the screen: a speed dial, a line, none', () => {
    const { d } = registered(22);
    expect(press(d, 'line1', 'line3', 'line4', 'line5').sent).toMatchObject([
      { type: 'Stimulus', stimulus: 2, instance: 1 },
      { type: 'Stimulus', stimulus: 9, instance: 2 },
    ]);
  });

  it.each([
    [11, 24],
    [17, 28],
    [22, 32],
  ])('digits before the handset are dialled in one piece: at version %i in %i octets', (version, bodyLength) => {
    const { d } = registered(version);
    press(d, '6', '0', '0');
    expect(d.took()).toEqual([]);
    expect(d.out.at(-1)).toMatchObject({ kind: 'display', display: { prompt: '600' } });
    expect(press(d, 'hookOff').sent).toMatchObject([{ type: 'EnblocCall', calledParty: '600', bodyLength }]);
  });

  it('the loudspeaker is told to newer servers, and the same key hangs up', () => {
    const { d } = registered(22);
    expect(press(d, 'speaker', 'speaker').took()).toEqual(['MediaPathEvent', 'OffHook', 'OnHook']);
    expect(press(registered(11).d, 'speaker', 'speaker').took()).toEqual(['OffHook', 'OnHook']);
  });
});

describe('media', () => {
  const open: sccp.Outgoing = { type: 'OpenReceiveChannel', ...STREAM, msPerPacket: 20, codec: 4 };
  const start: sccp.Outgoing = {
    type: 'StartMediaTransmission',
    ...STREAM,
    remoteIpAddr: 0x0a00_0009,
    remotePort: 30_000,
    msPerPacket: 20,
    codec: 4,
    precedence: 184,
  };

  it.each([
    [3, 20, []],
    [11, 20, []],
    [17, 36, ['StartMediaTransmissionAck']],
    [22, 36, ['StartMediaTransmissionAck']],
  ])(
    'at version %i: the port that was bound, in %i octets; the start acknowledged from 17 on',
    (version, length, acks) => {
      const { d, media } = registered(version);
      d.say(open);
      expect(d.sent).toMatchObject([
        {
          type: 'OpenReceiveChannelAck',
          status: 0,
          ipAddr: OWN,
          port: 20_000,
          bodyLength: length,
          callReference: CALL,
        },
      ]);
      d.took();
      expect(d.say(start).took()).toEqual(acks);
      d.say({ type: 'StopMediaTransmission', ...STREAM }, { type: 'CloseReceiveChannel', ...STREAM });
      expect(media.log).toEqual([`open ${CALL} PCMU 20`, `send ${CALL} 30000 46`, `stop ${CALL}`, `close ${CALL}`]);
    },
  );

  it('says why not: a codec that it does not have, a packet size, no port, another kind of address', () => {
    const media = new FakeMedia();
    const { d } = registered(22, media);
    d.say({ ...open, codec: 11 } as sccp.Outgoing);
    d.say({ ...open, msPerPacket: 15 } as sccp.Outgoing);
    d.say({ ...open, requestedIpAddrType: 1 } as sccp.Outgoing);
    media.ports = false;
    d.say(open);
    expect(d.sent).toMatchObject([6, 7, 11, 8].map((status) => ({ type: 'OpenReceiveChannelAck', status, port: 0 })));
  });

  it.each([
    [11, 60],
    [18, 668],
    [22, 68],
  ])('the figures at version %i are those of the stream, in %i octets', (version, bodyLength) => {
    const { d } = registered(version);
    d.say({ type: 'ConnectionStatisticsReq', directoryNumber: '2001', callReference: CALL, processing: 1 });
    expect(d.sent).toMatchObject([
      {
        type: 'ConnectionStatisticsRes',
        directoryNumber: '2001',
        callReference: CALL,
        processing: 1,
        packetsSent: 500,
        octetsSent: 80_000,
        packetsReceived: 498,
        packetsLost: 2,
        jitter: 1,
        latency: 15,
        bodyLength,
      },
    ]);
  });

  it('ends with its call, though the server forgets to close it; without a call manager only that of a connected call goes on', () => {
    const { d, media } = registered(22);
    d.say({ type: 'CallState', state: 5, ...ABOUT }, open, { type: 'CallState', state: 2, ...ABOUT });
    expect(media.log.at(-1)).toBe(`close ${CALL}`);
    d.say({ type: 'CallState', state: 8, lineInstance: 1, callReference: 9 });
    d.say({ type: 'CallState', state: 5, ...ABOUT }, open);
    d.heard();
    d.input({ kind: 'gone', why: 'reset' });
    expect(d.heard()).toMatchObject([{ kind: 'call', call: { call: 9, state: 'ended' } }, { kind: 'lost' }]);
    expect(media.log.at(-1)).not.toBe(`close ${CALL}`);
  });
});

describe('calls', () => {
  it('are told with their parties as they become known, and each change once', () => {
    const { d } = registered(22);
    d.say({ type: 'CallState', state: 4, ...ABOUT });
    const info = { type: 'CallInfoDynamic', ...ABOUT, callType: 1, callingParty: '2002', calledParty: '2001' } as const;
    d.say(info, info, { type: 'CallState', state: 5, ...ABOUT }, { type: 'CallState', state: 2, ...ABOUT });
    d.say({ type: 'CallState', state: 2, ...ABOUT });
    const common = { call: CALL, line: 1, direction: 'in', from: '2002', to: '2001' };
    expect(calls(d)).toEqual([
      { ...common, state: 'ring-in', from: '', to: '' },
      { ...common, state: 'ring-in' },
      { ...common, state: 'connected' },
      { ...common, state: 'ended' },
    ]);
  });

  it('that only a tone refuses are refused; a call on another phone of the line is none', () => {
    const { d } = registered(22);
    d.say({ type: 'CallState', state: 1, ...ABOUT }, { type: 'StartTone', tone: 0x25, ...ABOUT });
    d.say({ type: 'CallState', state: 13, lineInstance: 1, callReference: 5 });
    expect(calls(d).map(({ call, state }) => [call, state])).toEqual([
      [CALL, 'off-hook'],
      [CALL, 'reorder'],
    ]);
  });
});

/** What went out that dials: keys by their digit, whole numbers, buttons. */
function dialled(d: Dialogue): string[] {
  const said = d.sent.flatMap((m) => {
    if (m.type === 'KeypadButton') return [String(m.button)];
    if (m.type === 'EnblocCall') return [`enbloc ${m.calledParty}`];
    if (m.type === 'Stimulus') return [`stimulus ${m.stimulus}/${m.instance}`];
    return m.type === 'OnHook' ? ['on hook'] : [];
  });
  d.took();
  return said;
}

function refusals(d: Dialogue): string[] {
  return d.heard().flatMap((out) => (out.kind === 'call-refused' ? [out.number] : []));
}

/** Longer than the phone holds digits, shorter than a keepalive. */
function pause(d: Dialogue): Dialogue {
  return d.at(d.now / SECOND + 5);
}

/** Off hook, with the dial tone of the call manager. */
function dialTone(): Dialogue {
  const { d } = registered(22);
  press(d, 'hookOff');
  d.say({ type: 'CallState', state: 1, ...ABOUT }, { type: 'StartTone', tone: 0x21, ...ABOUT });
  d.took();
  d.heard();
  return d;
}

describe('emergency numbers are never dialled', () => {
  it.each(['911', '112', '9911', '0112', '999', '000', '15'])('%s digit by digit: not one digit goes out', (number) => {
    const d = dialTone();
    press(d, ...([...number] as Key[]));
    pause(d);
    expect(dialled(d)).toEqual([]);
    const heard = d.heard();
    expect(heard.filter(({ kind }) => kind === 'call-refused')).toEqual([{ kind: 'call-refused', number, line: 1 }]);
    expect(heard).toContainEqual(
      expect.objectContaining({ kind: 'call', call: expect.objectContaining({ state: 'reorder', to: number }) }),
    );
    expect(dialled(press(d, 'hookOn'))).toEqual(['on hook']);
  });

  it('the pound key ends the number, and it is refused at once', () => {
    const d = press(dialTone(), '9', '1', '1', '#');
    expect([dialled(d), refusals(d)]).toEqual([[], ['911']]);
  });

  it('digits are held as long as they could become one, and shown meanwhile', () => {
    const d = press(dialTone(), '9', '1');
    expect(dialled(d)).toEqual([]);
    expect(d.out.at(-1)).toMatchObject({ kind: 'display', display: { prompt: '91' } });
    expect(dialled(press(d, '6'))).toEqual([]);
    // 916 is none, but 9-16 is, and 9-165 would be: only now it cannot be any more. It was one on the way, so it goes in one piece.
    expect(dialled(press(d, '0', '2'))).toEqual([]);
    pause(d);
    expect([dialled(d), refusals(d)]).toEqual([['enbloc 91602'], []]);
  });

  it('others go out as they are typed; a number with an emergency number at its front in one piece', () => {
    expect(dialled(press(dialTone(), '2', '1', '1', '2'))).toEqual(['2', '1', '1', '2']);
    expect(dialled(press(dialTone(), '1', '2', '2', '1'))).toEqual([]);
    const d = press(dialTone(), '1', '0', '0', '1', '#');
    expect([dialled(d), refusals(d)]).toEqual([['enbloc 1001'], []]);
  });

  it('taken back and typed again, and after a second dial tone', () => {
    const { d } = registered(22);
    d.say({
      type: 'SoftKeyTemplateRes',
      keys: [{ label: '<<', event: 8 }],
    });
    d.say({ type: 'SoftKeySetRes', sets: [{ templateIndex: Uint8Array.of(1) }] });
    press(d, 'hookOff');
    d.say({ type: 'CallState', state: 1, ...ABOUT }, { type: 'StartTone', tone: 0x21, ...ABOUT });
    d.say({ type: 'SelectSoftKeys', softKeySetIndex: 0, validKeyMask: 1, ...ABOUT });
    d.took();
    press(d, '9', '1', '2', 'softKey1', '1');
    pause(d);
    expect([dialled(d), refusals(d)]).toEqual([[], ['911']]);
    press(d, '2', 'softKey1', '1', '1', '2');
    pause(d);
    expect([dialled(d), refusals(d)]).toEqual([['2'], ['112']]);
    press(d, '5', '5');
    d.say({ type: 'StartTone', tone: 0x21, ...ABOUT });
    press(d, '1', '1', '2');
    pause(d);
    expect([dialled(d), refusals(d)]).toEqual([['5', '5'], ['112']]);
  });

  it('typed before the handset: nothing is said at all', () => {
    const { d } = registered(22);
    press(d, '9', '1', '1', 'hookOff');
    expect(d.took()).toEqual([]);
    expect(d.heard().flatMap((out) => (out.kind === 'call' ? [out.call.state] : []))).toEqual(['reorder', 'ended']);
    press(d, '1', '1', '2', 'line3');
    expect(dialled(d)).toEqual([]);
  });

  it('the target of a transfer: the second call is one like the first', () => {
    const d = dialTone();
    d.say({ type: 'CallState', state: 8, ...ABOUT });
    d.say({ type: 'CallState', state: 1, lineInstance: 1, callReference: 99 });
    d.say({ type: 'SelectSoftKeys', softKeySetIndex: 1, lineInstance: 1, callReference: 99 });
    press(d, '1', '1', '9');
    pause(d);
    expect([dialled(d), refusals(d)]).toEqual([[], ['119']]);
  });

  it('in a conversation the keypad makes tones, and holds nothing', () => {
    const d = dialTone();
    d.say({ type: 'CallState', state: 5, ...ABOUT });
    expect(dialled(press(d, '9', '1', '1'))).toEqual(['9', '1', '1']);
  });

  it('a speed dial: the button is not passed on', () => {
    const d = new Dialogue('7975', {}, new FakeMedia()).begin();
    d.say({ type: 'RegisterAck', keepAliveInterval: 30, protocolVer: 22 }, { type: 'CapabilitiesReq' });
    d.say({
      type: 'ButtonTemplateRes',
      buttons: [
        { instance: 1, type: 9 },
        { instance: 1, type: 2 },
        { instance: 2, type: 2 },
      ],
    });
    d.at(20);
    d.say({ type: 'SpeedDialStatRes', speedDialNumber: 1, dirNumber: '9911', displayName: 'Help' });
    d.say({ type: 'SpeedDialStatRes', speedDialNumber: 2, dirNumber: '2002', displayName: 'Ann' });
    d.at(59);
    expect(d.client.state).toBe('registered');
    d.took();
    d.heard();
    press(d, 'line2', 'line3');
    expect([dialled(d), refusals(d)]).toEqual([['stimulus 2/2'], ['9911']]);
  });

  it('a call manager that dials it by itself, as its Redial does: the phone hangs up at once', () => {
    const d = dialTone();
    d.say({ type: 'CallState', state: 12, ...ABOUT }, { type: 'DialedNumber', number: '911', ...ABOUT });
    expect([dialled(d), refusals(d)]).toEqual([['on hook'], ['911']]);
  });

  it('a call of another phone on the shared line is none of ours', () => {
    const d = dialTone();
    const other = { lineInstance: 1, callReference: 500 };
    d.say({ type: 'CallState', state: 13, ...other });
    d.say({ type: 'CallInfoDynamic', ...other, callType: 2, callingParty: '2001', calledParty: '911' });
    expect([dialled(d), refusals(d)]).toEqual([[], []]);
  });
});

/** What chan_skinny and chan-sccp said in a call to number 600, said again to our phone. */
describe.each([
  ['skinny-v17-call600.pcap', 17, '7975', 'ended'],
  // This one stops before the server says that the call is over.
  ['sccp-v11-call600.pcap', 11, '7960', 'connected'],
  ['sccp-v22-call600.pcap', 22, '8945', 'ended'],
] as const)('the server of %s', (name, version, model, last) => {
  const captured = sccpCapture(name);

  it.skipIf(captured === null)('is obeyed: media opened, started and closed, the call told to its end', () => {
    const frames = captured!.fromServer;
    const isCall = (frame: Uint8Array) => frame[8] === 0x11 && frame[9] === 0x01;
    const first = frames.findIndex(isCall);
    const media = new FakeMedia();
    const d = new Dialogue(model, {}, media).begin();
    d.version = version;
    const hear = (some: readonly Uint8Array[]) => {
      for (const octets of some) d.input({ kind: 'data', octets });
    };
    hear(frames.slice(0, first));
    d.at(59);
    expect(d.client.state).toBe('registered');
    d.took();
    press(d, 'hookOff', '6', '0', '0');
    hear(frames.slice(first));
    const call = calls(d);
    expect(new Set(call.map((view) => view.call)).size).toBe(1);
    expect(call.map(({ state }) => state)).toEqual(expect.arrayContaining(['off-hook', 'connected']));
    expect(call.at(-1)!.state).toBe(last);
    const id = call[0]!.call;
    expect(media.log.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(
      expect.arrayContaining([`open ${id}`, `send ${id}`]),
    );
    const sent = d.took();
    expect(sent.slice(0, 2)).toEqual(['OffHook', expect.stringMatching(/KeypadButton|OpenReceiveChannelAck/)]);
    expect(sent).toContain('OpenReceiveChannelAck');
    expect(sent.includes('StartMediaTransmissionAck')).toBe(version >= 17);
    expect(sent.includes('ConnectionStatisticsRes')).toBe(version === 22);
  });
});
