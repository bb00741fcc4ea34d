/**
 * Connections by their four-tuple. One map from a small integer, which engines hash fastest, and chains for the few that share one; the
 * hash is seeded, so that peers cannot choose ports that collide. The local address is always the stack's own.
 */
import type { Ipv4 } from '../../../hal/nic.ts';
import type { Connection } from './connection.ts';

export class ConnectionTable {
  readonly #seed: number;
  readonly #chains = new Map<number, Connection>();
  #size = 0;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  get size(): number {
    return this.#size;
  }

  /** A 32-bit hash of the tuple, not to be guessed without the seed. */
  hash(localPort: number, remoteAddress: Ipv4, remotePort: number): number {
    let hash = Math.imul(this.#seed ^ remoteAddress, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ ((localPort << 16) | remotePort), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  find(localPort: number, remoteAddress: Ipv4, remotePort: number): Connection | null {
    let connection = this.#chains.get(this.hash(localPort, remoteAddress, remotePort)) ?? null;
    while (
      connection !== null &&
      (connection.remotePort !== remotePort ||
        connection.localPort !== localPort ||
        connection.remoteAddress !== remoteAddress)
    ) {
      connection = connection.chained;
    }
    return connection;
  }

  add(connection: Connection): void {
    const key = this.hash(connection.localPort, connection.remoteAddress, connection.remotePort);
    connection.chained = this.#chains.get(key) ?? null;
    this.#chains.set(key, connection);
    this.#size++;
  }

  remove(connection: Connection): void {
    const key = this.hash(connection.localPort, connection.remoteAddress, connection.remotePort);
    let previous: Connection | null = null;
    for (let at = this.#chains.get(key) ?? null; at !== null; previous = at, at = at.chained) {
      if (at !== connection) continue;
      if (previous !== null) previous.chained = at.chained;
      else if (at.chained !== null) this.#chains.set(key, at.chained);
      else this.#chains.delete(key);
      at.chained = null;
      this.#size--;
      return;
    }
  }

  *[Symbol.iterator](): Generator<Connection> {
    for (const first of this.#chains.values()) {
      for (let at: Connection | null = first; at !== null; at = at.chained) yield at;
    }
  }
}
