import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rng } from '../../hal/rng.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import * as dhcp from '../wire/dhcp.ts';
import { DhcpClient, type DhcpIn, type DhcpOut } from './dhcp.ts';
import type { StoredLease } from './dhcp-lease.ts';

const MAC = 0x02005ec0ffee;
const ADDRESS = 0x0a000005;
const SERVER = 0x0a000001;
const OTHER_SERVER = 0x0a000002;

/** Chance without spread: the back-off is exactly 4, 8, 16 … seconds, transaction identifiers count from 1. */
class EvenRng implements Rng {
  #next = 1;
  u32(): number {
    return this.#next++;
  }
  below(bound: number): number {
    return Math.floor(bound / 2);
  }
  fill(): void {}
}

const LEASE_OPTIONS: dhcp.Options = {
  serverIdentifier: SERVER,
  leaseTime: 86_400,
  subnetMask: 0xffffff00,
  routers: [SERVER],
  domainNameServers: [SERVER],
  domainName: 'example.com',
  tftpServers: [SERVER, OTHER_SERVER],
};

class Dialogue {
  now: Instant = 0;
  readonly client: DhcpClient;
  heard: DhcpOut[] = [];

  constructor(tunables: Partial<TunableValues> = {}, rng: Rng = new EvenRng()) {
    this.client = new DhcpClient({
      mac: MAC,
      vendorClass: 'Cisco Systems, Inc. IP Phone CP-7975G\0',
      parameterRequestList: [1, 66, 6, 3, 15, 150, 35],
      hostName: 'SEP02005EC0FFEE',
      rng,
      tunables: tunableValues(tunables),
    });
  }

  /** Runs to `seconds`, letting all alarms go off on the way; returns what came out, as one line each. */
  at(seconds: number, input?: DhcpIn): string[] {
    const until = seconds * SECOND;
    const lines: string[] = [];
    const drain = (): void =>
      this.client.dispatch(this.now, (out) => {
        this.heard.push(out);
        lines.push(`${this.now / SECOND} ${line(out)}`);
      });
    while (this.client.pollAt() <= until) {
      this.now = Math.max(this.now, this.client.pollAt());
      drain();
    }
    this.now = until;
    if (input !== undefined) {
      this.client.process(this.now, input);
      drain();
    }
    return lines;
  }

  lastSent(): dhcp.Message {
    const sent = this.heard.filter((out) => out.kind === 'send');
    return sent[sent.length - 1]!.message;
  }

  /** An answer to the last message sent. */
  answer(messageType: number, fields: Partial<dhcp.Message> = {}, options: dhcp.Options = LEASE_OPTIONS): DhcpIn {
    const message: dhcp.Message = {
      ...this.lastSent(),
      op: dhcp.BOOTREPLY,
      yiaddr: ADDRESS,
      ...fields,
      options: { ...options, messageType },
    };
    return { kind: 'received', message };
  }

  /** From start to BOUND at once. */
  bind(options: dhcp.Options = LEASE_OPTIONS): string[] {
    const at = this.now / SECOND;
    return [
      ...this.at(at, { kind: 'start' }),
      ...this.at(at, this.answer(dhcp.OFFER, {}, options)),
      ...this.at(at, this.answer(dhcp.ACK, {}, options)),
      ...this.at(at, { kind: 'probed', conflict: false }),
    ];
  }
}

function line(out: DhcpOut): string {
  switch (out.kind) {
    case 'send': {
      const { options, secs, xid } = out.message;
      const what = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE'][options.messageType!];
      return `${what} xid ${xid} secs ${secs} to ${out.to === 'broadcast' ? 'all' : out.to === SERVER ? 'server' : out.to}`;
    }
    case 'state':
      return out.name;
    case 'status':
      return `"${out.message}"`;
    case 'lost':
      return `lost ${out.reason}`;
    case 'no-answer':
      return `no answer to ${out.tries}`;
    default:
      return out.kind;
  }
}

