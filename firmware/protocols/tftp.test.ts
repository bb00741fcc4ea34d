import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Instant, MILLISECOND, NEVER, SECOND } from '../../hal/timer.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import * as tftp from '../wire/tftp.ts';
import { TftpClient, type TftpEndpoint, type TftpIn, type TftpOut } from './tftp.ts';

const SERVER = 0x0a000001;
const TRANSFER: TftpEndpoint = { address: SERVER, port: 40_000 };
const START: TftpIn = { kind: 'start', name: 'SEP02005EC0FFEE.cnf.xml', server: SERVER, maxSize: 100_000 };

class Dialogue {
  now: Instant = 0;
  readonly client: TftpClient;
  heard: TftpOut[] = [];

  constructor(tunables: Partial<TunableValues> = {}) {
    this.client = new TftpClient(tunableValues(tunables));
  }

  /** Runs to `seconds`; what came out as one line each. */
  at(seconds: number, input?: TftpIn): string[] {
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
}

function line(out: TftpOut): string {
  if (out.kind === 'send') return `${tftp.describe(out.message)} -> ${out.to.port}`;
  return out.outcome === 'received' ? `received ${out.octets.length}` : `done ${out.outcome}`;
}

const data = (block: number, length = 512, from = TRANSFER): TftpIn => {
  return { kind: 'received', from, message: { kind: 'DATA', block, octets: new Uint8Array(length).fill(block) } };
};

const error = (code: number, from = TRANSFER): TftpIn => ({
  kind: 'received',
  from,
  message: { kind: 'ERROR', code, text: 'why' },
});

describe('ICMP port unreachable', () => {
  const nobody: TftpIn = { kind: 'unreachable', to: { address: SERVER, port: tftp.SERVER_PORT } };

  it('twice ends the waiting: nobody listens there', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    expect(phone.at(0.01, nobody)).toEqual([]);
    expect(phone.at(0.5)).toEqual(['0.5 TFTP RRQ "SEP02005EC0FFEE.cnf.xml" octet -> 69']);
    expect(phone.at(0.51, nobody)).toEqual(['0.51 done timeout']);
  });

  it('counts once for each message, and not when it is about another transfer', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0.01, nobody);
    expect(phone.at(0.02, nobody)).toEqual([]);
    expect(phone.at(0.03, { kind: 'unreachable', to: TRANSFER })).toEqual([]);
    expect(phone.at(0.04, data(1))).toEqual(['0.04 TFTP ACK block 1 -> 40000']);
  });

  it('is forgotten when the server is heard, and counts for the port that it chose', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0.01, nobody);
    phone.at(0.1, data(1));
    const gone: TftpIn = { kind: 'unreachable', to: TRANSFER };
    expect(phone.at(0.2, gone)).toEqual([]);
    phone.at(0.6);
    expect(phone.at(0.7, gone)).toEqual(['0.7 done timeout']);
  });
});

describe('a transfer', () => {
  it('asks without options, follows the server to its port and joins the blocks', () => {
    const phone = new Dialogue();
    expect(phone.at(0, START)).toEqual(['0 TFTP RRQ "SEP02005EC0FFEE.cnf.xml" octet -> 69']);
    expect(phone.at(0.1, data(1))).toEqual(['0.1 TFTP ACK block 1 -> 40000']);
    expect(phone.at(0.2, data(2, 3))).toEqual(['0.2 TFTP ACK block 2 -> 40000', '0.2 received 515']);
    const last = phone.heard.at(-1);
    expect(last).toEqual({
      kind: 'done',
      outcome: 'received',
      octets: Uint8Array.from([...Array(512).fill(1), 2, 2, 2]),
    });
    expect(phone.client.pollAt()).toBe(NEVER);
  });

  it('ends with an empty block when the file is a whole number of them', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0, data(1));
    expect(phone.at(0, data(2, 0))).toEqual(['0 TFTP ACK block 2 -> 40000', '0 received 512']);
  });

  it('takes an empty file', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    expect(phone.at(0, data(1, 0))).toEqual(['0 TFTP ACK block 1 -> 40000', '0 received 0']);
  });

  it('keeps its own copy of each block', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    const block = data(1, 4);
    phone.at(0, block);
    if (block.kind === 'received' && block.message.kind === 'DATA') block.message.octets.fill(9);
    expect(phone.heard.at(-1)).toMatchObject({ octets: Uint8Array.of(1, 1, 1, 1) });
  });

  it('wraps the block number', () => {
    const client = new TftpClient(tunableValues());
    let sent = 0;
    let size = 0;
    const run = (input: TftpIn): void => {
      client.process(0, input);
      client.dispatch(0, (out) => {
        if (out.kind === 'send') sent++;
        else if (out.outcome === 'received') size = out.octets.length;
      });
    };
    run({ ...START, maxSize: 70_000 * 512 } as TftpIn);
    const octets = new Uint8Array(512);
    for (let block = 1; block <= 65_600; block++) {
      run({ kind: 'received', from: TRANSFER, message: { kind: 'DATA', block: block & 0xffff, octets } });
    }
    run(data(65_601 & 0xffff, 1));
    expect(sent).toBe(65_602);
    expect(size).toBe(65_600 * 512 + 1);
  });
});

