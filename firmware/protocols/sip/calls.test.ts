import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { modelNamed } from '../../../device/models.ts';
import type { Key } from '../../../hal/panel.ts';
import { type Instant, MILLISECOND, NEVER, SECOND } from '../../../hal/timer.ts';
import { type TunableValues, tunableValues } from '../../../hal/tunables.ts';
import { SeededRng } from '../../../hal/virtual/rng.ts';
import { isMalformed } from '../../malformed.ts';
import { headerValue, type Message, parse } from '../../wire/sip/message.ts';
import { judgeRequest, judgeResponse } from '../../wire/sip/validity.ts';
import type { CallMedia, MediaAddress } from '../calls.ts';
import type { RegistrationClientOut } from '../registration-client.ts';
import { SipClient } from '../sip.ts';
import type { SipSettings } from './settings.ts';

/** Octets that get from one machine to the other after 10 ms. */
const DELAY = 10 * MILLISECOND;
const ADDRESS = 0x0a00_0005;

/** What media was told, in words. */
class Media implements CallMedia {
  readonly said: string[] = [];
  readonly #ports = new Map<number, number>();

  open(_now: Instant, call: number): MediaAddress {
    const port = this.#ports.get(call) ?? 16_384 + 2 * this.#ports.size;
    if (!this.#ports.has(call)) this.said.push(`open ${port}`);
    this.#ports.set(call, port);
    return { address: ADDRESS, port };
  }

  send(_now: Instant, call: number, to: MediaAddress, format: { codec: string; ptime: number }): MediaAddress {
    this.said.push(`send ${to.port} ${format.codec}/${format.ptime}`);
    return { address: ADDRESS, port: this.#ports.get(call)! };
  }

  stopSending(): void {
    this.said.push('stop');
  }

  close(_now: Instant, call: number): void {
    if (this.#ports.delete(call)) this.said.push('close');
  }

  report(): null {
    return null;
  }
}

function settings(number: string, transport: SipSettings['transport']): SipSettings {
  const line = { contact: '', displayName: `Phone ${number}`, label: number, authName: number, authPassword: 'secret' };
  return {
    transport,
    voipControlPort: 5060,
    timerRegisterExpires: 3600,
    timerRegisterDelta: 5,
    timerKeepAliveExpires: 120,
    timerT1: 500,
    timerT2: 4000,
    maxRedirects: 70,
    dateTemplate: 'M/D/Y',
    lines: [{ instance: 1, name: number, ...line }],
  };
}

/** A registered phone whose every request and response is seen. */
class Party {
  readonly media = new Media();
  readonly heard: RegistrationClientOut[] = [];
  readonly sent: Message[] = [];
  readonly client: SipClient;
  /** Octets on their way to the other side. */
  readonly out: { readonly at: Instant; readonly octets: Uint8Array }[] = [];
  /** What the wire loses. */
  loses: (m: Message) => boolean = () => false;

  constructor(number: string, tunables: Partial<TunableValues>, transport: SipSettings['transport']) {
    this.client = new SipClient({
      model: modelNamed('8861')!,
      deviceName: `SEP00000000${number}`,
      mac: Number(number),
      load: 'sip88xx.12-1-1SR1-4',
      inactiveLoad: '',
      settings: settings(number, transport),
      host: '10.0.0.1',
      tunables: tunableValues(tunables),
      rng: new SeededRng(number),
      hash: (octets) => createHash('md5').update(octets).digest(),
      calendar: () => Date.UTC(2026, 10, 22, 8),
      media: this.media,
    });
    this.client.process(0, { kind: 'connected', ownAddress: ADDRESS, ownPort: 50_000 });
    this.client.process(0, { kind: 'register', alarm: { reason: 'initialized' }, versionStamp: '' });
    this.drain(0);
    this.say(0, answerTo(this.sent[0]!, 200, 'Expires: 120\r\n'));
    this.out.length = 0;
    this.sent.length = 0;
  }

  say(now: Instant, octets: Uint8Array): void {
    this.client.process(now, { kind: 'data', octets });
    this.drain(now);
  }

  drain(now: Instant): void {
    for (let round = 0; round < 10; round++) {
      this.client.dispatch(now, (out) => {
        if (out.kind !== 'write') {
          this.heard.push(out);
          return;
        }
        const m = parsed(out.octets);
        this.sent.push(m);
        if (!this.loses(m)) this.out.push({ at: now + DELAY, octets: out.octets });
      });
    }
  }

  get states(): string[] {
    return this.heard.flatMap((out) => (out.kind === 'call' ? [out.call.state] : []));
  }

  get display() {
    return this.heard.flatMap((out) => (out.kind === 'display' ? [out.display] : [])).at(-1)!;
  }

  get methods(): (string | number)[] {
    return this.sent.map((m) => (m.kind === 'request' ? m.method : m.status));
  }
}

function parsed(octets: Uint8Array): Message {
  const m = parse(octets);
  if (isMalformed(m)) throw new Error(m.reason);
  expect(m.kind === 'request' ? judgeRequest(m) : judgeResponse(m)).toBe(null);
  return m;
}

function answerTo(m: Message, status: number, extra = ''): Uint8Array {
  const kept = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;
  const lines = kept.map((name) => {
    const tag = name === 'To' && !headerValue(m, 'To')!.includes('tag=') ? ';tag=srv' : '';
    return `${name}: ${headerValue(m, name)}${tag}\r\n`;
  });
  return Buffer.from(`SIP/2.0 ${status} Said\r\n${lines.join('')}${extra}Content-Length: 0\r\n\r\n`, 'latin1');
}

/** Two phones whose connections to the call manager are one wire. */
class Pair {
  readonly ann: Party;
  readonly bob: Party;
  now: Instant = 0;

  constructor(tunables: Partial<TunableValues> = {}, transport: SipSettings['transport'] = 'tcp') {
    this.ann = new Party('2001', tunables, transport);
    this.bob = new Party('2002', tunables, transport);
  }

  key(party: Party, ...keys: Key[]): this {
    for (const key of keys) {
      party.client.process(this.now, { kind: 'key', key });
      party.drain(this.now);
    }
    return this;
  }

  /** Presses the soft key of that name. */
  soft(party: Party, label: string): this {
    const at = party.display.softKeys.findIndex((key) => key.label === label);
    if (at === -1) throw new Error(`no ${label} among ${party.display.softKeys.map((key) => key.label).join(', ')}`);
    return this.key(party, `softKey${(at + 1) as 1}`);
  }

  run(seconds: number): this {
    const end = this.now + seconds * SECOND;
    for (let turn = 0; ; turn++) {
      if (turn === 1000) throw new Error('the machines never rest');
      const parties = [
        [this.ann, this.bob],
        [this.bob, this.ann],
      ] as const;
      const at = Math.min(...parties.map(([from]) => Math.min(from.out[0]?.at ?? NEVER, from.client.pollAt())));
      if (at > end) break;
      this.now = Math.max(this.now, at);
      for (const [from, to] of parties) {
        while ((from.out[0]?.at ?? NEVER) <= this.now) to.say(this.now, from.out.shift()!.octets);
        from.drain(this.now);
      }
    }
    this.now = end;
    return this;
  }

  /** Ann calls Bob, who answers. */
  connected(): this {
    this.key(this.ann, 'hookOff', '2', '0', '0', '2', '#').run(1);
    return this.key(this.bob, 'hookOff').run(1);
  }
}

function sdpLines(m: Message | undefined): string[] {
  return Buffer.from(m!.body).toString('latin1').trimEnd().split('\r\n');
}

describe('a call', () => {
  it('goes through off-hook, ring-out and connected, is heard on both sides, and ends', () => {
    const pair = new Pair().connected();
    const { ann, bob } = pair;
    expect(ann.states).toEqual([
      'off-hook',
      'off-hook',
      'off-hook',
      'off-hook',
      'off-hook',
      'proceeding',
      'ring-out',
      'connected',
    ]);
    expect(bob.states).toEqual(['ring-in', 'connected', 'connected']);
    expect(ann.methods).toEqual(['INVITE', 'ACK']);
    expect(bob.methods).toEqual([100, 180, 200]);
    expect(ann.media.said).toEqual(['open 16384', 'send 16384 PCMU/20']);
    expect(bob.media.said).toEqual(['open 16384', 'send 16384 PCMU/20']);
    expect(bob.heard.filter((out) => out.kind === 'call')[0]).toMatchObject({
      call: { from: '2001', to: '2002', direction: 'in', line: 1 },
    });
    pair.key(bob, 'hookOn').run(1);
    expect(ann.states.at(-1)).toBe('ended');
    expect(bob.states.at(-1)).toBe('ended');
    expect(bob.methods.at(-1)).toBe('BYE');
    expect(ann.methods.at(-1)).toBe(200);
    expect(ann.media.said.at(-1)).toBe('close');
    expect(ann.display).toMatchObject({
      prompt: 'Your current options',
      softKeys: [{ label: 'Redial' }, { label: 'NewCall' }],
    });
  });

  it('begins with an INVITE in the form of real phones', () => {
    const { ann } = new Pair().connected();
    const names = ann.sent[0]!.headers.map(({ name }) => name);
    expect(names).toEqual([
      'Via',
      'From',
      'To',
      'Call-ID',
      'Max-Forwards',
      'Session-ID',
      'Date',
      'CSeq',
      'User-Agent',
      'Contact',
      'Expires',
      'Accept',
      'Allow',
      'Remote-Party-ID',
      'Supported',
      'Allow-Events',
      'Content-Type',
      'Content-Disposition',
    ]);
    expect(headerValue(ann.sent[0]!, 'Remote-Party-ID')).toBe(
      '"Phone 2001" <sip:2001@10.0.0.1>;party=calling;id-type=subscriber;privacy=off;screen=yes',
    );
    const [, origin, ...lines] = sdpLines(ann.sent[0]);
    expect(origin).toMatch(/^o=Cisco-SIPUA \d+ 0 IN IP4 10\.0\.0\.5$/);
    expect(lines).toEqual([
      's=SIP Call',
      't=0 0',
      'm=audio 16384 RTP/AVP 0 8 101',
      'c=IN IP4 10.0.0.5',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
      'a=sendrecv',
    ]);
  });

  it('is dialled when no more digits come, by the soft key, and again by Redial', () => {
    const pair = new Pair();
    const { ann, bob } = pair;
    pair.key(ann, 'hookOff', '2', '0', '0', '2').run(9);
    expect(ann.methods).toEqual([]);
    pair.run(2);
    expect(ann.methods).toEqual(['INVITE']);
    pair.soft(bob, 'Decline').run(1);
    expect(ann.states.at(-1)).toBe('busy');
    pair.soft(ann, 'EndCall').soft(ann, 'Redial').run(1);
    expect(ann.states.at(-1)).toBe('ring-out');
    expect(ann.methods).toEqual(['INVITE', 'ACK', 'INVITE']);
  });

  it('taken back while it rings: CANCEL, 487, ACK', () => {
    const pair = new Pair();
    const { ann, bob } = pair;
    pair.key(ann, 'hookOff', '2', '0', '0', '2', '#').run(1).key(ann, 'hookOn').run(1);
    expect(ann.methods).toEqual(['INVITE', 'CANCEL', 'ACK']);
    expect(bob.methods).toEqual([100, 180, 200, 487]);
    expect([ann.states.at(-1), bob.states.at(-1)]).toEqual(['ended', 'ended']);
    expect(bob.media.said).toEqual([]);
  });

  it('to a phone with two calls is refused with 486', () => {
    const pair = new Pair({ 'sip.busyTrigger': 1 });
    const { ann, bob } = pair;
    pair.key(bob, 'hookOff').run(1);
    pair.key(ann, 'hookOff', '2', '0', '0', '2', '#').run(1);
    expect(bob.methods).toEqual([486]);
    expect(ann.states.at(-1)).toBe('busy');
  });

  it('is held and resumed by INVITEs within the dialog; on hold nobody talks', () => {
    const pair = new Pair().connected();
    const { ann, bob } = pair;
    pair.soft(ann, 'Hold').run(1);
    expect(sdpLines(ann.sent.at(-2)).at(-1)).toBe('a=sendonly');
    expect(sdpLines(bob.sent.at(-1)).at(-1)).toBe('a=recvonly');
    expect([ann.states.at(-1), bob.states.at(-1)]).toEqual(['hold', 'remote-hold']);
    expect([ann.media.said.at(-1), bob.media.said.at(-1)]).toEqual(['stop', 'stop']);
    pair.soft(ann, 'Resume').run(1);
    expect([ann.states.at(-1), bob.states.at(-1)]).toEqual(['connected', 'connected']);
    expect([ann.media.said.at(-1), bob.media.said.at(-1)]).toEqual(['send 16384 PCMU/20', 'send 16384 PCMU/20']);
    // RFC 3264 section 8: the version of the origin rises with each change.
    const versions = ann.sent.flatMap((m) => (m.body.length > 0 ? [sdpLines(m)[1]!.split(' ')[2]] : []));
    expect(versions).toEqual(['0', '1', '2']);
  });

  it('ended while it is being held: the 200 to the INVITE has its ACK all the same', () => {
    const pair = new Pair().connected();
    pair.soft(pair.ann, 'Hold').soft(pair.ann, 'EndCall').run(2);
    expect(pair.ann.methods).toEqual(['INVITE', 'ACK', 'INVITE', 'BYE', 'ACK']);
    expect([pair.ann.states.at(-1), pair.bob.states.at(-1)]).toEqual(['ended', 'ended']);
  });

  it('both sides hold at once: 491, and each tries again', () => {
    const pair = new Pair().connected();
    const { ann, bob } = pair;
    pair.soft(ann, 'Hold').soft(bob, 'Hold').run(6);
    expect(ann.methods.filter((one) => one === 491).length + bob.methods.filter((one) => one === 491).length).toBe(2);
    expect([ann.states.at(-1), bob.states.at(-1)]).toEqual(['hold', 'hold']);
    pair.soft(ann, 'Resume').run(2).soft(bob, 'Resume').run(2);
    expect([ann.states.at(-1), bob.states.at(-1)]).toEqual(['connected', 'connected']);
  });

  it('ends with BYE when its 200 is never acknowledged', () => {
    const pair = new Pair();
    const { ann, bob } = pair;
    ann.loses = (m) => m.kind === 'request' && m.method === 'ACK';
    pair.connected().run(40);
    // T1 doubling to T2 for 64 T1: 0.5, 1, 2 and 4 s.
    expect(bob.methods.filter((one) => one === 200).length).toBe(11);
    expect(bob.methods).toContain('BYE');
    expect(ann.states.at(-1)).toBe('ended');
  });
});

describe('over UDP', () => {
  it('everything that is lost once is said again', () => {
    for (let lost = 0; lost < 12; lost++) {
      const pair = new Pair({}, 'udp');
      let count = 0;
      for (const party of [pair.ann, pair.bob]) party.loses = () => count++ === lost;
      pair.key(pair.ann, 'hookOff', '2', '0', '0', '2', '#').run(4).key(pair.bob, 'hookOff').run(8);
      expect([lost, pair.ann.states.at(-1), pair.bob.states.at(-1)]).toEqual([lost, 'connected', 'connected']);
      pair.key(pair.ann, 'hookOn').run(8);
      expect([lost, pair.ann.states.at(-1), pair.bob.states.at(-1)]).toEqual([lost, 'ended', 'ended']);
      expect(pair.ann.media.said.at(-1)).toBe('close');
    }
  });

  it('an INVITE without an answer is repeated at 0.5, 1.5, 3.5 ... s and given up after 32 s', () => {
    const pair = new Pair({}, 'udp');
    pair.ann.loses = () => true;
    pair.key(pair.ann, 'hookOff', '2', '0', '0', '2', '#').run(33);
    expect(pair.ann.methods).toEqual(Array.from({ length: 7 }, () => 'INVITE'));
    expect(pair.ann.states.at(-1)).toBe('reorder');
  });
});

describe('emergency numbers are never dialled', () => {
  /** What Ann sent, and what she refused. */
  const told = ({ ann }: Pair) => [
    ann.methods,
    ann.heard.flatMap((o) => (o.kind === 'call-refused' ? [o.number] : [])),
  ];

  it.each(['911', '112', '9911', '0112', '000', '15'])(
    '%s: no INVITE goes out, and the user gets reorder',
    (number) => {
      const pair = new Pair();
      pair.key(pair.ann, 'hookOff', ...([...number] as Key[]), '#').run(20);
      expect(told(pair)).toEqual([[], [number]]);
      expect(pair.ann.states.at(-1)).toBe('reorder');
      expect(pair.ann.media.said).toEqual([]);
      pair.key(pair.ann, 'hookOn').run(1);
      expect([pair.ann.states.at(-1), pair.ann.methods]).toEqual(['ended', []]);
    },
  );

  it('when nothing more is typed, by the Dial key, and by Redial', () => {
    const pair = new Pair();
    pair.key(pair.ann, 'hookOff', '9', '1', '1').run(20);
    pair.key(pair.ann, 'hookOn', 'hookOff', '1', '1', '2').soft(pair.ann, 'Dial').key(pair.ann, 'hookOn').run(1);
    pair.soft(pair.ann, 'Redial').run(1);
    expect(told(pair)).toEqual([[], ['911', '112', '112']]);
  });

  it.each(['Dial', 'Trnsfer'])('as the target of a transfer, by %s', (key) => {
    const pair = new Pair().connected();
    pair.soft(pair.ann, 'Trnsfer').run(1).key(pair.ann, '9', '1', '1');
    const before = pair.ann.sent.length;
    if (key === 'Dial') pair.soft(pair.ann, 'Dial').run(1);
    else pair.key(pair.ann, '#').run(1);
    expect(told(pair)[1]).toEqual(['911']);
    expect(pair.ann.sent.slice(before)).toEqual([]);
    expect(pair.ann.states.at(-1)).toBe('reorder');
  });

  it.each(['sip:911@10.0.0.1', 'sip:%39%31%31@10.0.0.1', 'sip:+112@10.0.0.1;user=phone'])(
    'when the other side asks for it by REFER to %s',
    (target) => {
      const pair = new Pair().connected();
      const before = pair.ann.sent.length;
      const invite = pair.ann.sent.find((m) => m.kind === 'request' && m.method === 'INVITE')!;
      const ok = pair.bob.sent.find((m) => m.kind === 'response' && m.status === 200)!;
      const refer = [
        'REFER sip:2001@10.0.0.5:50000;transport=tcp SIP/2.0',
        'Via: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bKrefer',
        'Max-Forwards: 70',
        `From: ${headerValue(ok, 'To')}`,
        `To: ${headerValue(invite, 'From')}`,
        `Call-ID: ${headerValue(invite, 'Call-ID')}`,
        'CSeq: 200 REFER',
        `Refer-To: <${target}>`,
        'Contact: <sip:2002@10.0.0.1>',
        'Content-Length: 0',
      ].join('\r\n');
      pair.ann.say(pair.now, Buffer.from(`${refer}\r\n\r\n`));
      pair.run(1);
      expect(pair.ann.methods.slice(before)).toEqual([403]);
      expect(told(pair)[1]).toHaveLength(1);
      expect(pair.ann.states.at(-1)).toBe('connected');
    },
  );
});
