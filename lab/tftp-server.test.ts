import { describe, expect, it } from 'vitest';
import { isMalformed } from '../firmware/malformed.ts';
import type { Endpoint } from '../firmware/net/sockets.ts';
import * as tftp from '../firmware/wire/tftp.ts';
import { SECOND } from '../hal/timer.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { DirectNetwork } from './testing/direct-sockets.ts';
import { TftpServer, type TftpServerOptions } from './tftp-server.ts';

const SERVER = 0x0a640002;
const CLIENT = 0x0a640100;

type Heard = { message: tftp.Message; from: Endpoint };

function octets(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7);
}

const FILES: Readonly<Record<string, Uint8Array>> = {
  short: octets(100),
  exact: octets(1024),
  long: octets(70_000 * 8 + 3),
  text: new TextEncoder().encode('a\nb'),
};

function world(options: Partial<TftpServerOptions> = {}) {
  const timeline = new VirtualTimeline();
  const network = new DirectNetwork(timeline);
  const files: TftpServerOptions['files'] = ({ name }) =>
    name === 'secret' ? { code: tftp.ERROR_CODES.accessViolation, text: 'no' } : (FILES[name] ?? null);
  const server = new TftpServer({ timeline, files, ...options });
  server.serve(network.host(SERVER), SERVER);
  server.start();
  const sockets = network.host(CLIENT);
  /** A client on its own port, which acknowledges when told to. */
  const client = (acknowledges = true) => {
    const heard: Heard[] = [];
    const send = (message: tftp.Message, to: Endpoint): void => {
      const datagram = new Uint8Array(tftp.lengthOf(message));
      tftp.emit(message, datagram);
      socket.send(timeline.now(), to, datagram);
    };
    const socket = sockets.udp(0, (_now, payload, from) => {
      const message = tftp.parse(Uint8Array.from(payload));
      if (isMalformed(message)) return;
      heard.push({ message, from });
      if (!acknowledges) return;
      if (message.kind === 'DATA') send({ kind: 'ACK', block: message.block }, from);
      if (message.kind === 'OACK') send({ kind: 'ACK', block: 0 }, from);
    })!;
    const ask = (filename: string, asked: readonly tftp.Option[] = [], mode = 'octet'): void =>
      send({ kind: 'RRQ', filename, mode, options: asked }, { address: SERVER, port: tftp.SERVER_PORT });
    const data = (): Uint8Array =>
      Uint8Array.from(heard.flatMap(({ message }) => (message.kind === 'DATA' ? [...message.octets] : [])));
    return { heard, send, ask, data };
  };
  const wait = (seconds: number): boolean => timeline.runUntil(timeline.now() + seconds * SECOND);
  return { timeline, server, client, wait };
}

