/** How text is set off on a terminal; plain text elsewhere, and where NO_COLOR is set (https://no-color.org). */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
  bright(text: string): string;
}

const PLAIN: Style = { good: asIs, bad: asIs, dim: asIs, bright: asIs };
const COLORED: Style = { good: sgr(32), bad: sgr(31), dim: sgr(2), bright: sgr(1) };

export function styleFor(stream: { readonly isTTY?: boolean }): Style {
  const refused = process.env.NO_COLOR !== undefined && process.env.NO_COLOR !== '';
  return stream.isTTY === true && !refused && process.env.TERM !== 'dumb' ? COLORED : PLAIN;
}

function asIs(text: string): string {
  return text;
}

function sgr(code: number): (text: string) => string {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}
