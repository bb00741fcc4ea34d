import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { HTTP_PORT, HttpClient, type HttpIn, type HttpOut } from './http.ts';
import { HttpResponse } from './http-response.ts';

const octetsOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const textOf = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');

const START: HttpIn = {
  kind: 'start',
  server: 0xc6336400,
  port: HTTP_PORT,
  name: 'CTLSEP2834A2823B58.tlv',
  maxSize: 1_000,
};

class Dialogue {
  now: Instant = 0;
  readonly client = new HttpClient(tunableValues());

  at(seconds: number, input?: HttpIn): HttpOut[] {
    const until = seconds * SECOND;
    const out: HttpOut[] = [];
    while (this.client.pollAt() <= until) {
      this.now = Math.max(this.now, this.client.pollAt());
      this.client.dispatch(this.now, (one) => out.push(one));
    }
    this.now = until;
    if (input !== undefined) {
      this.client.process(this.now, input);
      this.client.dispatch(this.now, (one) => out.push(one));
    }
    return out;
  }

  /** Connected, asked, and answered with `pieces`. */
  answered(...pieces: string[]): HttpOut[] {
    this.at(0, START);
    this.at(0, { kind: 'connected' });
    return pieces.flatMap((piece) => this.at(0, { kind: 'data', octets: octetsOf(piece) }));
  }
}

const received = (text: string): HttpOut[] => [
  { kind: 'close' },
  { kind: 'done', outcome: 'received', octets: octetsOf(text) },
];

describe('the request', () => {
  it('is that of a real phone, octet for octet (CUCM trace of an 8861 with 12.1(1)SR1)', () => {
    const requests = [
      ['CTLSEP2834A2823B58.tlv', 64],
      ['SEP2834A2823B58.cnf.xml.sgn', 69],
      ['AppDialRules.xml', 58],
    ] as const;
    for (const [name, length] of requests) {
      const phone = new Dialogue();
      expect(phone.at(0, { ...START, name } as HttpIn)).toEqual([{ kind: 'connect', address: 0xc6336400, port: 6970 }]);
      const [write] = phone.at(0, { kind: 'connected' });
      const octets = write?.kind === 'write' ? write.octets : new Uint8Array(0);
      expect(textOf(octets)).toBe(`GET /${name} HTTP/1.1\r\nHost:198.51.100.0:6970\r\n\r\n`);
      expect(octets).toHaveLength(length);
    }
  });

  it('cannot be split by a name out of a file', () => {
    const phone = new Dialogue();
    phone.at(0, { ...START, name: 'a b/ü%\r\nX:1' } as HttpIn);
    const [write] = phone.at(0, { kind: 'connected' });
    expect(write?.kind === 'write' && textOf(write.octets)).toMatch(
      /^GET \/a%20b\/%C3%BC%25%0D%0AX:1 HTTP\/1.1\r\nHost:/,
    );
  });
});