const STORED: StoredLease = {
  address: ADDRESS,
  mask: 0xffffff00,
  prefixLength: 24,
  routers: [SERVER],
  dns: [],
  domain: null,
  ntp: [],
  server: SERVER,
  leaseSeconds: 86_400,
  t1: 43_200,
  t2: 75_600,
  option150: [SERVER],
  option66: null,
  siaddr: 0,
  sname: '',
  remainingSeconds: 60_000,
};

describe('acquisition', () => {
  it('DISCOVER, OFFER, REQUEST, ACK, probe, BOUND', () => {
    const phone = new Dialogue();
    expect(phone.client.pollAt()).toBe(NEVER);
    expect(phone.at(1, { kind: 'start' })).toEqual(['1 DHCP INIT', '1 DISCOVER xid 1 secs 0 to all']);
    expect(phone.lastSent()).toMatchObject({ flags: 0, ciaddr: 0, chaddr: MAC });
    expect(phone.at(1.5, phone.answer(dhcp.OFFER))).toEqual(['1.5 DHCP REQUESTING', '1.5 REQUEST xid 1 secs 0 to all']);
    expect(phone.lastSent().options).toEqual({
      messageType: dhcp.REQUEST,
      clientIdentifier: Uint8Array.of(1, 2, 0, 0x5e, 0xc0, 0xff, 0xee),
      hostName: 'SEP02005EC0FFEE',
      vendorClass: 'Cisco Systems, Inc. IP Phone CP-7975G\0',
      maximumMessageSize: 1500,
      parameterRequestList: [1, 66, 6, 3, 15, 150, 35],
      requestedAddress: ADDRESS,
      serverIdentifier: SERVER,
    });
    expect(phone.at(1.6, phone.answer(dhcp.ACK))).toEqual(['1.6 probe']);
    expect(phone.client.pollAt()).toBe(NEVER);
    expect(phone.at(2, { kind: 'probed', conflict: false })).toEqual(['2 DHCP BOUND', '2 bound']);
    expect(phone.heard.at(-1)).toEqual({
      kind: 'bound',
      lease: {
        address: ADDRESS,
        mask: 0xffffff00,
        prefixLength: 24,
        routers: [SERVER],
        dns: [SERVER],
        domain: 'example.com',
        ntp: [],
        server: SERVER,
        leaseSeconds: 86_400,
        t1: 43_200,
        t2: 75_600,
        boundAt: 1.5 * SECOND,
        option150: [SERVER, OTHER_SERVER],
        option66: null,
        siaddr: 0,
        sname: '',
      },
    });
    expect(phone.client.pollAt()).toBe(43_201.5 * SECOND);
  });

  it('repeats the DISCOVER after 4, 8, 16, 32, 64, 64 s with the same xid, and says so after each five', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    expect(phone.at(500)).toEqual([
      '4 DISCOVER xid 1 secs 4 to all',
      '12 DISCOVER xid 1 secs 12 to all',
      '28 DISCOVER xid 1 secs 28 to all',
      '60 DISCOVER xid 1 secs 60 to all',
      '124 "Could not acquire an IP address from DHCP"',
      '124 no answer to 5',
      '124 DISCOVER xid 1 secs 124 to all',
      '124 DHCP TIMEOUT',
      '188 DISCOVER xid 1 secs 188 to all',
      '252 DISCOVER xid 1 secs 252 to all',
      '316 DISCOVER xid 1 secs 316 to all',
      '380 DISCOVER xid 1 secs 380 to all',
      '444 "Could not acquire an IP address from DHCP"',
      '444 no answer to 10',
      '444 DISCOVER xid 1 secs 444 to all',
    ]);
  });

  it('spreads each retry by a second either way', () => {
    const rng = new SeededRng('spread');
    for (let run = 0; run < 50; run++) {
      const phone = new Dialogue({}, rng);
      phone.at(0, { kind: 'start' });
      expect(Math.abs(phone.client.pollAt() - 4 * SECOND)).toBeLessThanOrEqual(SECOND);
      phone.at(6);
      expect(Math.abs(phone.client.pollAt() - 12 * SECOND)).toBeLessThanOrEqual(2 * SECOND);
    }
  });

  it('gives a REQUEST the secs of its DISCOVER, repeats it four times and begins again', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    phone.at(5);
    phone.at(6, phone.answer(dhcp.OFFER));
    expect(phone.at(70)).toEqual([
      '10 REQUEST xid 1 secs 4 to all',
      '18 REQUEST xid 1 secs 4 to all',
      '34 REQUEST xid 1 secs 4 to all',
      '66 DHCP INIT',
      '66 DISCOVER xid 2 secs 0 to all',
      '70 DISCOVER xid 2 secs 4 to all',
    ]);
  });

  it('names other servers and stays with the first', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    const discover = phone.answer(
      dhcp.OFFER,
      { yiaddr: ADDRESS + 1 },
      { ...LEASE_OPTIONS, serverIdentifier: OTHER_SERVER },
    );
    phone.at(0, phone.answer(dhcp.OFFER));
    expect(phone.at(0.1, discover)).toEqual(['0.1 other-offer']);
    expect(phone.heard.at(-1)).toMatchObject({ kind: 'other-offer', server: OTHER_SERVER, chosen: SERVER });
    const foreignAck = phone.answer(dhcp.ACK, {}, { ...LEASE_OPTIONS, serverIdentifier: OTHER_SERVER });
    expect(phone.at(0.2, foreignAck)).toEqual([]);
    expect(phone.at(0.3, phone.answer(dhcp.ACK))).toEqual(['0.3 probe']);
  });

  it('does not take what is not for it, or is no offer', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    const deaf: DhcpIn[] = [
      phone.answer(dhcp.OFFER, { xid: 99 }),
      phone.answer(dhcp.OFFER, { chaddr: MAC + 1 }),
      phone.answer(dhcp.OFFER, { op: dhcp.BOOTREQUEST }),
      phone.answer(dhcp.OFFER, { yiaddr: 0 }),
      phone.answer(dhcp.OFFER, {}, {}),
      phone.answer(dhcp.ACK),
      phone.answer(dhcp.NAK),
    ];
    for (const input of deaf) expect(phone.at(0, input)).toEqual([]);
    phone.at(0, phone.answer(dhcp.OFFER));
    const { leaseTime: _, ...withoutTime } = LEASE_OPTIONS;
    expect(phone.at(0, phone.answer(dhcp.ACK, {}, withoutTime))).toEqual([]);
  });

  it('asks for broadcast answers when the tunable says so', () => {
    const phone = new Dialogue({ 'dhcp.broadcastFlag': 'yes' });
    phone.at(0, { kind: 'start' });
    expect(phone.lastSent().flags).toBe(dhcp.BROADCAST_FLAG);
  });

  it('goes on without a router, and says so', () => {
    const { routers: _, ...options } = LEASE_OPTIONS;
    expect(new Dialogue().bind(options).slice(-2)).toEqual(['0 bound', '0 "No default router"']);
  });
});

