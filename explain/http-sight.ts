import { HttpResponse } from '../firmware/protocols/http-response.ts';
import { latin1 } from '../firmware/wire/text.ts';
import type { Conversation, Server } from './connections.ts';
import { type FileRequest, type FileSteps, LARGEST_FILE, stepOfFile } from './file-steps.ts';
import type { Sight, Story } from './story.ts';

/** Request line and header fields; a phone sends two to ten. */
const LONGEST_REQUEST = 8_192;
/** A load is some tens of megabytes; it is counted, not kept. */
const LARGEST_LOAD = 1024 * 1024 * 1024;

/** A connection to port 6970: one file after the other. */
export class HttpSight implements Conversation {
  readonly #server: Server;
  readonly #story: Story;
  readonly #files: FileSteps;
  #head = '';
  #request: FileRequest | null = null;
  #response: HttpResponse | null = null;
  #count = 0;

  constructor(server: Server, story: Story, files: FileSteps) {
    this.#server = server;
    this.#story = story;
    this.#files = files;
  }

  connected(): void {}

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    if (fromPhone) this.#asked(octets, sight);
    else this.#answered(octets, sight);
  }

  /** A file with a hole is none. */
  gap(): void {
    this.#response = null;
    this.#request = null;
  }

  closed(_byPhone: boolean, how: 'fin' | 'reset' | 'refused', sight: Sight): void {
    if (this.#request === null || this.#response === null) return;
    const whole = how === 'fin' && this.#response.end() === 'complete';
    this.#done(whole ? this.#verdict() : 'error', sight);
  }

  #asked(octets: Uint8Array, sight: Sight): void {
    if (this.#head.length + octets.length > LONGEST_REQUEST) return;
    this.#head += latin1(octets);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#head.slice(0, end);
    this.#head = this.#head.slice(end + 4);
    const path = /^GET \/(\S*) HTTP\/1\.\d/.exec(head)?.[1];
    if (path === undefined) return;
    const name = decoded(path);
    this.#story.message('phone', `HTTP GET ${name}`, head.replaceAll('\r\n', '; '), sight);
    this.#request = { name, server: this.#server.address, via: 'http', sight };
    this.#count = 0;
    const sink = {
      begin: () => {
        this.#count = 0;
      },
      push: (piece: Uint8Array) => {
        this.#count += piece.length;
        return true;
      },
    };
    this.#response = stepOfFile(name) === null ? new HttpResponse(LARGEST_LOAD, sink) : new HttpResponse(LARGEST_FILE);
    this.#files.requested(this.#request);
  }

  #answered(octets: Uint8Array, sight: Sight): void {
    if (this.#response === null) return;
    const progress = this.#response.feed(octets);
    if (progress === 'complete') this.#done(this.#verdict(), sight);
    else if (progress !== 'more') this.#done(progress === 'too-large' ? 'too-large' : 'error', sight);
  }

  #verdict(): 'received' | 'not-found' | 'error' {
    const status = this.#response?.status;
    return status === 200 ? 'received' : status === 404 ? 'not-found' : 'error';
  }

  #done(outcome: 'received' | 'not-found' | 'error' | 'too-large', sight: Sight): void {
    const request = this.#request!;
    const response = this.#response!;
    this.#request = null;
    this.#response = null;
    const kept = stepOfFile(request.name) === null ? null : response.octets();
    const bytes = outcome === 'received' ? (kept?.length ?? this.#count) : 0;
    const text = `HTTP ${response.status} ${response.reason}, ${bytes} octets`;
    this.#story.message('network', `HTTP ${response.status} ${request.name}`, text, sight);
    this.#files.answered(request, outcome, bytes, outcome === 'received' ? kept : null, sight);
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
