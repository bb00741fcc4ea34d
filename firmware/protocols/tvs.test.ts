import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Instant, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { sharedVector } from '../../test/support/shared-vectors.ts';
import { Malformed } from '../malformed.ts';
import * as tvs from '../wire/tvs.ts';
import { TvsClient, type TvsIn, type TvsOut, type TvsQuestion } from './tvs.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const nul = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

const SERVERS = [
  { host: 'tvs1', port: 2445 },
  { host: 'tvs2', port: 2445 },
];

/** Lengths and first octets of a query of an 8861 (its log): body 143 = 27 + 69 + 25 + 22. */
const QUERY: TvsQuestion = {
  kind: 'query',
  subject: nul(`CN=ucm11pub${'x'.repeat(54)}`),
  issuer: nul('CN=issuer of 22 chars'),
  serial: hex('00112233445566778899aabbccddeeff010203'),
};

class Dialogue {
  readonly client = new TvsClient('CP-8861-SEPB000B4BA0AEE', tunableValues());

  at(seconds: number, ...inputs: TvsIn[]): string[] {
    const now: Instant = seconds * SECOND;
    for (const input of inputs) this.client.process(now, input);
    const said: string[] = [];
    this.client.dispatch(now, (out) => said.push(text(out)));
    return said;
  }
}

function text(out: TvsOut): string {
  switch (out.kind) {
    case 'connect':
      return `connect ${out.server.host}`;
    case 'write':
      return `write ${Buffer.from(out.octets.subarray(0, 16)).toString('hex')} ${out.octets.length}`;
    case 'close':
      return 'close';
    case 'answered':
      return out.answer === null
        ? `nobody: ${out.why}`
        : `${out.answer.valid ? 'valid' : 'invalid'} ${out.answer.roles} ${out.why}`;
  }
}

function response(command: number, session: number, body: string): Uint8Array {
  const octets = hex(body);
  const head = Buffer.alloc(10);
  head.set([0x57, 1, command, 0xf7]);
  head.writeUInt32BE(session, 4);
  head.writeUInt16BE(octets.length, 8);
  return new Uint8Array(Buffer.concat([head, octets]));
}

const VALID = '070001 00 02 0003 300100 08 0002 0003 09 0004 00015180';

describe('TvsClient', () => {
  it('asks as an 8861 does, and is answered', () => {
    const dialogue = new Dialogue();
    expect(dialogue.at(0, { kind: 'ask', question: QUERY, servers: SERVERS })).toEqual(['connect tvs1']);
    expect(dialogue.at(1, { kind: 'connected' })).toEqual(['write 57010300000003e9008f010018014350 153']);
    const answer = response(4, 1_001, VALID);
    // In pieces, as TLS may give it.
    expect(dialogue.at(2, { kind: 'data', octets: answer.subarray(0, 7) })).toEqual([]);
    expect(dialogue.at(2, { kind: 'data', octets: answer.subarray(7, 30) })).toEqual([]);
    expect(dialogue.at(2, { kind: 'data', octets: answer.subarray(30) })).toEqual(['close', 'valid 0,3 answered']);
    expect(dialogue.at(2, { kind: 'gone', why: 'closed' })).toEqual([]);
  });

  it('remembers an answer for as long as that says', () => {
    const dialogue = new Dialogue();
    const ask = { kind: 'ask', question: QUERY, servers: SERVERS } as const;
    dialogue.at(0, ask, { kind: 'connected' }, { kind: 'data', octets: response(4, 1_001, VALID) });
    expect(dialogue.at(86_399, ask)).toEqual(['valid 0,3 remembered']);
    expect(dialogue.at(86_400, ask)).toEqual(['connect tvs1']);
    // A refusal is not remembered.
    expect(
      dialogue.at(86_401, { kind: 'connected' }, { kind: 'data', octets: response(4, 1_002, '07000101') }),
    ).toContain('invalid  answered');
    expect(dialogue.at(86_402, ask)).toEqual(['connect tvs1']);
  });

  it('goes on to the next server when one is away, silent or talks nonsense', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, { kind: 'ask', question: QUERY, servers: SERVERS });
    expect(dialogue.at(1, { kind: 'gone', why: 'refused' })).toEqual(['connect tvs2']);
    expect(dialogue.at(10)).toEqual([]);
    expect(dialogue.client.pollAt()).toBe(11 * SECOND);
    expect(dialogue.at(11)).toEqual(['close', 'nobody: timeout']);
    dialogue.at(20, { kind: 'ask', question: QUERY, servers: SERVERS }, { kind: 'connected' });
    expect(dialogue.at(21, { kind: 'data', octets: response(2, 1_003, VALID) })).toEqual(['close', 'connect tvs2']);
    dialogue.at(22, { kind: 'connected' });
    // An answer to somebody else.
    expect(dialogue.at(22, { kind: 'data', octets: response(4, 1_001, VALID) })).toEqual([
      'close',
      'nobody: malformed answer',
    ]);
  });

  it('has nobody to ask without servers', () => {
    const ask = { kind: 'ask', question: QUERY, servers: [] } as const;
    expect(new Dialogue().at(0, ask)).toEqual(['nobody: no server is known']);
  });

  it('is silent after stop', () => {
    const dialogue = new Dialogue();
    expect(dialogue.at(0, { kind: 'ask', question: QUERY, servers: SERVERS }, { kind: 'stop' })).toEqual([]);
    expect(dialogue.at(100)).toEqual([]);
  });
});

