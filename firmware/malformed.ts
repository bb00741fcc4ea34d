/**
 * What `parse` returns for octets that are not what they claim to be. Garbage on the wire is data, never an exception: each codec holds
 * a few frozen instances, one a reason, so that refusing costs nothing and tests can compare by identity.
 */
export class Malformed {
  readonly protocol: string;
  readonly reason: string;

  constructor(protocol: string, reason: string) {
    this.protocol = protocol;
    this.reason = reason;
    Object.freeze(this);
  }
}

export function isMalformed(value: unknown): value is Malformed {
  return value instanceof Malformed;
}
