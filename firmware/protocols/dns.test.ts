import { describe, expect, it } from 'vitest';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import * as dns from '../wire/dns.ts';
import { type DnsIn, type DnsOut, DnsResolver } from './dns.ts';

const FIRST = 0x0a000001;
const SECOND_SERVER = 0x0a000002;

class Dialogue {
  now: Instant = 0;
  readonly resolver = new DnsResolver({ rng: new SeededRng('dns'), tunables: tunableValues() });
  sent: (DnsOut & { kind: 'send' })[] = [];

  constructor(servers: readonly number[] = [FIRST, SECOND_SERVER, 0x0a000003], domain: string | null = 'example.com') {
    this.resolver.process(0, { kind: 'configure', servers, domain });
  }

  at(seconds: number, input?: DnsIn): string[] {
    const until = seconds * SECOND;
    const lines: string[] = [];
    const drain = (): void =>
      this.resolver.dispatch(this.now, (out) => {
        if (out.kind === 'send') this.sent.push(out);
        lines.push(`${this.now / SECOND} ${line(out)}`);
      });
    while (this.resolver.pollAt() <= until) {
      this.now = Math.max(this.now, this.resolver.pollAt());
      drain();
    }
    this.now = until;
    if (input !== undefined) {
      this.resolver.process(this.now, input);
      drain();
    }
    return lines;
  }

  /** An answer to the last query. */
  answer(fields: Partial<dns.Message>, envelope: { from?: number; port?: number } = {}): DnsIn {
    const query = this.sent.at(-1)!;
    const message = { ...query.message, response: true, ...fields };
    return { kind: 'received', message, from: query.to, port: query.port, ...envelope };
  }
}

function line(out: DnsOut): string {
  if (out.kind === 'send') return `${out.message.questions[0]!.name} to ${out.to - FIRST + 1}`;
  return out.kind === 'resolved' ? `${out.id} = ${out.addresses.map((a) => a - FIRST)}` : `${out.id} ${out.why}`;
}

const a = (name: string, address: number, ttl = 60): dns.ResourceRecord => {
  return { name, type: dns.TYPE_A, class: dns.CLASS_IN, ttl, data: { kind: 'address', address } };
};

const cname = (name: string, target: string): dns.ResourceRecord => {
  return { name, type: dns.TYPE_CNAME, class: dns.CLASS_IN, ttl: 30, data: { kind: 'name', name: target } };
};

const resolve = (name: string, id = 7): DnsIn => ({ kind: 'resolve', id, name });