describe('loss', () => {
  it('repeats the request after 0.5 s, doubling to 4 s, and gives up after six', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    const request = 'TFTP RRQ "SEP02005EC0FFEE.cnf.xml" octet -> 69';
    expect(phone.at(60)).toEqual([
      `0.5 ${request}`,
      `1.5 ${request}`,
      `3.5 ${request}`,
      `7.5 ${request}`,
      `11.5 ${request}`,
      '15.5 done timeout',
    ]);
    expect(phone.client.pollAt()).toBe(NEVER);
  });

  it('repeats the last ACK when no block comes, and counts anew after each block', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0.4, data(1));
    expect(phone.at(2)).toEqual(['0.9 TFTP ACK block 1 -> 40000', '1.9 TFTP ACK block 1 -> 40000']);
    expect(phone.at(2, data(2))).toEqual(['2 TFTP ACK block 2 -> 40000']);
    expect(phone.at(2.6)).toEqual(['2.5 TFTP ACK block 2 -> 40000']);
  });

  it('acknowledges a repeated block once more and leaves its timer alone', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0.1, data(1));
    expect(phone.at(0.3, data(1))).toEqual(['0.3 TFTP ACK block 1 -> 40000']);
    expect(phone.client.pollAt()).toBe(0.6 * SECOND);
    phone.at(0.4, data(2));
    expect(phone.at(0.4, data(1))).toEqual([]);
    expect(phone.at(0.4, data(4))).toEqual([]);
  });

  it('acknowledges the last block again after the end', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0, data(1, 5));
    expect(phone.at(3, data(1, 5))).toEqual(['3 TFTP ACK block 1 -> 40000']);
    expect(phone.at(3, data(1, 5, { address: SERVER, port: 40_001 }))).toEqual([]);
  });
});

const oack = (...options: [string, string][]): TftpIn => ({
  kind: 'received',
  from: TRANSFER,
  message: { kind: 'OACK', options: options.map(([name, value]) => ({ name, value })) },
});

describe('a load that asks for options', () => {
  const ASKS = { 'tftp.blockSize': 1024, 'tftp.windowSize': 4 };

  it('names size, blocks and window, and acknowledges each window', () => {
    const phone = new Dialogue(ASKS);
    expect(phone.at(0, START)).toEqual([
      '0 TFTP RRQ "SEP02005EC0FFEE.cnf.xml" octet tsize=0 blksize=1024 windowsize=4 -> 69',
    ]);
    expect(phone.at(0.1, oack(['tsize', '3000'], ['blksize', '1024'], ['windowsize', '2']))).toEqual([
      '0.1 TFTP ACK block 0 -> 40000',
    ]);
    expect(phone.at(0.2, data(1, 1024))).toEqual([]);
    expect(phone.at(0.2, data(2, 1024))).toEqual(['0.2 TFTP ACK block 2 -> 40000']);
    expect(phone.at(0.3, data(3, 952))).toEqual(['0.3 TFTP ACK block 3 -> 40000', '0.3 received 3000']);
  });

  it('tells a gap once, and what it has when the rest of a window does not come', () => {
    const phone = new Dialogue(ASKS);
    phone.at(0, START);
    phone.at(0, oack(['blksize', '1024'], ['windowsize', '4']));
    phone.at(0.1, data(1, 1024));
    expect(phone.at(0.1, data(3, 1024))).toEqual(['0.1 TFTP ACK block 1 -> 40000']);
    expect(phone.at(0.1, data(4, 1024))).toEqual([]);
    phone.at(0.2, data(2, 1024));
    expect(phone.at(0.8)).toEqual(['0.7 TFTP ACK block 2 -> 40000']);
  });

  it('takes a server that knows none of them for what it is', () => {
    const phone = new Dialogue(ASKS);
    phone.at(0, START);
    expect(phone.at(0.1, data(1))).toEqual(['0.1 TFTP ACK block 1 -> 40000']);
    expect(phone.at(0.2, data(2, 3))).toEqual(['0.2 TFTP ACK block 2 -> 40000', '0.2 received 515']);
  });

  it('asks again without them when they are refused', () => {
    const phone = new Dialogue(ASKS);
    phone.at(0, START);
    expect(phone.at(0.1, error(8))).toEqual(['0.1 TFTP RRQ "SEP02005EC0FFEE.cnf.xml" octet -> 69']);
  });

  it('refuses larger blocks than it asked for, and a file that is too large before it comes', () => {
    const greedy = new Dialogue(ASKS);
    greedy.at(0, START);
    expect(greedy.at(0, oack(['blksize', '1468']))).toContain('0 done error');
    const large = new Dialogue(ASKS);
    large.at(0, START);
    expect(large.at(0, oack(['tsize', '100001']))).toContain('0 done too-large');
  });
});