describe('refusals and conflicts', () => {
  it('a NAK leads to INIT at once, a second one in a row after a wait', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    phone.at(0, phone.answer(dhcp.OFFER));
    expect(phone.at(1, phone.answer(dhcp.NAK))).toEqual(['1 DHCP INIT', '1 DISCOVER xid 2 secs 0 to all']);
    phone.at(1, phone.answer(dhcp.OFFER));
    expect(phone.at(1, phone.answer(dhcp.NAK))).toEqual(['1 DHCP INIT']);
    expect(phone.at(9)).toEqual(['5 DISCOVER xid 3 secs 4 to all', '9 DISCOVER xid 3 secs 8 to all']);
  });

  it('a duplicate address is declined, and asked for again after ten seconds', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    phone.at(0, phone.answer(dhcp.OFFER));
    phone.at(0, phone.answer(dhcp.ACK));
    expect(phone.at(1, { kind: 'probed', conflict: true })).toEqual([
      '1 "Duplicate IP"',
      '1 DECLINE xid 2 secs 0 to all',
      '1 DISABLED DUPLICATE IP',
    ]);
    expect(phone.lastSent()).toMatchObject({ ciaddr: 0 });
    expect(phone.lastSent().options).toEqual({
      messageType: dhcp.DECLINE,
      clientIdentifier: Uint8Array.of(1, 2, 0, 0x5e, 0xc0, 0xff, 0xee),
      requestedAddress: ADDRESS,
      serverIdentifier: SERVER,
    });
    expect(phone.at(11)).toEqual(['11 DHCP INIT', '11 DISCOVER xid 3 secs 0 to all']);
  });

  it('a conflict later takes the address away', () => {
    const phone = new Dialogue();
    phone.bind();
    expect(phone.at(50, { kind: 'probed', conflict: true })).toEqual([
      '50 "Duplicate IP"',
      '50 lost conflict',
      '50 DECLINE xid 2 secs 0 to all',
      '50 DISABLED DUPLICATE IP',
    ]);
    expect(phone.at(51, { kind: 'probed', conflict: true })).toEqual([]);
  });
});

