/**
 * Numbers that a phone of Sepia never dials, over whichever protocol, and whoever asks for it: those at which somebody waits to help. Both clients ask here before
 * a digit goes out; nothing switches it off.
 *
 * Sources: 3GPP TS 22.101 section 10.1.1 (112, 911, and without a SIM 000, 08, 110, 118, 119, 999); the national numbering plans as ITU-T E.129 presents
 * them; the text and the special numbers of the regulators named beside them. A number that is one somewhere is one here: the same lab may stand anywhere.
 */
const NUMBERS: readonly string[] = (
  '112 911 000 08 110 118 119 999 ' +
  // Two digits: Algeria, France and where its plan is used, Pakistan, Tunisia; three with a leading zero: Mexico, Spain.
  '14 15 16 17 18 060 061 062 065 066 068 080 085 088 091 092 ' +
  // Belgium, Greece, India, Israel; the CIS (101 to 104); Hungary; Argentina; Australia (text, 106); India (ambulance, 108); New Zealand (111).
  '100 101 102 103 104 105 106 107 108 109 111 ' +
  // Italy, Norway, Iran, Korea, Vietnam, Peru, Switzerland, China, Austria, Egypt, Colombia, Chile.
  '113 114 115 116 117 120 122 123 124 125 127 128 129 130 131 132 133 134 135 136 137 138 140 141 144 ' +
  // Czechia, Slovakia, Turkey, Greece, Venezuela, Egypt, Brazil, the Balkans, Thailand, Tunisia.
  '150 151 153 154 155 156 157 158 159 160 165 166 171 177 180 185 190 191 192 193 194 195 196 197 198 199 ' +
  // Poland, the Gulf, Singapore, Hong Kong and the rest of the nine-hundreds; the life lines of North America.
  '912 913 990 991 992 993 994 995 996 997 998 988 ' +
  // Italy, Pakistan, Germany (police beside the road), Thailand, South Africa.
  '1122 1124 1515 1522 1530 1554 1669 1677 10111 10112 10177'
).split(' ');

/** What stands before a number that is to leave a private branch exchange in most of the world; one more can be named by `call.outsidePrefix`. */
const OUTSIDE_PREFIXES: readonly string[] = ['', '0', '9'];

/** Marks between digits that people write and dialling plans ignore (RFC 3966 section 5.1.1), and the sign of the international form. */
const NOT_DIALLED = /[+\-.()\s]/g;

export class EmergencyNumbers {
  readonly #prefixes: readonly string[];

  /** @param outsidePrefix digits dialled for an outside line, beside those that every phone heeds */
  constructor(outsidePrefix: number) {
    this.#prefixes = [...OUTSIDE_PREFIXES, String(outsidePrefix)];
  }

  /** @param number as it would be dialled, or the user part of a URI: parameters and the closing `#` do not count */
  has(number: string): boolean {
    const [plain = ''] = number.replace(NOT_DIALLED, '').split(/[;#,@]/, 1);
    return this.#prefixes.some((prefix) => plain.startsWith(prefix) && NUMBERS.includes(plain.slice(prefix.length)));
  }

  /** Whether these digits are one, or the beginning of one. */
  mayBecome(digits: string): boolean {
    return this.#prefixes.some(
      (prefix) =>
        prefix.startsWith(digits) ||
        (digits.startsWith(prefix) && NUMBERS.some((number) => number.startsWith(digits.slice(prefix.length)))),
    );
  }

  /** Whether a number that is dialled digit by digit was one on the way, after more than `from` of them. */
  passedThrough(digits: string, from: number): boolean {
    for (let length = from + 1; length < digits.length; length++) if (this.has(digits.slice(0, length))) return true;
    return false;
  }
}
