/** What reading storage gives for octets that are not what they should be: a value, never an exception. */
export interface Malformed {
  /** One clause in lower case: `the magic is missing`. */
  readonly malformed: string;
}

export function malformed(reason: string): Malformed {
  return Object.freeze({ malformed: reason });
}

export function isMalformed(value: object): value is Malformed {
  return 'malformed' in value;
}
