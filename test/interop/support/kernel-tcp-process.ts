/**
 * The kernel's TCP at the far end, a process of its own in the peers' namespace. Each listening port does one thing with every connection; lines on standard
 * input open connections from here: `connect ADDRESS PORT OCTETS` sends that many and ends. One line of JSON about each connection when it
 * closes. Ends with its standard input.
 */
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { KERNEL_PORTS } from './kernel-ports.ts';
import { pattern, Receipt } from './pattern.ts';

const CHUNK = 65_536;
const KEEPALIVE_MILLISECONDS = 1_000;
/** Octets that `reset` reads before it has enough. */
const RESET_AFTER = 100_000;

/** Reports when the connection is closed, with the error that closed it. */
function report(socket: net.Socket, what: string | number): Receipt {
  const receipt = new Receipt();
  let error: string | null = null;
  let ended = false;
  socket.on('data', (octets) => receipt.add(octets as Uint8Array));
  socket.on('end', () => {
    ended = true;
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.message;
  });
  socket.on('close', () => {
    const line = { what, octets: receipt.octets, digest: receipt.digest(), ended, error };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  });
  return receipt;
}

async function send(socket: net.Socket, octets: number): Promise<void> {
  for (let position = 0; position < octets && !socket.destroyed; position += CHUNK) {
    if (!socket.write(pattern(position, Math.min(CHUNK, octets - position)))) {
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
  }
  socket.end();
}

const BEHAVIOUR: Readonly<Record<number, (socket: net.Socket, receipt: Receipt) => void>> = {
  // Takes what comes and ends after the other.
  [KERNEL_PORTS.sink]: (socket) => socket.on('end', () => socket.end()),
  // Reads how much is wanted, sends it, and ends first.
  [KERNEL_PORTS.source]: (socket) =>
    socket.once('data', (request) => void send(socket, Number(request.toString())).catch(() => {})),
  [KERNEL_PORTS.echo]: (socket) => {
    socket.on('data', (octets) => socket.write(octets));
    socket.on('end', () => socket.end());
  },
  [KERNEL_PORTS.reset]: (socket, receipt) =>
    socket.on('data', () => {
      if (receipt.octets >= RESET_AFTER) socket.resetAndDestroy();
    }),
  // The kernel probes an idle connection after a second, then every second.
  [KERNEL_PORTS.keepalive]: (socket) => {
    socket.setKeepAlive(true, KEEPALIVE_MILLISECONDS);
    socket.on('data', (octets) => socket.write(octets));
    socket.on('end', () => socket.end());
  },
};

const servers = Object.entries(BEHAVIOUR).map(([port, behave]) =>
  net
    .createServer({ allowHalfOpen: true, noDelay: true }, (socket) => behave(socket, report(socket, Number(port))))
    .listen(Number(port), '0.0.0.0'),
);
await Promise.all(servers.map((server) => once(server, 'listening')));
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  const [, address = '', port = '', octets = ''] = line.split(' ');
  const socket = net.connect({ host: address, port: Number(port), allowHalfOpen: true });
  report(socket, 'connect');
  socket.once('connect', () => void send(socket, Number(octets)).catch(() => {}));
}
for (const server of servers) server.close();
