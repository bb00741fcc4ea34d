import { describe, expect, it } from 'vitest';
import { isLoopback, parseUdpWire, UdpWire, type UdpWireOptions } from './udp-wire.ts';

function options(text: string): UdpWireOptions {
  const parsed = parseUdpWire(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

describe('udp: as people write it', () => {
  it('names both ends', () => {
    expect(options('127.0.0.1:5000,10.0.0.2:5001')).toEqual({
      local: { host: '127.0.0.1', port: 5000 },
      remote: { host: '10.0.0.2', port: 5001 },
    });
    expect(options('[::1]:5000,[::1]:5001').remote).toEqual({ host: '::1', port: 5001 });
  });

  it.each(['', '127.0.0.1:5000', 'localhost:1,localhost:2', '127.0.0.1:0,127.0.0.1:2', '1.2.3.4:1,[::1]:2', 'a,b,c'])(
    '%j is refused in a sentence',
    (text) => {
      expect(parseUdpWire(text)).toContain(`udp:${text}`);
    },
  );

  it('knows what stays on this machine', () => {
    expect(isLoopback(options('127.0.0.1:5000,127.0.0.2:5001'))).toBe(true);
    expect(isLoopback(options('127.0.0.1:5000,10.0.0.2:5001'))).toBe(false);
  });
});

/** The other end is opened first, on a port the system chose, so that the test never meets a port in use. */
async function pair(): Promise<[UdpWire, UdpWire]> {
  const { createSocket } = await import('node:dgram');
  const ports = await Promise.all(
    [0, 1].map(
      () =>
        new Promise<number>((resolve) => {
          const socket = createSocket('udp4');
          socket.bind(0, '127.0.0.1', () => {
            const { port } = socket.address();
            socket.close(() => resolve(port));
          });
        }),
    ),
  );
  const [a, b] = ports.map((port) => ({ host: '127.0.0.1', port })) as [
    UdpWireOptions['local'],
    UdpWireOptions['local'],
  ];
  return [await UdpWire.open({ local: a, remote: b }), await UdpWire.open({ local: b, remote: a })];
}

describe('UDP wire', () => {
  it('carries a frame a datagram and copies what it sends', async () => {
    const [a, b] = await pair();
    const received = new Promise<Uint8Array>((resolve) => {
      b.attach({ frame: (bytes, length) => resolve(bytes.slice(0, length)), link: () => {} });
    });
    const frame = new Uint8Array(80).fill(7);
    a.transmit(frame, 60);
    frame.fill(0);
    expect(await received).toEqual(new Uint8Array(60).fill(7));
    expect(a.link().up).toBe(true);
    await Promise.all([a.close(), b.close(), a.close()]);
    expect(a.link().up).toBe(false);
    a.transmit(frame, 60);
  });

  it('a frame to nobody is lost, and what comes later is not', async () => {
    const [a, b] = await pair();
    await b.close();
    a.transmit(new Uint8Array(60), 60);
    await a.close();
  });
});