describe('what goes wrong', () => {
  it('tells a missing file from other errors', () => {
    const outcome = (code: number): unknown => {
      const phone = new Dialogue();
      phone.at(0, START);
      phone.at(0, error(code));
      return phone.heard.at(-1);
    };
    expect(outcome(1)).toEqual({ kind: 'done', outcome: 'not-found' });
    expect(outcome(2)).toEqual({ kind: 'done', outcome: 'error', code: 2, text: 'why' });
  });

  it('answers strangers with error 5 and goes on', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    phone.at(0, data(1));
    const stranger = { address: SERVER, port: 40_001 };
    expect(phone.at(0.1, data(2, 512, stranger))).toEqual(['0.1 TFTP ERROR 5 "Unknown transfer ID" -> 40001']);
    expect(phone.at(0.1, data(1, 512, { address: SERVER + 1, port: 40_000 }))).toHaveLength(1);
    expect(phone.at(0.1, error(1, stranger))).toEqual([]);
    expect(phone.at(0.1, data(2, 1))).toEqual(['0.1 TFTP ACK block 2 -> 40000', '0.1 received 513']);
  });

  it('refuses options that it did not ask for', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    const oack: TftpIn = { kind: 'received', from: TRANSFER, message: { kind: 'OACK', options: [] } };
    expect(phone.at(0, oack)).toEqual(['0 TFTP ERROR 8 "No options were requested" -> 40000', '0 done error']);
  });

  it('stops at the size cap', () => {
    const phone = new Dialogue();
    phone.at(0, { ...START, maxSize: 513 } as TftpIn);
    phone.at(0, data(1));
    expect(phone.at(0, data(2, 2))).toEqual(['0 TFTP ERROR 3 "File too large" -> 40000', '0 done too-large']);
  });

  it('is silent after stop, and can be used again', () => {
    const phone = new Dialogue();
    phone.at(0, START);
    expect(() => phone.client.process(0, START)).toThrow(/busy/);
    expect(phone.at(0, { kind: 'stop' })).toEqual([]);
    expect(phone.at(60, data(1))).toEqual([]);
    expect(phone.at(60, START)).toHaveLength(1);
  });
});

it('gets every file over a line that loses, doubles and delays', () => {
  fc.assert(
    fc.property(fc.nat(3_000), fc.nat(), (size, seed) => {
      const rng = new SeededRng(seed);
      const file = new Uint8Array(size).map(() => rng.below(256));
      expect(transferOverBadLine(file, rng)).toEqual(file);
    }),
    { numRuns: fuzzRuns(0.05) },
  );
});

/** A plain RFC 1350 server that repeats its last block each second, behind a line that loses a fifth of all, doubles a fifth, delays up to 0.9 s. */
function transferOverBadLine(file: Uint8Array, rng: SeededRng): Uint8Array | null {
  const client = new TftpClient(tunableValues({ 'tftp.tries': 30 }));
  const wire: { at: Instant; deliver: () => void }[] = [];
  let now = 0;
  let acknowledged = -1;
  let repeatAt: Instant = NEVER;
  let result: Uint8Array | null = null;
  const carry = (deliver: () => void): void => {
    const copies = rng.below(5) === 0 ? 0 : rng.below(5) === 0 ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) wire.push({ at: now + rng.below(900) * MILLISECOND, deliver });
  };
  const blocks = Math.floor(file.length / 512) + 1;
  const sendBlock = (): void => {
    const block = acknowledged + 1;
    if (block === 0 || block > blocks) return;
    repeatAt = now + SECOND;
    const octets = file.slice((block - 1) * 512, block * 512);
    carry(() => client.process(now, { kind: 'received', from: TRANSFER, message: { kind: 'DATA', block, octets } }));
  };
  const serve = (message: tftp.Message): void => {
    if (message.kind === 'RRQ' && acknowledged === -1) acknowledged = 0;
    else if (message.kind === 'ACK' && message.block === acknowledged + 1) acknowledged++;
    else return;
    sendBlock();
  };
  client.process(now, { ...START, maxSize: file.length } as TftpIn);
  while (result === null && now < 600 * SECOND) {
    client.dispatch(now, (out) => {
      if (out.kind === 'send') carry(() => serve(out.message));
      else if (out.outcome === 'received') result = out.octets;
    });
    now = Math.min(client.pollAt(), repeatAt, ...wire.map(({ at }) => at));
    if (now === NEVER) break;
    if (now >= repeatAt) sendBlock();
    for (const packet of wire.filter(({ at }) => at <= now)) {
      wire.splice(wire.indexOf(packet), 1);
      packet.deliver();
      client.dispatch(now, (out) => {
        if (out.kind === 'send') carry(() => serve(out.message));
        else if (out.outcome === 'received') result = out.octets;
      });
    }
  }
  return result;
}