describe('the codec', () => {
  it('reads a response of a CUCM', () => {
    const message = tvs.parse(response(4, 1_001, VALID));
    expect(message instanceof Malformed ? message.reason : tvs.describe(message)).toBe(
      'TVS query response 1001: valid roles 0,3 7 2 8 9',
    );
  });

  it('reproduces what it accepts, and never throws', () => {
    const anything = fc.uint8Array({ maxLength: 200 });
    const body = fc.array(fc.record({ tag: fc.nat(255), value: fc.uint8Array({ maxLength: 20 }) }), { maxLength: 70 });
    const check = (octets: Uint8Array): void => {
      const message = tvs.parse(octets);
      if (message instanceof Malformed) return;
      const again = new Uint8Array(tvs.lengthOf(message));
      expect(tvs.emit(message, again)).toBe(again.length);
      expect(again).toEqual(octets.slice(0, again.length));
      tvs.describe(message);
    };
    fc.assert(fc.property(anything, check), { numRuns: fuzzRuns() });
    fc.assert(
      fc.property(body, fc.nat(5), (elements, command) => {
        const message = { command, filler: 0, session: 7, elements };
        const octets = new Uint8Array(tvs.lengthOf(message));
        tvs.emit(message, octets);
        check(octets);
      }),
      { numRuns: fuzzRuns(0.2) },
    );
  });
});

interface Transcript {
  readonly exchanges: readonly {
    readonly certificate: string;
    readonly device_name: string;
    readonly decoded: readonly string[];
    readonly messages: readonly { readonly from: 'client' | 'server'; readonly hex: string }[];
  }[];
}

const octets = sharedVector('security/protocol/tvs.json');
const transcript = octets === null ? null : (JSON.parse(new TextDecoder().decode(octets)) as Transcript);

describe('the transcript of usecallmanager tvsd and tvsc', () => {
  if (transcript === null) it.skip('it is not beside this checkout', () => {});
  it.each(transcript?.exchanges.map((one) => [one.certificate, one] as const) ?? [])('%s', (_name, exchange) => {
    const [request, answer] = exchange.messages.map((message) => hex(message.hex));
    const asked = tvs.parse(request!);
    if (asked instanceof Malformed) throw new Error(asked.reason);
    const certificate = asked.elements.find(({ tag }) => tag === tvs.TAGS.certificate)!.value;
    const client = new TvsClient(exchange.device_name, tunableValues());
    const said: TvsOut[] = [];
    const now = SECOND;
    const step = (input: TvsIn) => {
      client.process(now, input);
      client.dispatch(now, (out) => said.push(out));
    };
    step({ kind: 'ask', question: { kind: 'verification', certificate }, servers: SERVERS });
    step({ kind: 'connected' });
    const written = said.find((out) => out.kind === 'write')!.octets;
    // Session numbers and the filler are each client's own.
    expect(Buffer.from(written.subarray(8)).equals(request!.subarray(8))).toBe(true);
    expect(written.subarray(0, 3)).toEqual(request!.subarray(0, 3));
    const answered = answer!.slice();
    answered.set(written.subarray(4, 8), 4);
    step({ kind: 'data', octets: answered });
    const got = said.find((out) => out.kind === 'answered')!.answer!;
    expect(exchange.decoded.some((line) => line.includes(got.valid ? ' Valid' : 'Invalid'))).toBe(true);
    expect(got.roles.length).toBe(exchange.decoded.filter((line) => line.startsWith('Role:')).length);
    const timeToLive = exchange.decoded.find((line) => line.startsWith('TTL:'));
    expect(got.timeToLive).toBe(timeToLive === undefined ? null : Number(/\d+/.exec(timeToLive)![0]));
  });
});
