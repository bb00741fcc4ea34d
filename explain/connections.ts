import * as tcp from '../firmware/wire/tcp.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Packet } from './packet.ts';
import type { Sight } from './story.ts';
import { TcpStream } from './tcp-stream.ts';

export interface Server {
  readonly address: Ipv4;
  readonly port: number;
}

/** One TCP connection of a phone to a server, seen from beside. Each verb with the frame that shows it. */
export interface Conversation {
  /** The server has taken the connection. */
  connected(sight: Sight): void;
  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void;
  /** Octets are missing in the capture. */
  gap(fromPhone: boolean): void;
  /** Over, by whose wish; `refused`: it never came about. */
  closed(byPhone: boolean, how: 'fin' | 'reset' | 'refused', sight: Sight): void;
}

/** Opens a conversation for a server's port that means something; null for all others. `begins`: the capture has its first segment. */
export type Opener = (server: Server, begins: boolean, sight: Sight) => Conversation | null;

/** Of one phone at once. */
const MAX_CONNECTIONS = 64;

interface Connection {
  readonly conversation: Conversation;
  readonly up: TcpStream;
  readonly down: TcpStream;
  initialSequence: number | null;
  isConnected: boolean;
  isClosed: boolean;
  sight: Sight;
}

type TcpContent = Extract<Packet['content'], { kind: 'tcp' }>;

/** The TCP connections that a phone opens. */
export class Connections {
  readonly #open: Opener;
  readonly #connections = new Map<string, Connection>();

  constructor(open: Opener) {
    this.#open = open;
  }

  take(content: TcpContent, fromPhone: boolean, sight: Sight): void {
    const connection = this.#connectionOf(content, fromPhone, sight);
    if (connection === null || connection.isClosed) return;
    const { segment, payload } = content;
    const { flags } = segment;
    connection.sight = sight;
    if ((flags & tcp.FLAG.syn) !== 0) {
      (fromPhone ? connection.up : connection.down).begin(segment.sequence);
      if (!fromPhone) this.#connected(connection, sight);
      return;
    }
    if (payload.length > 0) {
      this.#connected(connection, sight);
      (fromPhone ? connection.up : connection.down).push(segment.sequence, payload);
    }
    if ((flags & tcp.FLAG.ack) !== 0) {
      (fromPhone ? connection.down : connection.up).acknowledged(segment.acknowledgment);
    }
    if ((flags & (tcp.FLAG.rst | tcp.FLAG.fin)) === 0 || connection.isClosed) return;
    connection.isClosed = true;
    const how = (flags & tcp.FLAG.rst) === 0 ? 'fin' : connection.isConnected ? 'reset' : 'refused';
    connection.conversation.closed(fromPhone, how, sight);
  }

  /** The capture ends: what nobody has taken up by now is refused by silence. */
  finish(): void {
    for (const { conversation, isConnected, isClosed, sight } of this.#connections.values()) {
      if (!isConnected && !isClosed) conversation.closed(true, 'refused', sight);
    }
  }

  #connected(connection: Connection, sight: Sight): void {
    if (connection.isConnected) return;
    connection.isConnected = true;
    connection.conversation.connected(sight);
  }

  #connectionOf(content: TcpContent, fromPhone: boolean, sight: Sight): Connection | null {
    const { source, destination, sourcePort, destinationPort, segment, payload } = content;
    const server = fromPhone ? { address: destination, port: destinationPort } : { address: source, port: sourcePort };
    const key = `${fromPhone ? sourcePort : destinationPort} ${server.address} ${server.port}`;
    const known = this.#connections.get(key);
    const opens = fromPhone && (segment.flags & tcp.FLAG.syn) !== 0;
    if (known !== undefined && (!opens || known.initialSequence === segment.sequence)) return known;
    // In the middle of a connection only octets tell that there is one.
    if (!opens && payload.length === 0) return null;
    const conversation = this.#open(server, opens, sight);
    if (conversation === null) return null;
    const connection = this.#connection(conversation, opens ? segment.sequence : null, sight);
    this.#connections.delete(key);
    this.#connections.set(key, connection);
    if (this.#connections.size > MAX_CONNECTIONS) this.#connections.delete([...this.#connections.keys()][0]!);
    return connection;
  }

  #connection(conversation: Conversation, initialSequence: number | null, sight: Sight): Connection {
    const stream = (fromPhone: boolean) =>
      new TcpStream({
        data: (octets) => conversation.data(octets, fromPhone, connection.sight),
        gap: () => conversation.gap(fromPhone),
      });
    const connection: Connection = {
      conversation,
      up: stream(true),
      down: stream(false),
      initialSequence,
      isConnected: false,
      isClosed: false,
      sight,
    };
    return connection;
  }
}
