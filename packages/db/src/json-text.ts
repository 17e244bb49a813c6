/** JSON text keeps NUL and lone surrogates as escapes. An even run of backslashes before is no escape. */
const REFUSED = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/

/** Whether PostgreSQL's `jsonb` takes what `JSON.stringify` made: it takes neither NUL nor half of a character. */
export function fitsJsonb(text: string): boolean {
  return !text.includes('\\u') || !REFUSED.test(text)
}