describe('answers', () => {
  it('takes the body that Content-length measures, in whatever pieces', () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-length: 5\r\nCache-Control: no-store\r\nContent-type: */*\r\n\r\nhello';
    expect(new Dialogue().answered(answer)).toEqual(received('hello'));
    expect(new Dialogue().answered(...answer)).toEqual(received('hello'));
    expect(new Dialogue().answered(`${answer}and more`)).toEqual(received('hello'));
  });

  it('takes chunks, and a body that ends with the connection', () => {
    const chunked =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n';
    expect(new Dialogue().answered(chunked)).toEqual(received('hello'));
    expect(new Dialogue().answered(...chunked)).toEqual(received('hello'));
    const phone = new Dialogue();
    expect(phone.answered('HTTP/1.0 200 OK\n\nhel', 'lo')).toEqual([]);
    expect(phone.at(0, { kind: 'ended' })).toEqual(received('hello'));
  });

  it('takes an empty file, and skips interim answers', () => {
    expect(new Dialogue().answered('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')).toEqual(received(''));
    const interim = 'HTTP/1.1 100 Continue\r\n\r\n';
    expect(new Dialogue().answered(`${interim}HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx`)).toEqual(received('x'));
  });

  it('tells a missing file, a busy server and a refusal apart', () => {
    const last = (...pieces: string[]): HttpOut | undefined => new Dialogue().answered(...pieces).at(-1);
    expect(last('HTTP/1.1 404 Not Found\r\nContent-length: 0\r\n\r\n')).toEqual({ kind: 'done', outcome: 'not-found' });
    expect(last('HTTP/1.1 503 Service Unavailable\r\nContent-length: 2\r\n\r\n', 'no')).toEqual({
      kind: 'done',
      outcome: 'error',
      code: 503,
      text: 'Service Unavailable',
    });
    expect(last('HTTP/1.1 404 x\r\nContent-length: 9999\r\n\r\n')).toEqual({ kind: 'done', outcome: 'not-found' });
  });

  it('stops at the size cap, before the body where the length is known', () => {
    const tooLarge: HttpOut[] = [{ kind: 'abort' }, { kind: 'done', outcome: 'too-large' }];
    expect(new Dialogue().answered('HTTP/1.1 200 OK\r\nContent-length: 1001\r\n\r\n')).toEqual(tooLarge);
    expect(new Dialogue().answered('HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(1_001))).toEqual(tooLarge);
    expect(new Dialogue().answered('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n')).toEqual(tooLarge);
  });

  it('refuses what is no answer', () => {
    const endless = `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(4_000)}`;
    const twoLengths = 'HTTP/1.1 200 OK\r\nContent-length: 1\r\nContent-length: 2\r\n\r\n';
    const bad = [
      'SSH-2.0-x\r\n\r\n',
      endless,
      'x'.repeat(20_000),
      twoLengths,
      'HTTP/1.1 200 OK\r\nContent-length: -1\r\n\r\n',
    ];
    for (const text of bad) {
      expect(new Dialogue().answered(text).at(-1), text.slice(0, 40)).toMatchObject({ outcome: 'error', code: 0 });
    }
    const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    for (const body of ['zz\r\n', '1\r\nxy\r\n', `0\r\n${'a: b\r\n'.repeat(100)}`]) {
      expect(new Dialogue().answered(chunks + body).at(-1), body.slice(0, 20)).toMatchObject({ outcome: 'error' });
    }
  });
});

describe('connections', () => {
  it('gives up when none comes about, and when the server falls silent', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    expect(phone.client.pollAt()).toBe(4 * SECOND);
    expect(phone.at(4)).toEqual([{ kind: 'abort' }, { kind: 'done', outcome: 'timeout' }]);
    const slow = new Dialogue();
    slow.answered('HTTP/1.1 200 OK\r\n');
    slow.at(3, { kind: 'data', octets: octetsOf('Content') });
    expect(slow.at(6.9)).toEqual([]);
    expect(slow.at(7)).toEqual([{ kind: 'abort' }, { kind: 'done', outcome: 'timeout' }]);
    expect(slow.client.pollAt()).toBe(NEVER);
  });

  it('reports a refused connection and one that breaks', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    expect(phone.at(0, { kind: 'gone', why: 'refused' })).toEqual([
      { kind: 'done', outcome: 'error', code: 0, text: 'refused' },
    ]);
    expect(phone.at(0, { kind: 'gone', why: 'closed' })).toEqual([]);
    const cut = new Dialogue();
    cut.answered('HTTP/1.1 200 OK\r\nContent-length: 5\r\n\r\nhel');
    expect(cut.at(0, { kind: 'ended' }).at(-1)).toMatchObject({ outcome: 'error' });
    const early = new Dialogue();
    early.at(0, START);
    expect(early.at(0, { kind: 'gone', why: 'timeout' })).toEqual([{ kind: 'done', outcome: 'timeout' }]);
  });

  it('is silent after stop, and can be used again', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    expect(() => phone.client.process(0, START)).toThrow(/busy/);
    expect(phone.at(0, { kind: 'stop' })).toEqual([]);
    expect(phone.at(60, { kind: 'connected' })).toEqual([]);
    expect(phone.at(60, START)).toHaveLength(1);
  });
});

it('reads any octets, in any pieces, to the same end', () => {
  const line = fc.constantFrom(
    'HTTP/1.1 200 OK',
    'HTTP/1.1 404 No',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    '',
    '3',
    '0',
    'abc',
    'x:',
  );
  const shaped = fc.array(line, { maxLength: 12 }).map((lines) => octetsOf(`${lines.join('\r\n')}\r\n`));
  fc.assert(
    fc.property(fc.oneof(shaped, fc.uint8Array({ maxLength: 80 })), fc.integer({ min: 1, max: 7 }), (octets, step) => {
      const whole = new HttpResponse(50);
      const inPieces = new HttpResponse(50);
      const expected = whole.feed(octets);
      let progress = inPieces.feed(octets.subarray(0, 0));
      for (let at = 0; at < octets.length && progress === 'more'; at += step)
        progress = inPieces.feed(octets.subarray(at, at + step));
      expect(progress).toBe(expected);
      if (expected === 'too-large' || expected === 'malformed') return;
      expect([inPieces.status, inPieces.octets(), inPieces.end()]).toEqual([whole.status, whole.octets(), whole.end()]);
    }),
    { numRuns: fuzzRuns() },
  );
});