describe('DnsResolver', () => {
  it('asks the first server, keeps the answer for its time to live', () => {
    const phone = new Dialogue();
    expect(phone.at(0, resolve('cm1.example.com'))).toEqual(['0 cm1.example.com to 1']);
    const records = [a('CM1.example.COM', FIRST + 8), a('cm1.example.com', FIRST + 9, 90)];
    expect(phone.at(1, phone.answer({ answers: records }))).toEqual(['1 7 = 8,9']);
    expect(phone.resolver.pollAt()).toBe(NEVER);
    expect(phone.at(60, resolve('cm1.example.com', 8))).toEqual(['60 8 = 8,9']);
    expect(phone.at(61, resolve('cm1.example.com', 9))).toEqual(['61 cm1.example.com to 1']);
  });

  it('asks both servers in turn and times out after four queries', () => {
    const phone = new Dialogue();
    phone.at(0, resolve('cm1.example.com'));
    expect(phone.at(60)).toEqual([
      '2 cm1.example.com to 2',
      '4 cm1.example.com to 1',
      '6 cm1.example.com to 2',
      '8 7 timeout',
    ]);
  });

  it('takes an answer to an earlier query of the same question', () => {
    const phone = new Dialogue();
    phone.at(0, resolve('cm1.example.com'));
    phone.at(2);
    expect(phone.at(3, phone.answer({ answers: [a('cm1.example.com', FIRST)] }, { from: FIRST }))).toEqual(['3 7 = 0']);
  });

  it('looks for a short name in the domain of the lease first', () => {
    const phone = new Dialogue();
    expect(phone.at(0, resolve('cm1'))).toEqual(['0 cm1.example.com to 1']);
    expect(phone.at(0, phone.answer({ rcode: dns.NAME_ERROR }))).toEqual(['0 cm1 to 1']);
    expect(phone.at(0, phone.answer({ rcode: dns.NAME_ERROR }))).toEqual(['0 7 unknown-host']);
    expect(phone.at(0, resolve('cm1.'))).toEqual(['0 cm1 to 1']);
    const alone = new Dialogue([FIRST], null);
    expect(alone.at(0, resolve('cm1'))).toEqual(['0 cm1 to 1']);
  });

  it('follows aliases, and keeps the shortest time to live of the chain', () => {
    const phone = new Dialogue();
    phone.at(0, resolve('x.example.com'));
    const answers = [cname('x.example.com', 'y.example.com'), a('y.example.com', FIRST + 3)];
    expect(phone.at(0, phone.answer({ answers }))).toEqual(['0 7 = 3']);
    expect(phone.at(30, resolve('x.example.com'))).toEqual(['30 x.example.com to 1']);
    const circle = [cname('x.example.com', 'y.example.com'), cname('y.example.com', 'x.example.com')];
    expect(phone.at(30, phone.answer({ answers: circle }))).toEqual(['30 x.example.com.example.com to 1']);
  });

  it('turns to the other server when one cannot say', () => {
    const phone = new Dialogue();
    phone.at(0, resolve('a.b.'));
    expect(phone.at(0.1, phone.answer({ rcode: dns.SERVER_FAILURE }))).toEqual(['0.1 a.b to 2']);
    expect(phone.at(0.2, phone.answer({ rcode: 5 }))).toEqual(['0.2 a.b to 1']);
    expect(phone.at(9)).toEqual(['2.2 a.b to 2', '4.2 7 unknown-host']);
  });

  it('fails at once without a server, and for what is no name', () => {
    const phone = new Dialogue([]);
    expect(phone.at(0, resolve('cm1'))).toEqual(['0 7 no-server']);
    expect(new Dialogue().at(0, resolve('a..b'))).toEqual(['0 7 unknown-host']);
    expect(new Dialogue([FIRST], null).at(0, resolve(''))).toEqual(['0 7 unknown-host']);
  });

  it('answers an address with itself', () => {
    expect(new Dialogue([]).at(0, resolve('10.0.0.4'))).toEqual(['0 7 = 3']);
  });

  it('does not believe a stranger', () => {
    const phone = new Dialogue();
    phone.at(0, resolve('cm1.example.com'));
    const answers = [a('cm1.example.com', FIRST)];
    const query = phone.sent[0]!;
    const forged = [
      phone.answer({ answers }, { from: 0x0a000009 }),
      phone.answer({ answers }, { port: query.port ^ 1 }),
      phone.answer({ answers, id: query.message.id ^ 1 }),
      phone.answer({ answers, response: false }),
      phone.answer({ answers, questions: [] }),
      phone.answer({ answers, questions: [{ name: 'other.example.com', type: 1, class: 1 }] }),
    ];
    for (const message of forged) expect(phone.at(0, message)).toEqual([]);
    expect(phone.at(0, phone.answer({ answers }))).toEqual(['0 7 = 0']);
  });

  it('draws identifiers and ports by chance', () => {
    const phone = new Dialogue();
    for (let index = 0; index < 50; index++) phone.at(0, resolve(`n${index}.example.com`, index));
    expect(new Set(phone.sent.map(({ message }) => message.id)).size).toBeGreaterThan(45);
    expect(new Set(phone.sent.map(({ port }) => port)).size).toBeGreaterThan(45);
    for (const { port } of phone.sent) expect(port).toBeGreaterThanOrEqual(49_152);
  });

  it('forgets what is cancelled, and everything at stop', () => {
    const phone = new Dialogue();
    phone.at(0, resolve('cm1.example.com'));
    phone.at(0, { kind: 'cancel', id: 7 });
    expect(phone.at(60)).toEqual([]);
    phone.at(60, resolve('cm1.example.com'));
    phone.at(60, { kind: 'stop' });
    expect(phone.at(100, resolve('cm1.example.com'))).toEqual(['100 7 no-server']);
  });

  it('holds sixteen names', () => {
    const phone = new Dialogue();
    for (let index = 0; index <= 16; index++) {
      const name = `n${index}.example.com`;
      phone.at(0, resolve(name, index));
      phone.at(0, phone.answer({ answers: [a(name, FIRST, 86_400)] }));
    }
    expect(phone.at(1, resolve('n16.example.com'))).toEqual(['1 7 = 0']);
    expect(phone.at(1, resolve('n0.example.com'))).toEqual(['1 n0.example.com to 1']);
  });
});
