import { anonymous } from './anonymous.ts';
import type { SeenMessage } from './story.ts';

/** Messages of one boot that are compared: a boot has a hundred, one that goes round and round has more to say than anybody reads. */
export const MOST_MESSAGES = 2_000;

/** A message that both boots have may have been sent several times in a row. */
export interface Repeated extends SeenMessage {
  readonly times: number;
}

export type Difference =
  | { readonly kind: 'only-here'; readonly here: Repeated }
  | { readonly kind: 'only-there'; readonly there: Repeated }
  | { readonly kind: 'differs'; readonly here: Repeated; readonly there: Repeated };

/**
 * What one boot has and the other has not, in order. Two messages are the same one when sender and label agree; addresses, names and
 * identifiers are not compared.
 */
export function compareBoots(here: readonly SeenMessage[], there: readonly SeenMessage[]): Difference[] {
  const ours = repeated(here);
  const theirs = repeated(there);
  const table = commonTable(ours, theirs);
  const differences: Difference[] = [];
  let i = 0;
  let j = 0;
  const width = theirs.length + 1;
  while (i < ours.length || j < theirs.length) {
    const mine = ours[i];
    const other = theirs[j];
    if (mine !== undefined && other !== undefined && isSame(mine, other)) {
      if (mine.times !== other.times || anonymous(mine.text) !== anonymous(other.text)) {
        differences.push({ kind: 'differs', here: mine, there: other });
      }
      i++;
      j++;
    } else if (
      other === undefined ||
      (mine !== undefined && table[(i + 1) * width + j]! >= table[i * width + j + 1]!)
    ) {
      differences.push({ kind: 'only-here', here: mine! });
      i++;
    } else {
      differences.push({ kind: 'only-there', there: other });
      j++;
    }
  }
  return differences;
}

/** Length of the longest common subsequence from each pair of places on. */
function commonTable(ours: readonly Repeated[], theirs: readonly Repeated[]): Uint16Array {
  const width = theirs.length + 1;
  const table = new Uint16Array((ours.length + 1) * width);
  for (let i = ours.length - 1; i >= 0; i--) {
    for (let j = theirs.length - 1; j >= 0; j--) {
      table[i * width + j] = isSame(ours[i]!, theirs[j]!)
        ? table[(i + 1) * width + j + 1]! + 1
        : Math.max(table[(i + 1) * width + j]!, table[i * width + j + 1]!);
    }
  }
  return table;
}

function isSame(one: SeenMessage, other: SeenMessage): boolean {
  return one.from === other.from && anonymous(one.label) === anonymous(other.label);
}

function repeated(messages: readonly SeenMessage[]): Repeated[] {
  const list: Repeated[] = [];
  for (const message of messages.slice(0, MOST_MESSAGES)) {
    const last = list.at(-1);
    if (last !== undefined && isSame(last, message)) list[list.length - 1] = { ...last, times: last.times + 1 };
    else list.push({ ...message, times: 1 });
  }
  return list;
}
