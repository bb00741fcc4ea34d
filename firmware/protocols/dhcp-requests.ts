import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import * as dhcp from '../wire/dhcp.ts';
import type { Lease } from './dhcp-lease.ts';

export interface DhcpIdentity {
  readonly mac: Mac;
  /** Option 60, with its trailing NUL where the model sends one. */
  readonly vendorClass: string;
  /** Option 55 in the order sent. */
  readonly parameterRequestList: readonly number[];
  /** Option 12. */
  readonly hostName: string;
}

/** The messages of a client, with the options that RFC 2131 table 5 allows in each. */
export class DhcpRequests {
  readonly #mac: Mac;
  readonly #flags: number;
  readonly #clientIdentifier: Uint8Array;
  readonly #common: dhcp.Options;

  constructor(identity: DhcpIdentity, tunables: TunableValues) {
    this.#mac = identity.mac;
    this.#flags = tunables['dhcp.broadcastFlag'] === 'yes' ? dhcp.BROADCAST_FLAG : 0;
    this.#clientIdentifier = clientIdentifierOf(identity.mac);
    // Spread last wherever it is used: a property added behind a spread takes microseconds.
    this.#common = {
      clientIdentifier: this.#clientIdentifier,
      hostName: identity.hostName,
      vendorClass: identity.vendorClass,
      maximumMessageSize: tunables['dhcp.maximumMessageSize'],
      parameterRequestList: identity.parameterRequestList,
    };
  }

  discover(xid: number, secs: number): dhcp.Message {
    return this.#message(xid, secs, 0, { messageType: dhcp.DISCOVER, ...this.#common });
  }

  /** In answer to an OFFER: names address and server. */
  select(xid: number, secs: number, requestedAddress: Ipv4, serverIdentifier: Ipv4): dhcp.Message {
    const options = { messageType: dhcp.REQUEST, requestedAddress, serverIdentifier, ...this.#common };
    return this.#message(xid, secs, 0, options);
  }

  /** INIT-REBOOT: names the address, "server identifier MUST NOT be filled in" (RFC 2131 section 4.3.2). */
  reboot(xid: number, secs: number, requestedAddress: Ipv4): dhcp.Message {
    return this.#message(xid, secs, 0, { messageType: dhcp.REQUEST, requestedAddress, ...this.#common });
  }

  /** RENEWING and REBINDING: the address stands in `ciaddr` and nowhere else. */
  extend(xid: number, secs: number, ciaddr: Ipv4): dhcp.Message {
    return this.#message(xid, secs, ciaddr, { messageType: dhcp.REQUEST, ...this.#common });
  }

  decline(xid: number, lease: Lease): dhcp.Message {
    return this.#message(xid, 0, 0, {
      messageType: dhcp.DECLINE,
      clientIdentifier: this.#clientIdentifier,
      requestedAddress: lease.address,
      serverIdentifier: lease.server,
    });
  }

  release(xid: number, lease: Lease): dhcp.Message {
    return this.#message(xid, 0, lease.address, {
      messageType: dhcp.RELEASE,
      clientIdentifier: this.#clientIdentifier,
      serverIdentifier: lease.server,
    });
  }

  #message(xid: number, secs: number, ciaddr: Ipv4, options: dhcp.Options): dhcp.Message {
    const type = options.messageType;
    // Table 5: the flag is for messages whose answer could not be delivered otherwise; it is 0 in DECLINE and RELEASE.
    const flags = type === dhcp.DISCOVER || (type === dhcp.REQUEST && ciaddr === 0) ? this.#flags : 0;
    return {
      op: dhcp.BOOTREQUEST,
      hops: 0,
      xid,
      secs,
      flags,
      ciaddr,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: this.#mac,
      sname: '',
      file: '',
      options,
    };
  }
}

/** Hardware type 1 and the address (RFC 2132 section 9.14). */
function clientIdentifierOf(mac: Mac): Uint8Array {
  const octets = new Uint8Array(7);
  octets[0] = 1;
  for (let index = 6, rest = mac; index > 0; index--, rest = Math.floor(rest / 256)) octets[index] = rest % 256;
  return octets;
}
