import { afterEach, describe, expect, it } from 'vitest';
import type { TcpGone, TcpSink, TcpSocket } from '../firmware/net/sockets.ts';
import { HostTimeline } from '../hal/host/timeline.ts';
import { SECOND } from '../hal/timer.ts';
import { KernelSockets } from './kernel-sockets.ts';

const LOOPBACK = 0x7f000001;

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanUp.splice(0)) close();
});

function world() {
  const timeline = new HostTimeline();
  const failures: string[] = [];
  const sockets = new KernelSockets({ timeline, address: LOOPBACK, failed: (what) => failures.push(what) });
  cleanUp.push(() => {
    sockets.destroy();
    timeline.close();
  });
  return { timeline, sockets, failures };
}

/** Keeps all that a connection says, and resolves when it is gone. */
function witness(changes: Partial<TcpSink> = {}) {
  const said: string[] = [];
  let tell: (why: TcpGone) => void;
  const gone = new Promise<TcpGone>((resolve) => {
    tell = resolve;
  });
  const sink: TcpSink = {
    connected: () => said.push('connected'),
    data: (_now, octets) => said.push(new TextDecoder().decode(octets)),
    ended: () => said.push('ended'),
    writable: () => said.push('writable'),
    gone: (_now, why) => tell(why),
    ...changes,
  };
  return { said, gone, sink };
}

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A port that was free a moment ago. */
async function freePort(sockets: KernelSockets): Promise<number> {
  const socket = sockets.udp(0, () => {});
  await sockets.ready();
  const { port } = socket;
  socket.close();
  return port;
}

describe('sockets of the kernel', () => {
  it('carry datagrams both ways, also those sent before the bind was done', async () => {
    const { sockets } = world();
    const port = await freePort(sockets);
    const answer = await new Promise<[string, number]>((resolve) => {
      const server = sockets.udp(port, (now, payload, from) => server.send(now, from, payload));
      const client = sockets.udp(0, (_now, payload, from) => resolve([new TextDecoder().decode(payload), from.port]));
      client.send(0, { address: LOOPBACK, port }, octets('ping'));
    });
    expect(answer).toEqual(['ping', port]);
  });

  it('say when a port is taken', async () => {
    const { sockets, failures } = world();
    const first = sockets.udp(0, () => {});
    await sockets.ready();
    sockets.udp(first.port, () => {});
    await sockets.ready();
    expect(failures).toEqual([`udp ${first.port}`]);
  });

  it('accept a connection, carry octets, and close in order', async () => {
    const { sockets } = world();
    const port = await freePort(sockets);
    const server = witness();
    const listener = sockets.listen(port, (now, socket) => {
      socket.write(now, octets('hello'));
      expect(socket.local).toEqual({ address: LOOPBACK, port });
      return { ...server.sink, ended: (at) => socket.close(at) };
    });
    await sockets.ready();
    let connection: TcpSocket | null = null;
    const client = witness({
      data: (now, received) => {
        client.said.push(new TextDecoder().decode(received));
        connection?.write(now, octets('bye'));
        connection?.close(now);
      },
    });
    connection = sockets.connect(0, { address: LOOPBACK, port }, client.sink);
    expect(await client.gone).toBe('closed');
    expect(await server.gone).toBe('closed');
    expect(client.said).toEqual(['connected', 'hello', 'ended']);
    expect(server.said).toEqual(['bye']);
    listener.close(0);
  });

  it('tell a refused connection and a reset one apart', async () => {
    const { sockets } = world();
    const port = await freePort(sockets);
    const refused = witness();
    sockets.connect(0, { address: LOOPBACK, port }, refused.sink);
    expect(await refused.gone).toBe('refused');
    const server = witness();
    sockets.listen(port, (now, socket) => {
      socket.abort(now);
      return server.sink;
    });
    await sockets.ready();
    const reset = witness();
    sockets.connect(0, { address: LOOPBACK, port }, reset.sink);
    expect(await reset.gone).toBe('reset');
    expect(await server.gone).toBe('aborted');
  });

  it('take what fits into the send buffer and call when there is room again', async () => {
    const { sockets, timeline } = world();
    const port = await freePort(sockets);
    let received = 0;
    const server = witness({
      data: (_now, { length }) => {
        received += length;
      },
    });
    sockets.listen(port, () => server.sink);
    await sockets.ready();
    const total = 4_000_000;
    const block = new Uint8Array(100_000);
    let sent = 0;
    let shortWrites = 0;
    const pump = (): void => {
      for (let taken = 1; taken > 0 && sent < total; ) {
        taken = connection.write(timeline.now(), block.subarray(0, Math.min(block.length, total - sent)));
        sent += taken;
        if (taken < block.length) shortWrites += 1;
      }
      if (sent === total) connection.close(timeline.now());
    };
    const client = witness({ connected: pump, writable: pump });
    const connection: TcpSocket = sockets.connect(0, { address: LOOPBACK, port }, client.sink, {
      connectTimeout: 5 * SECOND,
    });
    await new Promise<void>((resolve) => {
      server.sink.ended = () => resolve();
    });
    expect(received).toBe(total);
    expect(shortWrites).toBeGreaterThan(0);
  });
});