describe('a TFTP server', () => {
  it('sends a short file in one block, from a port of its own', () => {
    const { client, server, wait } = world();
    const phone = client();
    phone.ask('short');
    wait(1);
    expect(phone.data()).toEqual(FILES.short);
    expect(phone.heard).toHaveLength(1);
    expect(phone.heard[0]?.from.port).not.toBe(tftp.SERVER_PORT);
    expect(server.counters).toMatchObject({ requests: 1, sent: 1, octets: 100 });
    expect(server.active).toBe(0);
  });

  it('ends a file of whole blocks with an empty one', () => {
    const { client, wait } = world();
    const phone = client();
    phone.ask('exact');
    wait(1);
    expect(phone.heard.map(({ message }) => (message.kind === 'DATA' ? message.octets.length : -1))).toEqual([
      512, 512, 0,
    ]);
  });

  it('lets the block number wrap', () => {
    const { client, wait } = world();
    const phone = client();
    phone.ask('long', [{ name: 'blksize', value: '8' }]);
    wait(600);
    const blocks = phone.heard.flatMap(({ message }) => (message.kind === 'DATA' ? [message.block] : []));
    expect(blocks).toHaveLength(70_001);
    expect(blocks[65_535]).toBe(0);
    expect(phone.data().length).toBe(70_000 * 8 + 3);
  });

  it('agrees on blksize, tsize and timeout, and leaves unknown options out', () => {
    const { client, wait } = world();
    const phone = client();
    phone.ask('exact', [
      { name: 'blksize', value: '65464' },
      { name: 'tsize', value: '0' },
      { name: 'timeout', value: '3' },
      { name: 'multicast', value: '' },
    ]);
    wait(1);
    expect(phone.heard[0]?.message).toEqual({
      kind: 'OACK',
      options: [
        { name: 'blksize', value: '1468' },
        { name: 'tsize', value: '1024' },
        { name: 'timeout', value: '3' },
      ],
    });
    expect(phone.data()).toEqual(FILES.exact);
  });

  it('answers ERROR 1 for what is not there, ERROR 2 for what is not given, and refuses to be written to', () => {
    const { client, server, wait } = world();
    const phone = client();
    phone.ask('CTLSEP02005EC0FFEE.tlv');
    phone.ask('secret');
    phone.send({ kind: 'WRQ', filename: 'x', mode: 'octet', options: [] }, { address: SERVER, port: tftp.SERVER_PORT });
    phone.ask('short', [], 'mail');
    wait(1);
    const codes = phone.heard.map(({ message }) => (message.kind === 'ERROR' ? message.code : -1));
    expect(codes).toEqual([1, 2, 2, 4]);
    expect(server.counters).toMatchObject({ notFound: 1, refused: 3, requests: 3 });
  });

  it('sends a lost block again each second, six times in all, and then gives up', () => {
    const { client, server, wait } = world();
    const phone = client(false);
    phone.ask('short');
    wait(0.5);
    expect(phone.heard).toHaveLength(1);
    wait(1);
    expect(phone.heard).toHaveLength(2);
    wait(20);
    expect(phone.heard).toHaveLength(6);
    expect(server.counters).toMatchObject({ timeouts: 1, retransmissions: 5, sent: 0 });
    expect(server.active).toBe(0);
  });

  it('does not answer a repeated ACK with a repeated block', () => {
    const { client, wait } = world();
    const phone = client(false);
    phone.ask('exact');
    wait(0.1);
    const from = phone.heard[0]!.from;
    for (const _ of [1, 2, 3]) phone.send({ kind: 'ACK', block: 1 }, from);
    wait(0.1);
    expect(phone.heard.map(({ message }) => (message.kind === 'DATA' ? message.block : -1))).toEqual([1, 2]);
  });

  it('takes a repeated request as part of the transfer it began', () => {
    const { client, server, wait } = world();
    const phone = client(false);
    phone.ask('exact');
    wait(0.1);
    phone.ask('exact');
    wait(0.1);
    expect(server.active).toBe(1);
    expect(server.counters.requests).toBe(1);
  });

  it('tells a stranger on a transfer’s port that the port is not his', () => {
    const { client, server, wait } = world();
    const phone = client(false);
    phone.ask('exact');
    wait(0.1);
    const stranger = client(false);
    stranger.send({ kind: 'ACK', block: 1 }, phone.heard[0]!.from);
    wait(0.1);
    expect(stranger.heard.map(({ message }) => message)).toMatchObject([{ kind: 'ERROR', code: 5 }]);
    expect(server.active).toBe(1);
  });

  it('ends when the client says ERROR, and falls silent when it is stopped', () => {
    const { client, server, wait } = world();
    const phone = client(false);
    phone.ask('exact');
    wait(0.1);
    phone.send({ kind: 'ERROR', code: 0, text: 'enough' }, phone.heard[0]!.from);
    wait(10);
    expect(phone.heard).toHaveLength(1);
    expect(server.counters.aborted).toBe(1);
    phone.ask('exact');
    wait(0.1);
    server.stop();
    wait(10);
    expect(phone.heard).toHaveLength(2);
  });

  it('translates for netascii', () => {
    const { client, wait } = world();
    const phone = client();
    phone.ask('text', [], 'NetASCII');
    wait(1);
    expect(new TextDecoder().decode(phone.data())).toBe('a\r\nb');
  });

  it('serves 2,000 clients at once and counts each; what is beyond its limit comes again', () => {
    const { client, server, wait } = world({ maxTransfers: 1500 });
    const phones = Array.from({ length: 2000 }, () => client());
    for (const phone of phones) phone.ask('exact');
    wait(1);
    expect(server.counters).toMatchObject({ requests: 2000, sent: 1500, busy: 500 });
    for (const phone of phones) if (phone.heard.length === 0) phone.ask('exact');
    wait(1);
    expect(server.counters).toMatchObject({ requests: 2500, sent: 2000, busy: 500, octets: 2000 * 1024 });
    const wanted = Buffer.from(FILES.exact!);
    expect(phones.filter((phone) => !wanted.equals(phone.data()))).toHaveLength(0);
  });

  it('sends windows to those who ask for them (RFC 7440), and goes on from the block that was acknowledged', () => {
    const { client, wait } = world();
    const phone = client(false);
    phone.ask('long', [{ name: 'windowsize', value: '4' }]);
    wait(0.1);
    const { from } = phone.heard[0]!;
    const blocks = (): number[] =>
      phone.heard.flatMap(({ message }) => (message.kind === 'DATA' ? [message.block] : []));
    phone.send({ kind: 'ACK', block: 0 }, from);
    wait(0.1);
    expect(blocks()).toEqual([1, 2, 3, 4]);
    phone.send({ kind: 'ACK', block: 2 }, from);
    wait(0.1);
    expect(blocks()).toEqual([1, 2, 3, 4, 3, 4, 5, 6]);
  });
});
