/** Longest text that the engine copies when it is cut out of a longer one. */
const COPIED_LENGTH = 12;

/** Characters handed to `String.fromCharCode` at once. */
const CHUNK = 4096;

/** A copy that does not keep the whole text alive, as a long piece cut out of it would. */
export function compact(text: string): string {
  if (text.length <= COPIED_LENGTH) return text;
  if (text.length > CHUNK) return compact(text.slice(0, CHUNK)) + compact(text.slice(CHUNK));
  const codes: number[] = [];
  for (let index = 0; index < text.length; index++) codes.push(text.charCodeAt(index));
  return String.fromCharCode(...codes);
}