describe('keeping the lease', () => {
  it('renews by unicast at T1 and counts the lease from the REQUEST', () => {
    const phone = new Dialogue();
    phone.bind();
    expect(phone.at(43_200)).toEqual(['43200 DHCP RENEWING', '43200 REQUEST xid 2 secs 0 to server']);
    expect(phone.lastSent().ciaddr).toBe(ADDRESS);
    expect(phone.lastSent().options).not.toHaveProperty('requestedAddress');
    expect(phone.lastSent().options).not.toHaveProperty('serverIdentifier');
    expect(phone.at(43_201, phone.answer(dhcp.ACK))).toEqual(['43201 DHCP BOUND', '43201 renewed']);
    expect(phone.client.pollAt()).toBe(86_400 * SECOND);
  });

  it('repeats at half of what is left to T2, rebinds by broadcast, and loses the address at the end', () => {
    const phone = new Dialogue();
    phone.bind({ ...LEASE_OPTIONS, leaseTime: 1_000 });
    expect(phone.at(1_001)).toEqual([
      '500 DHCP RENEWING',
      '500 REQUEST xid 2 secs 0 to server',
      '687.5 REQUEST xid 2 secs 187 to server',
      '781.25 REQUEST xid 2 secs 281 to server',
      '841.25 REQUEST xid 2 secs 341 to server',
      '875 DHCP REBINDING',
      '875 REQUEST xid 2 secs 375 to all',
      '937.5 REQUEST xid 2 secs 437 to all',
      '997.5 REQUEST xid 2 secs 497 to all',
      '1000 lost expired',
      '1000 DHCP INIT',
      '1000 DISCOVER xid 3 secs 0 to all',
    ]);
  });

  it('takes options 58 and 59, unless they are out of order', () => {
    const deadline = (renewalTime: number, rebindingTime: number): number => {
      const phone = new Dialogue();
      phone.bind({ ...LEASE_OPTIONS, leaseTime: 1_000, renewalTime, rebindingTime });
      return phone.client.pollAt() / SECOND;
    };
    expect(deadline(100, 200)).toBe(100);
    expect(deadline(900, 200)).toBe(200);
    expect(deadline(0, 5_000)).toBe(500);
  });

  it('a NAK while renewing loses the address', () => {
    const phone = new Dialogue();
    phone.bind();
    phone.at(43_200);
    expect(phone.at(43_201, phone.answer(dhcp.NAK))).toEqual([
      '43201 lost nak',
      '43201 DHCP INIT',
      '43201 DISCOVER xid 3 secs 0 to all',
    ]);
  });

  it('does not renew a lease without end', () => {
    const phone = new Dialogue();
    phone.bind({ ...LEASE_OPTIONS, leaseTime: dhcp.INFINITE });
    expect(phone.client.pollAt()).toBe(NEVER);
  });

  it('wakes from a long sleep where the clock says', () => {
    const phone = new Dialogue();
    phone.bind({ ...LEASE_OPTIONS, leaseTime: 1_000 });
    const out: string[] = [];
    phone.client.dispatch(5_000 * SECOND, (one) => out.push(line(one)));
    expect(out).toEqual([
      'DHCP RENEWING',
      'DHCP REBINDING',
      'lost expired',
      'DHCP INIT',
      'DISCOVER xid 3 secs 0 to all',
    ]);
  });
});

