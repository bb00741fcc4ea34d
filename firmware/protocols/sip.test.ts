import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { modelNamed } from '../../device/models.ts';
import { SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { isMalformed } from '../malformed.ts';
import { encode, headerValue, type Message, parse, type Request } from '../wire/sip/message.ts';
import type { RegistrationClientOut } from './registration-client.ts';
import { responseTo } from './sip/answer.ts';
import type { SipClientOptions } from './sip/requests.ts';
import type { SipSettings } from './sip/settings.ts';
import { SipClient } from './sip.ts';

const MAC = 0xc800_84aa_8743;
const SETTINGS: SipSettings = {
  transport: 'tcp',
  voipControlPort: 5060,
  timerRegisterExpires: 3600,
  timerRegisterDelta: 5,
  timerKeepAliveExpires: 120,
  timerT1: 500,
  timerT2: 4000,
  maxRedirects: 70,
  dateTemplate: 'M/D/Y',
  lines: [
    {
      instance: 1,
      name: '2001',
      contact: '5da3d1a5-1111-4222-a333-444455556666',
      displayName: 'Phone 2001',
      label: '2001',
      authName: '',
      authPassword: '',
    },
  ],
};

class Dialogue {
  readonly client: SipClient;
  now = 0;
  readonly heard: RegistrationClientOut[] = [];
  readonly sent: string[] = [];

  constructor(
    options: Partial<SipClientOptions> & { readonly modelName?: string; readonly of?: Partial<SipSettings> } = {},
  ) {
    const { modelName = '8861', of = {}, ...others } = options;
    this.client = new SipClient({
      model: modelNamed(modelName)!,
      deviceName: 'SEPC80084AA8743',
      mac: MAC,
      load: 'sip88xx.12-1-1SR1-4',
      inactiveLoad: 'sip88xx.11-0-1-11',
      settings: { ...SETTINGS, ...of },
      host: '192.168.5.26',
      tunables: tunableValues(),
      rng: new SeededRng('sip'),
      hash: (octets) => createHash('md5').update(octets).digest(),
      calendar: () => Date.UTC(2017, 5, 29, 17, 27, 59),
      ...others,
    });
    this.input({ kind: 'connected', ownAddress: 0xc0a8_0768, ownPort: 51_778 });
  }

  input(input: Parameters<SipClient['process']>[1]): this {
    this.client.process(this.now, input);
    return this.drain();
  }

  register(): this {
    return this.input({ kind: 'register', alarm: { reason: 'initialized' }, versionStamp: '1-stamp' });
  }

  drain(): this {
    for (let round = 0; round < 10; round++) {
      this.client.dispatch(this.now, (out) => {
        if (out.kind === 'write') this.sent.push(Buffer.from(out.octets).toString('latin1'));
        else this.heard.push(out);
      });
    }
    return this;
  }

  /** Runs the machine's own deadlines until so many seconds. */
  until(seconds: number): this {
    for (;;) {
      const at = this.client.pollAt();
      if (at > seconds * SECOND) break;
      this.now = Math.max(this.now, at);
      this.drain();
    }
    this.now = seconds * SECOND;
    return this;
  }

  last(): Request {
    return message(this.sent.at(-1)!) as Request;
  }

  /** Answers the request that was sent last. */
  answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): this {
    const list = Object.entries(headers).map(([name, value]) => ({ name, value }));
    const m = responseTo(this.last(), { status, reason: 'said the server', headers: list }, 'srv');
    return this.input({ kind: 'data', octets: encode({ ...m, body: Buffer.from(body) }) });
  }

  ask(text: string): this {
    return this.input({ kind: 'data', octets: Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1') });
  }

  accept(extra = ''): this {
    const { uri } = contactOf(this.last());
    return this.answer(200, { Contact: `<${uri}>;expires=120${extra}`, Expires: '120' });
  }

  kinds(): string[] {
    return this.heard.map(({ kind }) => kind);
  }
}

function message(text: string): Message {
  const m = parse(Buffer.from(text, 'latin1'));
  if (isMalformed(m)) throw new Error(m.reason);
  return m;
}

function contactOf(m: Request): { uri: string; value: string } {
  const value = headerValue(m, 'Contact')!;
  return { uri: /<([^>]*)>/.exec(value)![1]!, value };
}

/** Body of the first REGISTER after public logs of Cisco phones. */
const PART =
  'Content-Type: application/x-cisco-remotecc-request+xml\r\nContent-Disposition: session;handling=optional\r\n';

describe('the first REGISTER', () => {
  it('has the header fields of a phone with load 12.1, in their order', () => {
    const dialogue = new Dialogue().register();
    const [head = '', ...rest] = dialogue.sent[0]!.split('\r\n\r\n');
    expect(rest.length).toBeGreaterThan(0);
    expect(
      head.split('\r\n').map((line) => line.replace(/(?<=branch=z9hG4bK|tag=c80084aa87430002)[0-9a-f-]+/, '#')),
    ).toEqual([
      'REGISTER sip:192.168.5.26 SIP/2.0',
      'Via: SIP/2.0/TCP 192.168.7.104:51778;branch=z9hG4bK#',
      'From: <sip:2001@192.168.5.26>;tag=c80084aa87430002#',
      'To: <sip:2001@192.168.5.26>',
      expect.stringMatching(/^Call-ID: c80084aa-87430001-[0-9a-f]{8}-[0-9a-f]{8}@192\.168\.7\.104$/),
      'Max-Forwards: 70',
      expect.stringMatching(/^Session-ID: [0-9a-f]{32};remote=0{32}$/),
      'Date: Thu, 29 Jun 2017 17:27:59 GMT',
      'CSeq: 101 REGISTER',
      'User-Agent: Cisco-CP8861/12.1.1',
      'Contact: <sip:5da3d1a5-1111-4222-a333-444455556666@192.168.7.104:51778;transport=tcp>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-c80084aa8743>";+u.sip!devicename.ccm.cisco.com="SEPC80084AA8743";+u.sip!model.ccm.cisco.com="685"',
      'Supported: replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,X-cisco-callinfo,X-cisco-serviceuri,X-cisco-escapecodes,X-cisco-service-control,X-cisco-srtp-fallback,X-cisco-monrec,X-cisco-config,X-cisco-sis-7.0.0,X-cisco-xsi-8.5.1',
      'Reason: SIP;cause=200;text="cisco-alarm:25 Name=SEPC80084AA8743 ActiveLoad=sip88xx.12-1-1SR1-4.loads InactiveLoad=sip88xx.11-0-1-11.loads Last=initialized"',
      'Expires: 3600',
      'Content-Type: multipart/mixed; boundary=uniqueBoundary',
      'Mime-Version: 1.0',
      `Content-Length: ${dialogue.last().body.length}`,
    ]);
  });

  it('has two parts: register all lines, and what the phone can do', () => {
    const body = Buffer.from(new Dialogue().register().last().body).toString('latin1');
    const parts = body.split('--uniqueBoundary');
    expect(parts.length).toBe(4);
    expect(parts[0]).toBe('');
    expect(parts[3]).toBe('--\r\n');
    expect(parts[1]).toBe(
      `\r\n${PART}\r\n<?xml version="1.0" encoding="UTF-8"?>\n<x-cisco-remotecc-request>\n<bulkregisterreq>\n<contact all="true">\n<register></register>\n</contact>\n</bulkregisterreq>\n</x-cisco-remotecc-request>\n\r\n`,
    );
    expect([...parts[2]!.matchAll(/<([\w-]+)(?: [^>]*)?>/g)].map(([, name]) => name)).toEqual([
      ...['x-cisco-remotecc-request', 'optionsind', 'combine', 'remotecc', 'status', 'service-control'],
      ...['dialog', 'unot', 'sub', 'dialog', 'unot', 'sub', 'presence', 'unot', 'sub', 'joinreq', 'cfwdall-anyline'],
      ...['coaching', 'oosalarm', 'rpid-orig-called', 'x-cisco-number', 'bfcp', 'ix', 'gatewayrecording'],
      'conferenceDisplayInstance',
    ]);
  });

  it.each([
    ['7975', 'SIP75.9-3-1SR2-1S', 'Cisco-CP7975G/9.3.1', 'X-cisco-sis-6.0.0', true, 'Load=SIP75.9-3-1SR2-1S Last'],
    ['7970', 'SIP70.8-4-2-30S', 'Cisco-CP7970G/8.4.2', 'X-cisco-sis-3.0.0', false, 'Load=SIP70.8-4-2-30S Last'],
    [
      '7821',
      'sip78xx.12-1-1-12',
      'Cisco-CP7821/12.1.1',
      'X-cisco-sis-7.0.0',
      true,
      'ActiveLoad=sip78xx.12-1-1-12.loads',
    ],
  ])('of a %s with %s', (modelName, load, agent, sis, namesDevice, loads) => {
    const m = new Dialogue({ modelName, load, inactiveLoad: '' }).register().last();
    expect(headerValue(m, 'User-Agent')).toBe(agent);
    expect(headerValue(m, 'Supported')).toContain(sis);
    expect(headerValue(m, 'Contact')!.includes('devicename')).toBe(namesDevice);
    expect(headerValue(m, 'Reason')).toContain(loads);
  });

  it('goes by the device name when the file has no lines', () => {
    const m = new Dialogue({ of: { lines: [] } }).register().last();
    expect(headerValue(m, 'To')).toBe('<sip:SEPC80084AA8743@192.168.5.26>');
  });
});

describe('a registration', () => {
  it('is refreshed 5 s before it runs out: same Call-ID, next CSeq, no Reason, no body', () => {
    const dialogue = new Dialogue().register().answer(100).accept();
    const first = message(dialogue.sent[0]!);
    expect(dialogue.heard[0]).toMatchObject({
      kind: 'registered',
      keepaliveSeconds: 115,
      lines: [{ instance: 1, number: '2001' }],
    });
    expect(dialogue.until(114.999).sent.length).toBe(1);
    expect(dialogue.until(115).sent.length).toBe(2);
    const refresh = dialogue.last();
    expect(headerValue(refresh, 'Call-ID')).toBe(headerValue(first, 'Call-ID'));
    expect(headerValue(refresh, 'CSeq')).toBe('102 REGISTER');
    expect(headerValue(refresh, 'Expires')).toBe('3600');
    expect(headerValue(refresh, 'Reason')).toBe(null);
    expect(refresh.body.length).toBe(0);
    dialogue.accept().until(300);
    expect(headerValue(dialogue.last(), 'CSeq')).toBe('103 REGISTER');
  });

  it('is given up when nobody answers for 32 s', () => {
    const dialogue = new Dialogue().register().until(31.999);
    expect(dialogue.heard).toEqual([]);
    expect(dialogue.until(32).heard).toEqual([{ kind: 'lost', why: 'register-timeout' }, { kind: 'close' }]);
    const refreshing = new Dialogue().register().accept().until(200);
    expect(refreshing.heard.at(-2)).toEqual({ kind: 'lost', why: 'keepalive-timeout' });
  });

  it('begins anew when the call manager has forgotten the phone', () => {
    const dialogue = new Dialogue().register().accept().until(115).accept(';x-cisco-newreg');
    expect(dialogue.last().body.length).toBeGreaterThan(0);
    expect(headerValue(dialogue.last(), 'Reason')).not.toBe(null);
    dialogue.accept(';x-cisco-newreg').until(116);
    expect(dialogue.sent.length).toBe(3);
  });

  it('over UDP repeats a request at 0.5, 1, 2 and then every 4 s, and every 4 s after a 100', () => {
    const dialogue = new Dialogue({ of: { transport: 'udp' } }).register();
    const times: number[] = [];
    while (dialogue.heard.length === 0) {
      const before = dialogue.sent.length;
      dialogue.now = dialogue.client.pollAt();
      dialogue.drain();
      if (dialogue.sent.length > before) times.push(dialogue.now / SECOND);
    }
    expect(times).toEqual([0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]);
    expect(new Set(dialogue.sent).size).toBe(1);
    const answered = new Dialogue({ of: { transport: 'udp' } }).register().answer(100).until(6);
    expect(answered.sent.length).toBe(1 + 2);
  });

  it('asks for longer when told so by 423, but not for shorter', () => {
    const dialogue = new Dialogue({ of: { timerRegisterExpires: 60 } })
      .register()
      .answer(423, { 'Min-Expires': '1800' });
    expect(headerValue(dialogue.last(), 'Expires')).toBe('1800');
    dialogue.answer(423, { 'Min-Expires': '1800' });
    expect(dialogue.kinds()).toEqual(['lost', 'close']);
  });

  it.each([
    [
      403,
      { 'Retry-After': '35', Warning: '399 cm1 "Wrong profile"' },
      { kind: 'rejected', text: 'Wrong profile', waitSeconds: 35 },
    ],
    [403, {}, { kind: 'rejected', text: 'said the server' }],
    [404, {}, { kind: 'lost', why: 'server-error' }],
    [503, { 'Retry-After': '20 (busy)' }, { kind: 'lost', why: 'server-error', waitSeconds: 20 }],
    [302, {}, { kind: 'lost', why: 'server-error' }],
  ])('%i ends it', (status, headers, out) => {
    const dialogue = new Dialogue().register().answer(status, headers as Record<string, string>);
    expect(dialogue.heard).toEqual([out, { kind: 'close' }]);
    expect(dialogue.client.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('takes the clock from Date', () => {
    const dialogue = new Dialogue().register().answer(200, { Date: 'Sun, 22 Nov 2026 08:15:16 GMT' });
    expect(dialogue.heard[0]).toEqual({
      kind: 'time',
      systemTime: Date.UTC(2026, 10, 22, 8, 15, 16) / 1000,
      local: null,
    });
  });

  it('is taken back with Expires 0, and over when that is answered or not', () => {
    const dialogue = new Dialogue().register().accept().input({ kind: 'unregister' });
    expect(headerValue(dialogue.last(), 'Expires')).toBe('0');
    expect(headerValue(dialogue.last(), 'Contact')).toMatch(/;expires=0$/);
    expect(dialogue.answer(200).kinds().slice(-2)).toEqual(['unregistered', 'close']);
    const mute = new Dialogue().register().accept().input({ kind: 'unregister' }).until(5);
    expect(mute.kinds().slice(-2)).toEqual(['unregistered', 'close']);
  });

  it('of several lines is each for itself where the server does not say that it took all', () => {
    const line = SETTINGS.lines[0]!;
    const lines = [line, { ...line, instance: 2, name: '2002', contact: '' }, { ...line, instance: 3, name: '2003' }];
    const dialogue = new Dialogue({ of: { lines } }).register().accept();
    expect(headerValue(dialogue.last(), 'To')).toContain('2002');
    expect(dialogue.last().body.length).toBe(0);
    expect(headerValue(dialogue.last(), 'Contact')).toContain('<sip:2002@');
    dialogue.answer(404);
    expect(headerValue(dialogue.last(), 'To')).toContain('2003');
    dialogue.accept();
    expect(dialogue.heard[0]).toMatchObject({ kind: 'registered', lines: [{ number: '2001' }, { number: '2003' }] });
    const bulk = new Dialogue({ of: { lines } }).register();
    bulk.answer(
      200,
      { 'Content-Type': 'application/x-cisco-remotecc-response+xml', Expires: '120' },
      '<x-cisco-remotecc-response><response><code>200</code></response></x-cisco-remotecc-response>',
    );
    expect(bulk.heard[0]).toMatchObject({
      kind: 'registered',
      lines: [{ number: '2001' }, { number: '2002' }, { number: '2003' }],
    });
  });
});

describe('digest', () => {
  const lines = [{ ...SETTINGS.lines[0]!, authName: 'alice', authPassword: 'secret' }];
  const challenge = 'Digest algorithm=MD5, realm="asterisk", nonce="2c63a1cc"';

  it('is answered once for each nonce', () => {
    const dialogue = new Dialogue({ of: { lines } }).register().answer(401, { 'WWW-Authenticate': challenge });
    const md5 = (text: string) => createHash('md5').update(text).digest('hex');
    const response = md5(`${md5('alice:asterisk:secret')}:2c63a1cc:${md5('REGISTER:sip:192.168.5.26')}`);
    expect(headerValue(dialogue.last(), 'Authorization')).toBe(
      `Digest username="alice",realm="asterisk",uri="sip:192.168.5.26",response="${response}",nonce="2c63a1cc",algorithm=MD5`,
    );
    expect(headerValue(dialogue.last(), 'CSeq')).toBe('102 REGISTER');
    dialogue.answer(401, { 'WWW-Authenticate': challenge.replace('2c63', 'ffff') });
    expect(dialogue.heard[0]).toEqual({ kind: 'rejected', text: 'said the server' });
  });

  it('goes on with a new nonce when the old one was stale, and through a proxy', () => {
    const dialogue = new Dialogue({ of: { lines } }).register().answer(407, { 'Proxy-Authenticate': challenge });
    expect(headerValue(dialogue.last(), 'Proxy-Authorization')).toContain('2c63a1cc');
    dialogue.accept().until(115);
    expect(headerValue(dialogue.last(), 'Proxy-Authorization')).toContain('2c63a1cc');
    dialogue.answer(407, { 'Proxy-Authenticate': `${challenge}, stale=TRUE`.replace('2c63', 'beef') });
    expect(headerValue(dialogue.last(), 'Proxy-Authorization')).toContain('beefa1cc');
    dialogue.accept();
    expect(dialogue.kinds()).not.toContain('rejected');
  });

  it('counts the uses of a nonce with qop', () => {
    const qop = `${challenge}, qop="auth,auth-int", opaque="xyz"`;
    const dialogue = new Dialogue({ of: { lines } }).register().answer(401, { 'WWW-Authenticate': qop });
    expect(headerValue(dialogue.last(), 'Authorization')).toContain('qop=auth,nc=00000001');
    dialogue.accept().until(115);
    expect(headerValue(dialogue.last(), 'Authorization')).toContain('qop=auth,nc=00000002');
    expect(headerValue(dialogue.last(), 'Authorization')).toContain('opaque="xyz"');
  });

  it('refuses what is not MD5', () => {
    const sha = challenge.replace('MD5', 'SHA-256');
    expect(new Dialogue({ of: { lines } }).register().answer(401, { 'WWW-Authenticate': sha }).kinds()).toEqual([
      'rejected',
      'close',
    ]);
  });
});

function notify(callId: string, lines: string, event = 'service-control'): string {
  const body = lines;
  return `NOTIFY sip:2001@192.168.7.104:51778 SIP/2.0
Via: SIP/2.0/TCP 192.168.5.26:5060;branch=z9hG4bK77ef4c2312983.1
From: <sip:192.168.5.26>;tag=8
To: <sip:2001@192.168.7.104:51778>
Call-ID: ${callId}@192.168.5.26
CSeq: 101 NOTIFY
Max-Forwards: 70
Event: ${event}
Subscription-State: active
Contact: <sip:192.168.5.26:5060;transport=tcp>
Content-Type: ${event === 'message-summary' ? 'application/simple-message-summary' : 'text/plain'}
Content-Length: ${body.replaceAll('\n', '\r\n').length}

${body}`;
}

describe('the call manager asks', () => {
  const registered = () => new Dialogue().register().accept();
  const callIdOf = (dialogue: Dialogue) => headerValue(message(dialogue.sent[0]!), 'Call-ID')!;

  it.each(['reset', 'restart', 'apply-config'])('for %s: 200 first, then the owner hears it', (action) => {
    const dialogue = registered();
    dialogue.ask(
      notify('1', `action=${action}\nRegisterCallId={${callIdOf(dialogue)}}\nConfigVersionStamp={1-stamp}\n`),
    );
    expect(dialogue.sent.at(-1)).toMatch(/^SIP\/2\.0 200 OK\r\n/);
    expect(dialogue.heard.at(-1)).toEqual({ kind: 'reset', type: action });
  });

  it('for another registration: nothing; for an empty one or zeros: it counts', () => {
    const dialogue = registered();
    const heard = dialogue.heard.length;
    dialogue.ask(notify('1', 'action=reset\nRegisterCallId={somebody@else}\n'));
    expect(dialogue.heard.length).toBe(heard);
    dialogue.ask(notify('2', 'action=restart\nRegisterCallId={}\n').replace('983.1', '983.2'));
    dialogue.ask(notify('3', 'action=restart\nRegisterCallId={0000000000000000}\n').replace('983.1', '983.3'));
    expect(dialogue.kinds().slice(heard)).toEqual(['reset', 'reset']);
  });

  it('whether the configuration is the same', () => {
    const dialogue = registered();
    const heard = dialogue.heard.length;
    dialogue.ask(notify('1', 'action=check-version\nRegisterCallId={}\nConfigVersionStamp={1-stamp}\n'));
    expect(dialogue.heard.length).toBe(heard);
    dialogue.ask(
      notify('2', 'action=check-version\nRegisterCallId={}\nConfigVersionStamp={2-stamp}\n').replace('983.1', '983.2'),
    );
    expect(dialogue.heard.at(-1)).toEqual({ kind: 'reset', type: 'restart' });
  });

  it('in a REFER with several parts, answered 202', () => {
    const dialogue = registered();
    const body = `--uniqueBoundary
Content-Type: application/x-cisco-remotecc-request+xml

<x-cisco-remotecc-request><bulkupdate><contact line="1"><mwi>yes</mwi></contact></bulkupdate></x-cisco-remotecc-request>
--uniqueBoundary
Content-Type: text/plain

action=restart
RegisterCallId={}
--uniqueBoundary--
`;
    const head = notify('1', '').split('\nEvent')[0]!.replaceAll('NOTIFY', 'REFER');
    const length = body.replaceAll('\n', '\r\n').length;
    dialogue.ask(`${head}
Require: norefersub
Refer-To: cid:1234@192.168.5.26
Content-Type: multipart/mixed;boundary=uniqueBoundary
Content-Length: ${length}

${body}`);
    expect(dialogue.sent.at(-1)).toMatch(/^SIP\/2\.0 202 Accepted/);
    expect(dialogue.heard.at(-2)).toMatchObject({ kind: 'display', display: { messageWaiting: true } });
    expect(dialogue.heard.at(-1)).toEqual({ kind: 'reset', type: 'restart' });
  });

  it('the same again: the same answer, and nothing is done twice', () => {
    const dialogue = new Dialogue({ of: { transport: 'udp' } }).register().accept();
    const text = notify('1', 'action=reset\nRegisterCallId={}\n');
    dialogue.ask(text).ask(text);
    expect(dialogue.sent.at(-1)).toBe(dialogue.sent.at(-2));
    expect(dialogue.kinds().filter((kind) => kind === 'reset').length).toBe(1);
  });

  it('what the phone can do', () => {
    const dialogue = registered().ask(
      notify('1', '')
        .replaceAll('NOTIFY', 'OPTIONS')
        .replace(/\nContent-Type.*/, ''),
    );
    const m = message(dialogue.sent.at(-1)!);
    expect(m).toMatchObject({ kind: 'response', status: 200 });
    expect(headerValue(m, 'Allow')).toContain('REGISTER');
    expect(headerValue(m, 'Allow-Events')).toContain('kpml');
  });

  it.each([
    ['an extension nobody knows', (text: string) => text.replace('Event:', 'Require: nothing-like-it\nEvent:'), 420],
    ['an event nobody knows', (text: string) => text.replace('Event: service-control', 'Event: weather'), 489],
    ['a method nobody knows', (text: string) => text.replaceAll('NOTIFY', 'NEWMETHOD'), 501],
    ['with a CSeq of another method', (text: string) => text.replace('101 NOTIFY', '101 INFO'), 400],
    ['a call', (text: string) => text.replaceAll('NOTIFY', 'INVITE'), 480],
  ])('%s', (_what, change, status) => {
    const dialogue = registered().ask(change(notify('1', 'action=reset\n')));
    expect(message(dialogue.sent.at(-1)!)).toMatchObject({ kind: 'response', status });
    expect(dialogue.kinds()).not.toContain('reset');
  });
});

describe('a standby connection', () => {
  it('says every 120 s that it lives, with a new Call-ID and nothing to register', () => {
    const dialogue = new Dialogue().until(120);
    const first = dialogue.last();
    expect(first.uri).toBe('sip:192.168.5.26:5060');
    expect(headerValue(first, 'Expires')).toBe('0');
    expect(headerValue(first, 'Contact')).toMatch(/"685";expires=0;cisco-keep-alive$/);
    expect(first.body.length).toBe(0);
    dialogue.answer(200).until(240);
    expect(headerValue(dialogue.last(), 'Call-ID')).not.toBe(headerValue(first, 'Call-ID'));
    expect(dialogue.until(272).heard).toEqual([{ kind: 'lost', why: 'keepalive-timeout' }, { kind: 'close' }]);
  });

  it.each([
    [202, {}, { kind: 'token', answer: 'granted', waitSeconds: 0 }],
    [486, { 'Retry-After': '60' }, { kind: 'token', answer: 'refused', waitSeconds: 60 }],
    [503, {}, { kind: 'token', answer: 'refused', waitSeconds: 120 }],
    [404, {}, { kind: 'token', answer: 'none', waitSeconds: 0 }],
  ])('asks for a token: %i', (status, headers, out) => {
    const dialogue = new Dialogue().input({ kind: 'request-token' });
    expect(headerValue(dialogue.last(), 'Refer-To')).toBe('<urn:X-cisco-remotecc:token-registration>');
    expect(dialogue.answer(status, headers as Record<string, string>).heard).toEqual([out]);
    expect(dialogue.client.state).toBe('open');
    dialogue.register().accept();
    expect(dialogue.client.state).toBe('registered');
  });

  it('tells why the phone was out of service in a REFER beside the REGISTER', () => {
    const xml = '<x-cisco-alarm></x-cisco-alarm>';
    const dialogue = new Dialogue().input({ kind: 'register', alarm: { reason: 'restart', xml }, versionStamp: '' });
    expect(dialogue.sent.length).toBe(2);
    const m = dialogue.last();
    expect([m.method, headerValue(m, 'Require'), headerValue(m, 'Content-Type')]).toEqual([
      'REFER',
      'norefersub',
      'application/x-cisco-alarm+xml',
    ]);
    expect(headerValue(m, 'Refer-To')!.replace('cid:', '')).toBe(headerValue(m, 'Content-Id')!.replace(/[<>]/g, ''));
  });
});

describe('a connection', () => {
  it('that ends is told, once', () => {
    const dialogue = new Dialogue()
      .register()
      .input({ kind: 'gone', why: 'reset' })
      .input({ kind: 'gone', why: 'closed' });
    expect(dialogue.heard).toEqual([{ kind: 'lost', why: 'reset' }]);
  });

  it('that carries no SIP is given up', () => {
    const dialogue = new Dialogue().register().ask(`${'GARBAGE '.repeat(10_000)}`);
    expect(dialogue.heard).toEqual([{ kind: 'lost', why: 'framing' }, { kind: 'close' }]);
  });
});
