/** What the two processes of the TLS bench agree on. */

/** Address of the first phone that the server knows. */
export const FIRST_MAC = 0x0200_5e00_0000;
export const SECURE_PORT = 24_430;