describe('the wait after power-on (RFC 2131 section 4.4.1), where it is asked for', () => {
  it('lasts between one second and the longest, then the phone asks', () => {
    const phone = new Dialogue({ 'dhcp.coldBootWait': 10 });
    expect(phone.at(0, { kind: 'start' })).toEqual(['0 DHCP WAITING COLDBOOT TIMEOUT']);
    expect(phone.at(0.99)).toEqual([]);
    const [state, discover] = phone.at(10);
    const [at = '', ...name] = state!.split(' ');
    expect(name.join(' ')).toBe('DHCP INIT');
    expect(Number(at)).toBeGreaterThanOrEqual(1);
    expect(discover).toContain('DISCOVER');
  });

  it('is left out for a stored address, for a phone that comes back, and by default', () => {
    const wait = { 'dhcp.coldBootWait': 10 };
    expect(new Dialogue(wait).at(0, { kind: 'start', stored: STORED })[0]).toBe('0 DHCP REBOOT');
    expect(new Dialogue(wait).at(0, { kind: 'start', returning: true })[0]).toBe('0 DHCP INIT');
    expect(new Dialogue().at(0, { kind: 'start' })[0]).toBe('0 DHCP INIT');
  });

  it('ends at once with the link', () => {
    const phone = new Dialogue({ 'dhcp.coldBootWait': 10 });
    phone.at(0, { kind: 'start' });
    expect(phone.at(0, { kind: 'stop' })).toEqual(['0 DHCP INVALID']);
    expect(phone.at(20)).toEqual([]);
  });
});

describe('a stored lease', () => {
  it('is asked for again without a server identifier', () => {
    const phone = new Dialogue();
    expect(phone.at(0, { kind: 'start', stored: STORED })).toEqual(['0 DHCP REBOOT', '0 REQUEST xid 1 secs 0 to all']);
    expect(phone.lastSent().options.requestedAddress).toBe(ADDRESS);
    expect(phone.lastSent().options).not.toHaveProperty('serverIdentifier');
    expect(phone.at(0, phone.answer(dhcp.ACK))).toEqual(['0 probe']);
  });

  it('is asked for under another name when the phone was only away from the network', () => {
    const phone = new Dialogue();
    const asked = phone.at(0, { kind: 'start', stored: STORED, returning: true });
    expect(asked).toEqual(['0 DHCP RESYNC', '0 REQUEST xid 1 secs 0 to all']);
    const plain = new Dialogue({ 'dhcp.stateOnReturn': 'reboot' });
    expect(plain.at(0, { kind: 'start', stored: STORED, returning: true })[0]).toBe('0 DHCP REBOOT');
  });

  it('is forgotten at a NAK', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start', stored: STORED });
    expect(phone.at(0, phone.answer(dhcp.NAK))).toEqual(['0 DHCP INIT', '0 DISCOVER xid 2 secs 0 to all']);
    expect(phone.at(300)).toContain('124 "Could not acquire an IP address from DHCP"');
  });

  it('is used when nobody answers, after a probe, and renewed when its time comes', () => {
    const phone = new Dialogue({ 'dhcp.maxDiscovers': 2 });
    phone.at(0, { kind: 'start', stored: { ...STORED, remainingSeconds: 50_000 } });
    expect(phone.at(30)).toEqual([
      '4 REQUEST xid 1 secs 4 to all',
      '12 DHCP INIT',
      '12 DISCOVER xid 2 secs 0 to all',
      '16 DISCOVER xid 2 secs 4 to all',
      '24 "DHCP timeout"',
      '24 no answer to 2',
      '24 probe',
    ]);
    expect(phone.at(31, { kind: 'probed', conflict: false })).toEqual(['31 DHCP TIMEOUT', '31 use-stored']);
    // 36,400 of 86,400 s had passed at the start: T1 is 6,800 s later.
    expect(phone.at(7_000)[0]).toBe('6800 DHCP RENEWING');
  });

  it('that has run out is not used', () => {
    const phone = new Dialogue();
    expect(phone.at(0, { kind: 'start', stored: { ...STORED, remainingSeconds: 0 } })[0]).toBe('0 DHCP INIT');
    const late = new Dialogue({ 'dhcp.maxDiscovers': 2 });
    late.at(0, { kind: 'start', stored: { ...STORED, remainingSeconds: 20 } });
    expect(late.at(30)).toContain('24 "Could not acquire an IP address from DHCP"');
  });
});

