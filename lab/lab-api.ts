/** The lab's HTTP API: what the console can do, for programs, on the loopback address and nowhere else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CommandError, type LabCommands } from './lab-commands.ts';

const LOOPBACK = '127.0.0.1';
/** A command is a line. */
const LONGEST_COMMAND = 4096;

/** Names by which a client on this machine may have reached us; a page in a browser that rebinds its own name is none. */
const OWN_HOST = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/;

export class LabApi {
  readonly #commands: LabCommands;
  readonly #server: Server;

  constructor(commands: LabCommands) {
    this.#commands = commands;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  /** Resolves to the port; 0 takes a free one. Rejects when it is taken. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, LOOPBACK, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (!OWN_HOST.test(request.headers.host ?? '')) {
      answer(response, 403, { error: 'this API is for programs on this machine' });
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const route = `${request.method} ${pathname}`;
    if (route === 'GET /nodes') this.#run(response, 'nodes');
    else if (route === 'GET /devices') this.#run(response, `devices ${searchParams.get('text') ?? ''}`);
    else if (route === 'POST /command') this.#command(request, response);
    else answer(response, 404, { error: 'there are GET /nodes, GET /devices?text=TEXT and POST /command' });
  }

  #command(request: IncomingMessage, response: ServerResponse): void {
    // A form in a browser can send text/plain anywhere without asking; JSON it cannot.
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
      answer(response, 415, { error: 'POST /command takes application/json: {"command": "node stop 1"}' });
      return;
    }
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > LONGEST_COMMAND) request.destroy();
    });
    request.on('end', () => {
      const command = commandIn(text);
      if (command === null) answer(response, 400, { error: 'the body is {"command": "node stop 1"}' });
      else this.#run(response, command);
    });
  }

  #run(response: ServerResponse, command: string): void {
    try {
      const { lines, data } = this.#commands.run(command);
      answer(response, 200, data === undefined ? { done: lines.join('\n') } : data);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      answer(response, 400, { error: error.message });
    }
  }
}

function commandIn(text: string): string | null {
  try {
    const { command } = JSON.parse(text) as { command?: unknown };
    return typeof command === 'string' ? command : null;
  } catch {
    return null;
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