describe('stop and release', () => {
  it('stop is silent, and start begins anew', () => {
    const phone = new Dialogue();
    phone.at(0, { kind: 'start' });
    expect(phone.at(1, { kind: 'stop' })).toEqual(['1 DHCP INVALID']);
    expect(phone.at(100)).toEqual([]);
    expect(phone.at(100, { kind: 'start' })).toEqual(['100 DHCP INIT', '100 DISCOVER xid 2 secs 0 to all']);
    expect(phone.at(100, { kind: 'start' })).toEqual([]);
  });

  it('release gives the address back and idles', () => {
    const phone = new Dialogue();
    phone.bind();
    expect(phone.at(5, { kind: 'release' })).toEqual([
      '5 RELEASE xid 2 secs 0 to server',
      '5 "IP address released"',
      '5 lost released',
      '5 DHCP INVALID',
    ]);
    expect(phone.lastSent()).toMatchObject({ ciaddr: ADDRESS, flags: 0 });
    expect(phone.at(100_000)).toEqual([]);
  });

  it('survives whatever comes in whatever order, and never runs away', () => {
    const types = [dhcp.OFFER, dhcp.ACK, dhcp.NAK, 77];
    const step = fc.oneof(
      fc.constantFrom<DhcpIn>(
        { kind: 'start' },
        { kind: 'start', stored: STORED },
        { kind: 'stop' },
        { kind: 'release' },
      ),
      fc.boolean().map((conflict): DhcpIn => ({ kind: 'probed', conflict })),
      fc.record({
        type: fc.constantFrom(...types),
        wrong: fc.boolean(),
        lease: fc.constantFrom(60, 3_600, dhcp.INFINITE),
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(2_000)), { maxLength: 30 }), fc.nat(), (steps, seed) => {
        const phone = new Dialogue({}, new SeededRng(seed));
        let at = 0;
        phone.at(0, { kind: 'start' });
        for (const [input, wait] of steps) {
          at += wait;
          const answer = (): DhcpIn =>
            phone.answer('type' in input ? input.type : 0, 'wrong' in input && input.wrong ? { xid: 0 } : {}, {
              ...LEASE_OPTIONS,
              ...('lease' in input ? { leaseTime: input.lease } : {}),
            });
          const lines = phone.at(at, 'kind' in input ? input : answer());
          // A message every four seconds at most, on the average, and a few others for each input.
          expect(lines.length).toBeLessThan(20 + wait / 3);
        }
      }),
      { numRuns: fuzzRuns(0.2) },
    );
  });
});
